"""The bytes of a model's file, which may be anything: nothing here is believed.  No torch here."""

import hashlib
import os
import stat
import zipfile

from glview.models.registry import ModelError

MOST_BYTES = 4 << 30  # of weights; the largest network here has 2 MB
MOST_TEXT = 32 << 10  # bytes of a .toml; the parser takes their square of time for some
PIECE = 1 << 20


def text_of(path):
    """The bytes of a .toml file.  Raises ModelError as `open_file` does, and for a long one."""
    with open_file(path, "the model") as file:
        text = file.read(MOST_TEXT + 1)
    if len(text) > MOST_TEXT:
        raise ModelError(f"{path} is longer than {MOST_TEXT >> 10} KiB; what describes a model is"
                         " a page of text")
    return text


def digest_of(path):
    """sha256 of the weights in hexadecimal.

    Raises ModelError as `open_file` does, and for files too large, packed ones unpacked.
    """
    digest = hashlib.sha256()
    with open_file(path, "the weights") as file:
        if os.fstat(file.fileno()).st_size > MOST_BYTES or _unpacked(file) > MOST_BYTES:
            raise ModelError(f"{path} holds more than {MOST_BYTES >> 30} GiB, which no network"
                             " here needs; get the file again")
        file.seek(0)
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def open_file(path, what):
    """A regular file, open for reading.  what: words for it.

    Raises ModelError if it is not there, may not be read, or is a folder, pipe or device.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # never waits for a pipe
    except (OSError, ValueError) as error:
        wrong = getattr(error, "strerror", None) or error
        raise ModelError(f"cannot read {what} {path}: {wrong}") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise ModelError(f"cannot read {what} {path}: it is a folder, a pipe or a device")
    return os.fdopen(fd, "rb")


def _unpacked(file):
    """Bytes that the members of a torch file claim; 0 if it is no such archive."""
    try:
        with zipfile.ZipFile(file) as members:
            return sum(member.file_size for member in members.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return 0
