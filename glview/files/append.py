"""Save at the end of a file, in place: what lies before is never written to.

At every moment the file is a valid FITS file whose old bytes are there: first a placeholder
extension is put over the new space, then the content, and last the header that replaces it. A
journal (`files.journal`) lets `files.recovery` finish or undo what is cut short at any step.
"""

import errno
import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from glview.files import ReadError
from glview.files.commit import ChangedError, SaveError, commit, explain, lock
from glview.files.disk import write_all
from glview.files.fits import is_own, is_pending
from glview.files.header import scan
from glview.files.journal import Plan, begin, exists, folder, set_aside
from glview.files.recovery import FOREIGN, UNTOUCHED, back, forward, state_of
from glview.files.source import path_text, stamp_of

SMALL = 64 << 20  # bytes: a file that is copied in no time, for a copy needs no recovery
NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs",
           "fuse")
_NO_RESERVE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ENODEV)


class UnsuitableError(Exception):
    """A file cannot be saved into in this way, and was not touched; the message says why."""


def put(version, method):
    """Put a `commit.Version` of an existing, locked file in place: at its end, or as a copy.

    method: "auto", "append" or "copy". Returns (the one used, why the other way was barred or "",
    the new version's stamp, a warning or ""). Raises SaveError, and UnsuitableError where it cannot
    be done like that.
    """
    status, folder_open = os.fstat(version.source.fd), os.access(version.path.parent, os.W_OK)
    small = status.st_size < SMALL and status.st_nlink == 1
    if method == "auto" and small and folder_open:
        return _copy_or_append(version)
    why = ""
    if method != "copy":
        try:
            return "append", "", *append(version, method == "auto")
        except UnsuitableError as error:
            if method == "append":
                raise
            why = str(error)
    if not folder_open:
        raise UnsuitableError(f"the folder of {version.path.name} is write-protected")
    stamp, warning = commit(version)
    if others := status.st_nlink - 1:
        parted = (f"{version.path.name} had {others} other name{'s' * (others > 1)} (hard links): "
                  "what they name is the file without this mask")
        warning = " ".join(filter(None, [warning, parted]))
    return "copy", why, stamp, warning


def _copy_or_append(version):
    try:
        return "copy", "", *commit(version)
    except SaveError as error:
        if getattr(error.__cause__, "errno", None) not in (errno.ENOSPC, errno.EDQUOT):
            raise
        try:
            return "append", "the disk has no room for a copy", *append(version)
        except UnsuitableError:
            raise error from error.__cause__


def append(version, careful=True):
    """Write the end of a `commit.Version` into its file. Returns (its new stamp, a warning or "").

    careful: not where the disk is another machine's, for what such a disk promises is in doubt.
    Raises UnsuitableError before anything was written, SaveError afterwards; it is a ChangedError
    if another program wrote to the file meanwhile. That is seen by its size and time, except while
    the header is written at the very end, within one tick of the disk's clock, and, on a network
    disk, where glview's own writing may change the time late.
    """
    _check(version, careful)
    at, parts = tail_of(version)
    try:
        fd = os.open(version.path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise UnsuitableError(f"it cannot be opened for writing ({error.strerror})") from error
    try:
        if stamp_of(os.fstat(fd)) != version.stamp:
            raise ChangedError(f"{version.path.name} was changed by another program meanwhile")
        return _write(fd, version, at, parts)
    finally:
        with suppress(OSError):  # what counts was synced, or is being told
            os.close(fd)


def barrier(source, kept, careful=True):
    """What keeps the end of a file from being written in place, as far as it can be seen before.

    source: the open file; kept: the `spans` that stay of it; careful: see `append`. Returns a
    reason, or "".
    """
    if not hasattr(os, "posix_fallocate"):
        return "this system cannot set space aside"
    if careful and (kind := _network(source.fd)):
        return f"it is on a network disk ({kind})"
    found, (at, _) = scan(source.fd), _cut(kept)
    if found.problem or found.hdus[-1].end != found.size:
        return "its last extension is not padded to a whole block"
    if any(one.header_offset >= at and not (is_own(one) or is_pending(one)) for one in found.hdus):
        return "another program's extension lies behind the old mask"
    return ""


def spans(source, hdus):
    """The (start, end) bytes of some HDUs of a file; source: it, open, or None where hdus is []."""
    return tuple((one.header_offset, min(one.end, source.size)) for one in hdus)


def _cut(kept):
    """(where the first gap between spans is, the spans behind it)."""
    left, at = list(kept), 0
    while left and left[0][0] == at:
        at = left.pop(0)[1]
    return at, left


def _check(version, careful):
    """Raise UnsuitableError where this system or the disk does not give what the protocol needs."""
    if why := barrier(version.source, version.spans, careful):
        raise UnsuitableError(why)
    if not lock(version.source.fd):
        raise UnsuitableError("its disk gives no locks")
    if exists(version.path):
        raise UnsuitableError("an earlier save was cut short and could not be cleared up")


def tail_of(version):
    """(at, parts): what is to stand in a Version's file from a byte on; all before stays.

    parts: byte strings, of which the first is a whole header. Nothing but glview's own may lie
    behind that byte, see `barrier`.
    """
    at, left = _cut(version.spans)
    data_of = {one.header_offset: one.data_offset for one in scan(version.source.fd).hdus}
    parts = []
    for start, end in left:
        data = data_of[start]
        parts += [version.source.read(start, data - start), version.source.read(data, end - data)]
    return at, (*parts, *version.parts)


def _write(fd, version, at, parts):
    header, *body = parts
    digest = hashlib.sha256()
    for part in body:
        digest.update(part)
    end = at + sum(map(len, parts))
    own = _Own(fd, version)
    plan = Plan(version.stamp, at, end, secrets.token_hex(16), header, digest.hexdigest())
    try:
        journal = begin(version.path, fd, plan)
    except OSError as error:
        raise UnsuitableError(f"no journal can be kept in {path_text(folder())} "
                              f"({error.strerror or error})") from error
    try:
        _reserve(own, plan)
        _fill(own, plan, body)
        own.check(os.stat(version.path))
        forward(fd, journal)
        _verify(fd, version, plan)
    except BaseException as error:
        _undo(own, version, journal, error)
        raise
    stamp = stamp_of(os.fstat(fd))
    try:
        journal.end(version.path, stamp)
    except OSError as error:
        told = f"saved, but {path_text(journal.place)} could not be removed ({error.strerror})"
        return stamp, told
    return stamp, ""


class _Own:
    """A file that is written to, and its stamp after the last own write: before the next it is
    another if another program wrote.

    fd: its descriptor. others: True once that was seen.
    """

    def __init__(self, fd, version):
        self.fd, self.others = fd, False
        self._name, self._stamp = version.path.name, version.stamp
        self._compared = 1 if _network(fd) else None  # of the stamp: the inode alone, or all

    def check(self, status=None):
        """Raise ChangedError if the file, or one of this status, is no longer as it was left."""
        now = stamp_of(os.fstat(self.fd) if status is None else status)
        if now[: self._compared] != self._stamp[: self._compared]:
            self.others = now[0] == self._stamp[0]
            how = "changed" if self.others else "replaced"
            raise ChangedError(f"{self._name} was {how} by another program meanwhile")

    def reserve(self, start, end):
        """Take space. Raises OSError."""
        self.check()
        os.posix_fallocate(self.fd, start, end - start)
        self._stamp = stamp_of(os.fstat(self.fd))

    def write(self, data, place):
        """Write data at a place. Raises OSError."""
        self.check()
        write_all(self.fd, data, place)
        self._stamp = stamp_of(os.fstat(self.fd))


def _reserve(own, plan):
    """Take the space before anything is written: a full disk is told here."""
    if plan.end <= plan.old_end:
        return
    try:
        own.reserve(plan.old_end, plan.end)
    except OSError as error:
        if error.errno in _NO_RESERVE:
            raise UnsuitableError("its disk cannot set space aside") from error
        raise


def _fill(own, plan, body):
    """The placeholder, then all behind the header. What comes after a sync never reaches the disk
    before it, not even when the power fails."""
    own.write(plan.placeholder, plan.at)
    os.fdatasync(own.fd)
    place = plan.at + len(plan.header)
    for part in body:
        own.write(part, place)
        place += len(part)
    os.fdatasync(own.fd)


def _verify(fd, version, plan):
    found = scan(fd)
    if found.problem or len(found.hdus) != version.hdus or found.hdus[-1].end != plan.end:
        raise SaveError(f"{version.path.name} could not be saved: the new end is not whole")


def _undo(own, version, journal, error):
    """Put everything back; raises SaveError, or leaves that to the caller if `error` says it.

    A file in which another program wrote over what the save did is left to that one.
    """
    try:
        state = state_of(own.fd, journal)
        if state == FOREIGN:
            set_aside(version.path)
        else:
            if state != UNTOUCHED:
                back(own.fd, journal)
            # What others changed is not to pass with readers for what a save did.
            now = version.stamp if own.others else stamp_of(os.fstat(own.fd))
            journal.end(version.path, now)
    except OSError as worse:
        raise SaveError(
            f"{explain(error, version.path)}; what was begun could not be taken back "
            f"({worse.strerror or worse}): the image is as it was, but an unfinished extension may "
            "lie behind it until glview opens the file again", state="unfinished") from error
    if isinstance(error, OSError | ReadError):
        raise SaveError(explain(error, version.path)) from error


def _network(file):
    """The kind of a file's file system, as `file_system` says, if it is a network's, or ""."""
    kind = file_system(file)
    return kind if kind.split(".")[0] in NETWORK else ""


def file_system(file):
    """The kind of the file system of a file (a path or a descriptor), as Linux names it, or ""."""
    device = os.stat(file).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    kinds = [line.partition(" - ")[2].split() for line in lines if line.split()[2] == wanted]
    return kinds[0][0] if kinds and kinds[0] else ""
