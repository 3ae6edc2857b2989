"""gzip, bzip2 and xz files, unpacked into a nameless temporary file that is read like any other."""

import os
import shutil
import time

from glview.files import ReadError
from glview.files.source import Source, most_unpacked

CHUNK = 1 << 18  # larger pieces are fresh memory each time, which costs more than their unpacking
PERIOD = 0.25  # seconds between two words about the progress


class Growing(Source):
    """What has been unpacked so far: its size stays, whatever is written behind it."""

    def check(self):
        """Nobody else can write here."""


def unpack(source, kind, progress=None):
    """A Source of the unpacked bytes, as far as they can be unpacked.

    source: of the packed file. kind: "gzip", "bzip2" or "xz".
    progress: progress(share, growing) or None, called here every PERIOD: share: of the packed bytes
        that were used up. growing(): a Source of what is unpacked so far. What it raises ends the
        work and frees the temporary file.
    Raises ReadError where nothing comes out or too much, or no room is left for it.
    """
    from tempfile import TemporaryFile

    with TemporaryFile(buffering=0) as target:
        watch = _Watch(source, kind, target, progress)
        for opener in _openers(kind):
            target.seek(0)
            problem = _copy(source, opener, target, watch)
            if not problem:
                break
        fd = os.dup(target.fileno())
    unpacked = Source(fd, source.path, kind)
    if not unpacked.size:
        raise ReadError(f"{source.name} cannot be unpacked: {problem or 'nothing is inside'}")
    if problem:
        unpacked.notes = (f"{kind} data is damaged or cut off ({problem}): the rest is missing",)
    return unpacked


class _Watch:
    """Tells `progress`, but not too often."""

    def __init__(self, source, kind, target, progress):
        self.source, self.kind, self.target, self.progress = source, kind, target, progress
        self.last = time.monotonic()

    def __call__(self, used):
        if self.progress is None or time.monotonic() - self.last < PERIOD:
            return
        self.progress(min(used / self.source.size, 1.0), self.growing)
        self.last = time.monotonic()

    def growing(self):
        return Growing(os.dup(self.target.fileno()), self.source.path, self.kind)


def _copy(source, opener, target, watch):
    """Copy until the end or the first error; returns what was wrong, or ""."""
    room = shutil.disk_usage(target.fileno()).free
    total, limit, damage = 0, most_unpacked(source.size, room), _damage()
    with source.file() as packed, opener(packed) as file:
        while True:
            try:
                chunk = file.read1(CHUNK)
            except damage as error:
                return str(error) or type(error).__name__
            if not chunk:
                return ""
            total += len(chunk)
            if total > limit:
                size = f"{limit / (1 << 30):.1f} GiB"
                wrong = f"{source.name} unpacks to more than {size}, which looks like a trap"
                raise ReadError(f"{wrong}; if it is real, unpack it by hand first")
            _write(source, target, chunk)
            watch(packed.tell())


def _write(source, target, chunk):
    try:
        while chunk:
            chunk = chunk[target.write(chunk) :]
    except OSError as error:
        wrong = f"no room to unpack {source.name}: {error.strerror}"
        raise ReadError(f"{wrong}; set TMPDIR to a folder with more space") from error


def _damage():
    """What unpackers raise over damaged data."""
    import zlib
    from lzma import LZMAError

    from isal import isal_zlib

    return EOFError, OSError, ValueError, zlib.error, LZMAError, isal_zlib.error


def _openers(kind):
    """What unpacks that kind, each tried if the one before it met damage.

    isal is several times faster than gzip, but keeps what it unpacked last before an error.
    """
    if kind == "bzip2":
        from bz2 import BZ2File

        return (BZ2File,)
    if kind == "xz":
        from lzma import LZMAFile

        return (LZMAFile,)
    from gzip import GzipFile

    from isal.igzip import IGzipFile

    return (lambda file: IGzipFile(fileobj=file)), (lambda file: GzipFile(fileobj=file))
