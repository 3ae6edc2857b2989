"""What everyone who writes files asks of a disk: all bytes, names that a power cut leaves there."""

import errno
import hashlib
import os

PIECE = 1 << 22
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)


def write_all(fd, data, offset=None):
    """Write all of it, at `offset` or where the descriptor stands."""
    left = memoryview(data)
    while left:
        if offset is None:
            count = os.write(fd, left[:PIECE])
        else:
            count = os.pwrite(fd, left[:PIECE], offset)
            offset += count
        left = left[count:]


def sync_folder(folder):
    """Have the disk keep the names in a folder: new files, renamings, removals.

    Raises OSError; not where a disk cannot sync folders at all.
    """
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(fd)


def make_folder(folder):
    """Make a folder (a Path), for its owner alone, and those that it lies in, all kept by the disk:
    what is synced in a folder whose own name is lost is lost with it.  Raises OSError."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)


def name_of(path):
    """32 hexadecimal digits that stand for the path of a file, links followed."""
    return hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:32]
