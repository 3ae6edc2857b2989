"""Pixels that two processes share, as a nameless file mapped into memory.  No torch here.

A file and not multiprocessing.shared_memory, because the room can be reserved: a full /dev/shm
then is an error that can be told, where a write into a missing page would kill the process.
It has no name, so nothing is left of it however the processes end.
"""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from glview.models.registry import ModelError

_MEMORY = Path("/dev/shm")


class Block:
    """A new (H, W) float32 array of zeros; a child that inherits `fd` can `attach` it.

    Raises ModelError where there is no room for it.
    """

    def __init__(self, shape):
        nbytes = 4 * shape[0] * shape[1]
        folder = _folder(nbytes)
        try:
            self._file = tempfile.TemporaryFile(dir=folder)
            self._reserve(nbytes)
            self.array = attach(self._file.fileno(), shape)
        except OSError as error:
            raise ModelError(
                f"no room for {nbytes / 1e6:.0f} MB of shared pixels in {folder}"
                f" ({error.strerror}); free some, or set TMPDIR to a folder with room"
            ) from error

    @property
    def fd(self):
        """The file's descriptor, open as long as the Block is not closed."""
        return self._file.fileno()

    def close(self):
        """Give it back; the room is free when the other process has ended, too."""
        self.array = None
        self._file.close()

    def _reserve(self, nbytes):
        self._file.truncate(nbytes)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._file.fileno(), 0, nbytes)


def attach(fd, shape):
    """The (H, W) float32 array of a block's descriptor, shared and writable."""
    with os.fdopen(os.dup(fd), "r+b") as file:
        return np.memmap(file, np.float32, "r+", shape=tuple(shape)).view(np.ndarray)


def _folder(nbytes):
    """Where a block should lie: in memory if there is room to spare, else the temporary folder."""
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > 1.1 * nbytes:
        return str(_MEMORY)
    return tempfile.gettempdir()
