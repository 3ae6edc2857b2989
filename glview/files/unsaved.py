"""The folder of what is not saved yet: which files there belong to which picture.

A picture is named by the path of its file, links followed, and by its place in it.  Of each file
that is open a lock says so; it ends with the process, however that ends.
"""

import errno
import fcntl
import json
import os
import platform
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from glview.files.disk import make_folder, name_of

LONGEST_KEPT = 90 * 86400  # seconds after its last edit that the log of a killed glview is kept
MOST_BYTES = 4 << 30  # of all that is kept; the oldest goes first
LOG, CONFIDENCE, TILES, LOCK, LEFT = ".glog", ".conf", ".tiles", ".lock", ".left"
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


class ClaimedError(Exception):
    """Another glview has the file open; the message says which."""


@dataclass(frozen=True)
class Place:
    """Where one picture's log and confidence are kept.  name: of the file's path; hdu, plane: of
    the picture."""

    folder: Path
    name: str
    hdu: int
    plane: int

    @classmethod
    def of(cls, folder, image):
        """The Place of an Image that has a path."""
        return cls(Path(folder), name_of(image.path)[:24], image.hdu, image.plane)

    @property
    def stem(self):
        return f"{self.name}-{self.hdu}-{self.plane}"

    @property
    def log(self):
        return self.folder / f"{self.stem}{LOG}"

    @property
    def tiles(self):
        """The file for what has come of a search that is under way."""
        return self.folder / f"{self.stem}{TILES}"

    def confidence(self, number):
        """The file for the picture's confidence of that number."""
        return self.folder / f"{self.stem}-{number}{CONFIDENCE}"

    def number(self, name):
        """The number of the confidence whose file has this name; 0 for another file's."""
        text = name.removeprefix(f"{self.stem}-").removesuffix(CONFIDENCE)
        known = text.isdecimal() and self.confidence(int(text)).name == name
        return int(text) if known else 0

    @property
    def numbers(self):
        """The numbers of those that are there."""
        found = self.folder.glob(f"{self.stem}-*{CONFIDENCE}")
        return {self.number(path.name) for path in found} - {0}

    def remove(self, numbers):
        """Remove the confidences of these numbers."""
        for number in numbers:
            self.confidence(number).unlink(missing_ok=True)

    def copy_aside(self):
        """Copy a log of which a part cannot be used, before that is cut off; returns the path."""
        return shutil.copyfile(self.log, self.log.with_suffix(LEFT))

    def put_aside(self):
        """Rename a log that cannot be used, so that it is in nobody's way; returns its new path."""
        return self.log.rename(self.log.with_suffix(LEFT))


class Claim:
    """The right to change a file, which only one glview at a time has.

    Raises ClaimedError, or OSError where the folder cannot be written.
    """

    def __init__(self, folder, name):
        make_folder(folder)
        self._path = folder / f"{name}{LOCK}"
        self._fd = None
        while self._fd is None:  # until the file that is locked is the one of that name
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                _lock(fd)
                if _same(fd, self._path):
                    self._fd = fd
            finally:
                if self._fd is None:
                    os.close(fd)
        text = json.dumps({"pid": os.getpid(), "host": platform.node()}).encode()
        with suppress(OSError):  # on a full disk it is a lock without a name in it
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, text, 0)

    def release(self):
        """Give it back."""
        if self._fd is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = None


class Claims:
    """Those of this process, by name; any thread."""

    def __init__(self):
        self._held, self._lock = {}, threading.Lock()

    def take(self, place):
        """Claim the file of a Place, unless that is done already; raises what Claim raises."""
        with self._lock:
            if place.name not in self._held:
                self._held[place.name] = Claim(place.folder, place.name)

    @property
    def names(self):
        return list(self._held)

    def release(self, names):
        """Give back those of these names."""
        with self._lock:
            for name in names:
                self._held.pop(name).release()


def _lock(fd):
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ClaimedError(_holder(fd)) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:  # then nobody can be kept out
            raise


def _holder(fd):
    """Who wrote the lock, in words."""
    try:
        held = json.loads(os.pread(fd, 4096, 0))
        return f"process {int(held['pid'])} on {held['host']}"
    except (OSError, ValueError, TypeError, LookupError):
        return "another process"


def _same(fd, path):
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def sweep(folder, now=None):
    """Remove what is too old or too much; files of a glview that runs are left alone."""
    kept, now = {}, time.time() if now is None else now
    for path in Path(folder).glob("*"):
        if path.suffix in (LOG, CONFIDENCE, TILES, LOCK, LEFT, ".part"):
            kept.setdefault(path.name.partition(".")[0].partition("-")[0], []).append(path)
    groups = sorted(((*_age_and_size(paths, now), name) for name, paths in kept.items()))
    total = 0
    for age, size, name in groups:
        total += size
        useless = all(path.suffix in (LOCK, ".part") for path in kept[name])
        if age > LONGEST_KEPT or total > MOST_BYTES or useless:
            _remove(Path(folder), name, kept[name])


def _age_and_size(paths, now):
    found = [path.stat() for path in paths if path.exists()]
    return (now - max((one.st_mtime for one in found), default=now),
            sum(one.st_size for one in found))


def _remove(folder, name, paths):
    try:
        claim = Claim(folder, name)
    except (ClaimedError, OSError):
        return
    for path in paths:
        if path.suffix != LOCK:
            path.unlink(missing_ok=True)
    claim.release()
