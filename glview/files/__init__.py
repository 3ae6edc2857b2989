"""Reading images and saving masks.

To add a format: write `glview/files/<name>.py` with `read(source, ext) -> list of Image` and add a
row to `READERS`. The first bytes of a file decide, never its suffix.
"""

import os
import re
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from glview.core.shares import progress


class ReadError(Exception):
    """The file cannot be shown; the message says why and what would help.

    fatal: whether the whole file is lost to us, and not only the part that was asked for.
    """

    fatal = False


@dataclass(frozen=True)
class Reader:
    """One format; its module is imported when a file needs it.

    magic: the bytes one of which the file starts with.
    needs: an optional package, which `pip install glview[name]` brings, or "".
    early: it shows what there is of a file that has not come whole.
    """

    name: str
    suffixes: tuple[str, ...]
    magic: tuple[bytes, ...]
    needs: str = ""
    early: bool = False


READERS = (
    Reader("fits", (".fits", ".fit", ".fts", ".fz"), (b"SIMPLE  =",), early=True),
    Reader("npy", (".npy",), (b"\x93NUMPY",)),
    Reader("tiff", (".tif", ".tiff"), (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "tifffile"),
    Reader("png", (".png",), (b"\x89PNG\r\n\x1a\n",)),
)

_SUFFIX = re.compile(r"(?P<file>.+)\[(?P<ext>[^\[\]]+)\]", re.DOTALL)


def locate(path, ext=None):
    """Take DS9's `file.fits[SCI]` or `file.fits[2]` apart, unless a file has that very name.

    path: str, bytes or os.PathLike; ext: what the caller asked for, which wins over the brackets.
    Returns (Path, ext).
    """
    text = os.fsdecode(path)
    match = _SUFFIX.fullmatch(text)
    if match and "\0" not in text and not os.path.lexists(text):
        return Path(match["file"]), match["ext"].strip() if ext is None else ext
    return Path(text), ext


def shown_name(path):
    """The file's name as text that any font and any terminal takes, whatever its bytes are."""
    return os.fsencode(Path(path).name).decode("utf-8", "replace")


def reader_for(source):
    """The Reader for an open Source, by its first bytes. Raises ReadError listing the formats."""
    start = source.read(0, 512)
    for reader in READERS:
        if start.startswith(reader.magic):
            return reader
    if b"<html" in start.lower() or start.lower().startswith(b"<!doctype"):
        raise ReadError(f"{source.name} is a web page, not an image: download the file again")
    known = ", ".join(suffix for reader in READERS for suffix in reader.suffixes)
    word = b"".join(start[:8].split()[:1]).decode("ascii", "replace")
    seen = f" (it starts with {word!r})" if word.isascii() and word.isprintable() and word else ""
    wrong = f"{source.name} is no image that glview knows{seen}"
    raise ReadError(f"{wrong}; it reads {known}, and these packed as .gz, .bz2 or .xz")


def open_images(path, ext=None, progress=None):
    """Every viewable image of a file, in the file's order, none of them loaded.

    path: a file name, perhaps with `[SCI]` or `[2]` behind it.
    ext: only these: a number (0 is the primary), a name, or "NAME,VERSION"; for FITS only. A name
        that occurs several times gives all of them.
    progress: progress(share, pictures) or None, called from this thread about four times a second
        while a .gz, .bz2 or .xz file is unpacked. share: of the packed bytes, 0 to 1.
        pictures(): a tuple of Image, made of what is unpacked so far, whose note says how much that
        is; () until the header and 1 % of the rows of the first picture (or of the one that `ext`
        names) are there. They stay readable as they are until they are dropped. Whatever progress
        raises, core.cancel.Cancelled above all, ends the opening and frees what was unpacked.
    Returns a list of Image with at least one entry. glview's own CR_MASK, CR_PROBABILITY and
    CR_EDITS are left out unless `ext` asks for them or the file holds nothing else.
    Raises ReadError.
    """
    return open_with_source(path, ext, progress)[1]


def open_with_source(path, ext=None, progress=None):
    """(Source, images): `open_images` for those who also need the file behind them."""
    from glview.files.source import open_source

    path, ext = locate(path, ext)

    def tell(share, growing):
        progress(share, lambda: _pictures(growing(), ext, share))

    try:
        source = open_source(path, progress and tell)
        return source, _module(reader_for(source)).read(source, ext)
    except (OSError, MemoryError) as error:
        raise ReadError(f"{shown_name(path)} cannot be read: {error}") from error


def _pictures(source, ext, share):
    """The images that can be read of a Source that is still growing."""
    try:
        reader = reader_for(source)
        images = _module(reader).read(source, ext) if reader.early else ()
    except ReadError:
        return ()  # not enough of it yet
    note = f"still being unpacked: {progress(share)} of the packed file so far"
    return tuple(replace(image, notes=(note,)) for image in images)


def _module(reader):
    try:
        if reader.needs:
            import_module(reader.needs)
    except ModuleNotFoundError as error:
        hint = f"pip install 'glview[{reader.name}]'"
        raise ReadError(f"{reader.name.upper()} images need a package: {hint}") from error
    return import_module(f"glview.files.{reader.name}")
