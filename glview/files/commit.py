"""Replace a file by a new version of itself, wholly or not at all.

The new version is written beside it, synced, walked, and only then renamed over the old one.
"""

import errno
import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from glview.files import ReadError
from glview.files.disk import sync_folder, write_all
from glview.files.header import BLOCK, scan
from glview.files.source import path_text, stamp_of

PIECE = 1 << 24
_NO_FAST_COPY = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF)
_HINTS = {
    errno.ENOSPC: "the disk is full; free some space, or save to another disk",
    errno.EDQUOT: "your disk quota is used up; free some space, or save to another disk",
    errno.EACCES: "you may not write there; change its permissions or copy the image to a folder "
    "of yours",
    errno.EPERM: "you may not write there; change its permissions or copy the image to a folder "
    "of yours",
    errno.EFBIG: "the file would become larger than files may be here; save to another disk",
    errno.EROFS: "the disk is read-only; copy the image to a folder of yours",
}


class SaveError(Exception):
    """The mask was not saved; the message says why.

    state: "unchanged", every file is as it was; or "unfinished", the image's own bytes are, but
    behind them may lie an extension GLV_PENDING, which glview removes when it opens the file.
    beside: True if it was to be in a side file.
    """

    beside = False

    def __init__(self, message, state="unchanged"):
        super().__init__(message)
        self.state = state


class ChangedError(SaveError):
    """Another program changed the file, so the mask may not fit it.

    why: that, without advice. removed: True if there is none any more.
    """

    def __init__(self, why, advice="", removed=False):
        super().__init__(f"{why}; {advice}" if advice else why)
        self.why, self.removed = why, removed


@dataclass(frozen=True)
class Version:
    """What a new version of `path` is made of.

    source: Source of the old version, or None. spans: (start, end) byte ranges kept of it.
    parts: byte strings that follow. hdus: how many HDUs the result must have.
    stamp: the old version's stamp, None if there must be no file yet.
    """

    path: Path
    source: object
    spans: tuple
    parts: tuple
    hdus: int
    stamp: tuple | None


def commit(version):
    """Write it. Returns (the stamp of what was written, a sentence of warning or "").

    Raises SaveError; then nothing changed. It is a ChangedError if `path` is no longer the old
    version. The stamp is taken before others can reach the file, so what they do to it is seen.
    """
    temporary = None
    try:
        _sweep(version.path)
        temporary, fd = _temporary(version.path, 0o600 if version.source else 0o666)
        try:
            _fill(fd, version)
        finally:
            os.close(fd)
        stamp = stamp_of(os.stat(temporary))  # now, for some disks set the time at the closing
        if stamp_if_there(version.path) != version.stamp:
            raise ChangedError(f"{version.path.name} was changed by another program meanwhile")
        os.replace(temporary, version.path)
        temporary = None
    except (OSError, ReadError) as error:
        raise SaveError(explain(error, version.path)) from error
    finally:
        if temporary is not None:
            with suppress(OSError):  # the next save sweeps it up
                os.unlink(temporary)
    try:
        sync_folder(version.path.parent)
    except OSError as error:
        return stamp, f"saved, but the folder could not be synced ({error.strerror})"
    return stamp, ""


def explain(error, path):
    """A sentence for the user about an error while saving to `path`."""
    number = getattr(error, "errno", None)
    hint = _HINTS.get(number) or getattr(error, "strerror", None) or str(error)
    return f"{path_text(path)} could not be saved: {hint}"


def stamp_if_there(path):
    """`source.stamp_of` a file, None if there is none."""
    try:
        return stamp_of(os.stat(path))
    except (FileNotFoundError, NotADirectoryError):
        return None


def _temporary(path, mode):
    """A new locked file beside `path`: the lock tells a living save from one that was killed."""
    name = path.parent / f".{os.getpid():x}-{os.urandom(4).hex()}{_ending(path)}"
    fd = os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, mode)
    lock(fd)
    return name, fd


def _ending(path):
    return f"-{os.fsdecode(os.fsencode(path.name)[:180])}.glview-part"


def lock(fd):
    """Lock an open file against other savers.

    True if that succeeded, False if another has it, None where the disk gives no locks.
    """
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def unlock(fd):
    """Let others save; the file's closing would too, but what holds it open may live on."""
    with suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_UN)


def _sweep(path):
    """Remove what killed saves of this very file left behind."""
    ending = _ending(path)
    try:
        names = os.listdir(path.parent)
    except OSError:  # a folder that may be written but not listed
        return
    for name in names:
        if not (name.startswith(".") and name.endswith(ending)):
            continue
        try:
            fd = os.open(path.parent / name, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            if lock(fd):
                os.unlink(path.parent / name)
        except OSError:
            continue
        finally:
            os.close(fd)


def _fill(fd, version):
    size = 0
    for start, end in version.spans:
        _copy(version.source.fd, fd, start, end)
        size += end - start
    for part in (bytes(-size % BLOCK), *version.parts):
        write_all(fd, part)
        size += len(part)
    if version.source is not None:
        _take_over(version.source.fd, fd)
    os.fsync(fd)
    if os.fstat(fd).st_size != size:
        raise SaveError(f"{version.path.name} could not be saved: the disk kept only a part of it")
    found = scan(fd)
    if found.problem or len(found.hdus) != version.hdus or found.hdus[-1].end != size:
        raise SaveError(f"{version.path.name} could not be saved: the copy is not whole")


def _copy(source, target, start, end):
    """Append bytes [start, end) of one descriptor to another."""
    fast = hasattr(os, "copy_file_range")  # Linux
    while start < end:
        count = 0
        if fast:
            try:
                count = os.copy_file_range(source, target, min(end - start, 1 << 30), start)
            except OSError as error:
                if error.errno not in _NO_FAST_COPY:
                    raise
            fast = count > 0
        if not count:
            piece = os.pread(source, min(end - start, PIECE), start)
            if not piece:
                raise SaveError("the image became shorter while it was being saved")
            write_all(target, piece)
            count = len(piece)
        start += count


def _take_over(source, target):
    """Permissions always; owner and extended attributes as far as we may."""
    status = os.fstat(source)
    for name in _attributes(source):
        with suppress(OSError):  # some are the system's own
            os.setxattr(target, name, os.getxattr(source, name))
    with suppress(OSError):  # only root gives files away
        os.fchown(target, status.st_uid, status.st_gid)
    os.fchmod(target, status.st_mode & 0o7777)


def _attributes(fd):
    try:
        return os.listxattr(fd)
    except (OSError, AttributeError):  # neither every disk has them nor every system
        return []
