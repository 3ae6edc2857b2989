"""Arrays that two processes share, as files mapped into memory.  No torch here.

Files and not multiprocessing.shared_memory, because the room can be reserved: a full /dev/shm
then is an error that can be told, where a write into a missing page would kill the process;
and because a child's resource tracker would unlink the parent's block on Python before 3.13.
"""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from glview.models.registry import ModelError

_MEMORY = Path("/dev/shm")


def _folder(nbytes):
    """Where a block should lie: in memory if there is room to spare, else the temporary folder."""
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > 1.1 * nbytes:
        return str(_MEMORY)
    return tempfile.gettempdir()


class Block:
    """A new (H, W) float32 array of zeros that another process can `attach`.

    The array lives as long as anyone holds it, also after `unlink`.
    Raises ModelError where there is no room for it.
    """

    def __init__(self, shape):
        nbytes = 4 * shape[0] * shape[1]
        folder = _folder(2 * nbytes)
        try:
            handle, self.path = tempfile.mkstemp(prefix="glview-", suffix=".f32", dir=folder)
            with os.fdopen(handle, "wb") as file:
                file.truncate(nbytes)
            self.array = attach(self.path, shape)
        except OSError as error:
            raise ModelError(_no_room(nbytes, folder, error)) from error
        self._shape = shape

    def reserve(self):
        """Take the room from the file system; raises ModelError if it is not there.

        Touches every page, so it belongs on a worker.
        """
        if not hasattr(os, "posix_fallocate"):
            return
        nbytes = 4 * self._shape[0] * self._shape[1]
        try:
            with open(self.path, "r+b") as file:
                os.posix_fallocate(file.fileno(), 0, nbytes)
        except OSError as error:
            raise ModelError(_no_room(nbytes, os.path.dirname(self.path), error)) from error

    def unlink(self):
        """Remove the name.  May be called twice; systems that keep open files refuse till later."""
        try:
            os.unlink(self.path)
        except (FileNotFoundError, PermissionError):
            return


def attach(path, shape):
    """The (H, W) float32 array of a block's file, shared and writable."""
    return np.memmap(path, np.float32, "r+", shape=tuple(shape)).view(np.ndarray)


def _no_room(nbytes, folder, error):
    return (
        f"no room for {nbytes / 1e6:.0f} MB of shared pixels in {folder} ({error.strerror});"
        " free some, or set TMPDIR to a folder with room"
    )
