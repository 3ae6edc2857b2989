"""An open file that is read by position.

Files are never mapped into memory: when another program shortens a mapped file, the process dies
with SIGBUS, whereas a read that comes back short is an error that can be told.
"""

import io
import os
import stat
import threading
import weakref

from glview.files import ReadError, shown_name

MAX_UNPACKED = 8 << 30  # bytes, unless there is room for more
MAX_RATIO = 200
ALWAYS_ALLOWED = 1 << 30
PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}


class FileChangedError(ReadError):
    """Another program changed the file while it was open here: nothing of it can be trusted.

    name: of the file, as the user sees it.
    """

    fatal = True

    def __init__(self, name, what):
        super().__init__(f"{name} {what}; open it again")
        self.name = name


class Source:
    """A regular file held open for reading; safe to use from several threads.

    fd: the file descriptor, closed with this object. path: where the file is.
    name: what the user sees. packed: "gzip", "bzip2", "xz" or "" for a file that is as it is.
    notes: sentences for the user. size: bytes (of the unpacked file).
    shared: what the readers of this file's parts keep together, by name, as long as it is open.
    """

    def __init__(self, fd, path, packed="", notes=()):
        self._close = weakref.finalize(self, os.close, fd)
        self.fd, self.path, self.packed, self.notes = fd, path, packed, tuple(notes)
        self.name = shown_name(path)
        self.shared = {}
        self.position = threading.Lock()  # for who moves the descriptor's own position
        self.stamp = stamp_of(os.fstat(fd))
        self.size = self.stamp[1]

    def read(self, offset, size):
        """Up to `size` bytes from `offset`; fewer at the end of the file. Raises ReadError."""
        try:
            return os.pread(self.fd, size, offset)
        except OSError as error:
            raise ReadError(f"{self.name} cannot be read: {error.strerror}") from error

    def fill(self, view, offset):
        """Fill a writable byte memoryview from `offset`. Raises FileChangedError, ReadError."""
        done = 0
        while done < len(view):
            try:
                count = os.preadv(self.fd, [view[done : done + (1 << 30)]], offset + done)
            except OSError as error:
                raise ReadError(f"{self.name} cannot be read: {error.strerror}") from error
            if not count:
                raise FileChangedError(self.name, "became shorter while open")
            done += count

    def check(self):
        """Raise FileChangedError if the file's size or time is no longer that of the opening, and
        not only because glview itself saved a mask behind what is read here."""
        for _ in range(3):  # a save may end between two looks
            now = stamp_of(os.fstat(self.fd))
            if now == self.stamp or self._only_saved(now):
                return
        raise FileChangedError(self.name, "changed on disk since it was opened")

    def _only_saved(self, now):
        from glview.files.journal import only_saved

        known = only_saved(self.path, self.stamp, now)
        if known is True:  # not while the save is under way, when the next look finds another time
            self.stamp = now
        return bool(known)

    def advise(self, kind):
        """Tell the system how the file will be read: "normal", "random", "sequential", "dontneed".

        Random keeps a disk from reading ahead of each row of a thin sample.
        """
        if hasattr(os, "posix_fadvise"):  # not on macOS
            os.posix_fadvise(self.fd, 0, 0, getattr(os, f"POSIX_FADV_{kind.upper()}"))

    def expect(self, offset, size):
        """Let the system begin to fetch bytes that will be read soon, where it knows how to."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self.fd, offset, size, os.POSIX_FADV_WILLNEED)

    def file(self):
        """A buffered Python file over the same bytes, with a position of its own."""
        return io.BufferedReader(_Positioned(self), 1 << 16)


class _Positioned(io.RawIOBase):
    """What decoders that want a file read from; closing it leaves the source open."""

    def __init__(self, source):
        super().__init__()
        self.source, self.place = source, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def readinto(self, buffer):
        count = os.preadv(self.source.fd, [buffer], self.place)
        self.place += count
        return count

    def seek(self, offset, whence=os.SEEK_SET):
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self.place, os.SEEK_END: self.source.size}[whence]
        if start + offset < 0:
            raise OSError("a file has no bytes before its first")
        self.place = start + offset
        return self.place


def stamp_of(status):
    """(inode, size, time of last change in ns): equal as long as nobody touched the file."""
    return status.st_ino, status.st_size, status.st_mtime_ns


def open_source(path, progress=None):
    """Open a regular file, unpacked if it is gzip, bzip2 or xz. Raises ReadError.

    progress: told about the unpacking, as `packed.unpack` says.
    """
    from glview.files.recovery import recover

    told = recover(path)
    source = Source(_open(path), path, notes=(told,) if told else ())
    if not source.size:
        raise ReadError(f"{source.name} is empty (0 bytes): the copy or download failed")
    start = source.read(0, 8)
    for magic, kind in PACKED.items():
        if start.startswith(magic):
            from glview.files.packed import unpack

            return unpack(source, kind, progress)
    if start.startswith(b"\x1f\x9d"):
        raise ReadError(f"{source.name} is packed by compress (.Z); unpack it first: gunzip FILE")
    source.advise("random")
    return source


def _open(path):
    name = shown_name(path) or os.fspath(path)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise ReadError(f"{name} is a folder; give a file, for example {name}/*.fits")
        if not stat.S_ISREG(mode):
            raise ReadError(f"{name} is a pipe or a device; save its content to a file first")
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        if os.path.islink(path):
            goal = path_text(os.readlink(path))
            raise ReadError(f"{name} is a link to {goal}, which is not there") from error
        raise ReadError(f"there is no file {path_text(path)}") from error
    except PermissionError as error:
        raise ReadError(f"{name} may not be read by you (permissions); try chmod u+r") from error
    except OSError as error:
        raise ReadError(f"{name} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ReadError(f"{name!r} cannot be a file name: {error}") from error


def path_text(path):
    """The whole path as text that can be printed, whatever its bytes are."""
    return os.fsencode(path).decode("utf-8", "replace")


def most_unpacked(packed, free=0):
    """How many bytes may come out of `packed` ones before it looks like a trap.

    free: bytes of the disk that they go to, half of which an honest file may take.
    """
    return min(max(MAX_UNPACKED, free // 2), max(ALWAYS_ALLOWED, MAX_RATIO * packed))
