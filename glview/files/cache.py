"""A pyramid kept beside its file, for those who ask for it: the next opening need not read it all.

The file is MAGIC, the length of a JSON text (8 bytes, little-endian), the text, and the arrays it
implies: means and maxima from the finest level on, then the sampled values, all little-endian
float32.  It holds good for one file as it is now; whatever does not fit is ignored.
"""

import json
import os
import zlib
from pathlib import Path

import numpy as np

from glview.core.census import Statistics
from glview.core.pyramid import FINEST, Pyramid
from glview.files import ReadError
from glview.files.commit import explain, lock
from glview.files.journal import only_saved
from glview.files.source import stamp_of

MAGIC = b"glview-cache 1\n"
LONGEST_TEXT = 1 << 16
FIGURES = ("minimum", "maximum", "nan", "posinf", "neginf", "finite")


class CacheError(ReadError):
    """The pyramid could not be kept; it is in memory all the same."""


def place_of(image):
    """Where the pyramid of an image is kept, or None for an array from memory."""
    if image.path is None:
        return None
    which = f".{image.hdu}.{image.plane}" if image.hdu or image.plane else ""
    path = Path(image.path)
    return path.with_name(f"{path.name}{which}.glview-cache")


def save(image, pyramid):
    """Keep a pyramid whose whole file was read beside that file; other ones are not kept.

    Raises CacheError with what is wrong with the folder.  Nothing is half written: the name is
    given when all of it is on the disk.
    """
    place, figures = place_of(image), pyramid.outcome
    if place is None or figures is None or not _whole(image, figures):
        return
    part = place.with_name(f".{place.name}-part")
    try:
        if _is_same(image.path, image.stamp, stamp_of(os.stat(image.path))):
            _write(part, place, _text(image, pyramid), [*_levels(pyramid), figures.values])
    except OSError as error:
        raise CacheError(explain(error, place)) from error


def load(image):
    """The complete Pyramid that was kept for an image as it is now, or None."""
    place = place_of(image)
    if place is None or image.stamp is None:
        return None
    try:
        with open(place, "rb", buffering=0) as file:
            return _read(image, file)
    except (OSError, EOFError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError,
            RecursionError):  # the text may be any JSON
        return None


def _whole(image, figures):
    count = figures.nan + figures.posinf + figures.neginf + figures.finite
    return image.stamp is not None and count == image.shape[0] * image.shape[1]


def _is_same(path, before, now):
    """Whether a file has the same pixels at both stamps: at most glview saved a mask behind them.
    """
    return tuple(before) == tuple(now) or only_saved(path, before, now) is True


def _about(image):
    """What must be the same for a cache to hold good."""
    return {"hdu": image.hdu, "plane": image.plane, "shape": list(image.shape)}


def _text(image, pyramid):
    figures = pyramid.outcome
    return _about(image) | {
        "stamp": list(image.stamp),
        "factor": pyramid.factor,
        "values": len(figures.values),
        "figures": {name: getattr(figures, name) for name in FIGURES},
    }


def _levels(pyramid):
    return [level for levels in (pyramid.mean, pyramid.max) for level in levels.values()]


def _write(part, place, text, arrays):
    fd = os.open(part, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
    with open(fd, "wb", buffering=0) as file:
        # One that was killed leaves its part behind, and the next one writes over it.
        if lock(fd) is False or os.fstat(fd).st_ino != os.stat(part).st_ino:
            return  # another glview is about to keep the same
        try:
            check = 0
            for array in arrays:
                check = zlib.crc32(_bytes(array), check)
            words = json.dumps(text | {"check": check}).encode()
            file.truncate(0)
            _put(file, MAGIC + len(words).to_bytes(8, "little") + words)
            for array in arrays:
                _put(file, _bytes(array))
            os.fsync(fd)
            os.replace(part, place)
        except OSError:
            part.unlink(missing_ok=True)
            raise


def _put(file, data):
    view = memoryview(data).cast("B")
    while view:
        view = view[file.write(view[: 1 << 30]) :]


def _bytes(array):
    return memoryview(np.ascontiguousarray(array, "<f4").view(np.uint8)).cast("B")


def _read(image, file):
    if file.read(len(MAGIC)) != MAGIC:
        return None
    length = int.from_bytes(file.read(8), "little")
    if length > LONGEST_TEXT:
        return None
    said = json.loads(_exactly(file, bytearray(length)))
    about, factor, count = _about(image), int(said["factor"]), int(said["values"])
    sound = factor >= FINEST and factor.bit_count() == 1 and count >= 0
    if not sound or any(said[name] != value for name, value in about.items()):
        return None
    if not _is_same(image.path, said["stamp"], image.stamp):
        return None
    kept = Pyramid(image.shape, factor)
    if kept.nbytes + 4 * count != os.fstat(file.fileno()).st_size - file.tell():
        return None
    values, check = np.empty(count, np.float32), 0
    for array in (*_levels(kept), values):
        check = zlib.crc32(_exactly(file, memoryview(array.view(np.uint8)).cast("B")), check)
        if not np.little_endian:
            array.byteswap(inplace=True)
    figures = {name: int(value) if name in FIGURES[2:] else float(value)
               for name, value in said["figures"].items()}
    if check != said["check"]:
        return None
    kept.settle(Statistics(**figures, values=values))
    return kept


def _exactly(file, room):
    view = memoryview(room)
    while view:
        count = file.readinto(view[: 1 << 30])
        if not count:
            raise EOFError
        view = view[count:]
    return room
