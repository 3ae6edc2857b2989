"""Which files are searched, in which order, and where each result goes; nothing is opened here."""

import glob
import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from glview.arguments import UsageError
from glview.files import READERS, locate
from glview.files.beside import SIDE, side_files
from glview.files.source import path_text

PACKED = ("", ".gz", ".bz2", ".xz")
PREVIEWS = ("png",)  # beside frames they are quick looks; one that is named itself is searched


@dataclass(frozen=True)
class Request:
    """What is asked of every file; see `glview detect --help`.

    threshold: None for the one that the model suggests. keep: extensions that the result has.
    in_place: into the image's own file, if it can take extensions. dq: as `files.save.save_mask`.
    bits: of the confidence that are kept, None for all.
    """

    model: str = "auto"
    threshold: float | None = None
    dilation: int = 0
    shape: str = "square"
    keep: tuple[str, ...] = ("CR_MASK", "CR_PROBABILITY")
    in_place: bool = False
    device: str = "auto"
    precision: str = "float32"
    overwrite: bool = False
    dq: str | None = None
    bits: int | None = None


@dataclass(frozen=True)
class Item:
    """One file. exts: extensions to search, None for all that hold science. output: the file that
    takes the result unless the image's own does. folder: what is said in front of its name, its
    folder below the one that was named, with a slash, or ""."""

    path: Path
    exts: tuple[str | None, ...]
    output: Path
    folder: str = ""

    @property
    def name(self):
        """The path as text that can be printed."""
        return path_text(self.path)


def plan(names, ext=None, folder=None, shard=(1, 1)):
    """The Items of this run, sorted by path.

    names: files, folders and patterns; a name may end in `[EXT]`. ext: for all of them.
    folder: where the results go, None for beside each image. shard: (i, n), the i-th of n parts.
    In there, what is below a folder that was named keeps its folders; where two would still be of
    one name, all keep those below the one that holds them all.
    Raises UsageError before any work: a pattern or a folder without an image.
    """
    found = {}
    for path, wanted, top in (one for name in names for one in _expand(name, ext)):
        path = Path(os.path.abspath(path))
        known = found.setdefault(os.path.realpath(path), (path, {}, os.path.abspath(top)))
        known[1][wanted] = None
    if not found:
        raise UsageError(f"there is nothing to search: all of it is glview's own (*{SIDE})")
    items = [Item(path, _merged(exts), _output(path, top, folder), _between(path, top))
             for path, exts, top in found.values()]
    if len({item.output for item in items}) < len(items):
        top = os.path.commonpath([item.path.parent for item in items])
        items = [replace(item, output=_output(item.path, top, folder)) for item in items]
    items = sorted(_told_apart(items), key=lambda item: os.fspath(item.path))
    part, parts = shard
    return items[part - 1 :: parts]


def _expand(name, ext):
    """(path, ext, folder that its results are told apart below) of every file that a word of the
    command line stands for."""
    name = os.fspath(name)
    if not name:  # from a variable of the shell that was never set; as a path it is this folder
        raise UsageError("a name is empty: name a file or a folder, such as . for this one")
    path, wanted = locate(name, ext)
    if os.path.lexists(path):
        found = [path]
    elif glob.has_magic(name):
        found, wanted = glob.glob(name, recursive=True), ext
        if not found:
            path, wanted = locate(name, ext)
            found = glob.glob(os.fspath(path), recursive=True)
        if not found:
            raise UsageError(f"no file matches {path_text(name)}")
    else:
        found = [path]  # a file that is missing is told like any other that cannot be read
    for one in found:
        whole = os.path.isdir(one)
        yield from ((file, wanted, one if whole else os.path.dirname(file))
                    for file in (_below(one) if whole else [one]) if not _is_own(file))


def _below(folder):
    """Every image below a folder; hidden names are left out."""

    def refuse(error):
        raise UsageError(f"{path_text(error.filename)} cannot be listed: {error.strerror}")

    suffixes = tuple(kind + packed for reader in READERS if reader.name not in PREVIEWS
                     for kind in reader.suffixes for packed in PACKED)
    found = []
    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [os.path.join(place, name) for name in files
                  if name.lower().endswith(suffixes) and not name.startswith(".")]
    if not found:
        raise UsageError(f"there is no image in the folder {path_text(folder)}")
    return found


def _is_own(path):
    return os.fspath(path).endswith(SIDE)


def _between(path, top):
    """The folders between a folder and a file below it, as text with a slash at the end, or ""."""
    folder = os.path.relpath(path.parent, top)
    return "" if folder == "." else f"{path_text(folder)}/"


def _told_apart(items):
    """The same items, those that would be told by the same name with their folder below the one
    that holds them all."""
    count = Counter((item.folder, item.path.name) for item in items)
    twice = [item for item in items if count[item.folder, item.path.name] > 1]
    top = os.path.commonpath([item.path.parent for item in twice]) if twice else ""
    return [replace(item, folder=_between(item.path, top)) if item in twice else item
            for item in items]


def _merged(exts):
    """All of them, unless one of them means all."""
    return (None,) if None in exts else tuple(sorted(exts))


def _output(path, top, folder):
    if folder is None:
        return side_files(path)[0]
    below = Path(os.path.abspath(folder)) / path.relative_to(top)
    return below.with_name(path.name + SIDE)
