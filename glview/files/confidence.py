"""A confidence kept in a file of its own until it is saved with its picture.

A line that says what it is, then for each block that holds anything a line and its packed bytes,
then a last line.  It is written beside the one of that name, which a confidence that was filled
since has already, and takes its place when it is whole.  Lines carry checksums, as in
`files.editlog`; a file without its last line is none, or that of a search that goes on, to which
blocks are added (`recording`).
"""

import json
import math
import os
import zlib

import numpy as np

from glview.core import plane
from glview.core.cancel import Cancelled
from glview.core.plane import Plane
from glview.core.tiles import SIZE
from glview.files.disk import sync_folder
from glview.files.editlog import LogError, line_of

FORMAT = 1
MOST_BYTES = 1 << 30  # of one file; what would be larger is not kept
LONGEST = 1 << 20  # bytes of a line
MOST_PACKED = 8 * SIZE * SIZE  # bytes of a block; zlib makes of noise little more than it was
LEVEL = 1  # of zlib: twice as small costs ten times the time


class TooLargeError(Exception):
    """The packed confidence would take more than MOST_BYTES."""


def write(path, confidence, about=None, cancelled=lambda: False):
    """Write an (H, W) float32 array in [0, 1], NaN kept, or a Plane, to a new file and sync it.

    about: a dict that JSON can hold, kept with it.
    Returns its size in bytes.  Raises Cancelled, TooLargeError or OSError; then there is no file.
    """
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
            size = _fill(file, confidence, about or {}, cancelled)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        sync_folder(path.parent)  # before the log names it, and an older one goes
    finally:
        part.unlink(missing_ok=True)
    return size


def _fill(file, confidence, about, cancelled):
    size = file.write(head(confidence, about))
    count = 0
    for (y, x), values in _blocks(confidence):
        if cancelled():
            raise Cancelled
        if values.any():  # a NaN is any, too
            size += file.write(block(y, x, values))
            count += 1
        if size > MOST_BYTES:
            raise TooLargeError
    return size + file.write(line_of({"blocks": count}))


def head(confidence, about):
    """The first line of the file of a confidence; about: a dict that JSON can hold."""
    return line_of({"confidence": FORMAT, "shape": list(confidence.shape),
                    "floor": getattr(confidence, "floor", None), "about": about})


def block(y, x, values):
    """The bytes of a block: values, (h, w) float32, of at most SIZE x SIZE pixels, from (y, x)."""
    data = _pack(values) if values.any() else b""
    return line_of({"box": [y, x, *values.shape], "bytes": len(data),
                    "crc": zlib.crc32(data)}) + data


def _blocks(confidence):
    """((y, x), (h, w) float32) that together hold all that is not 0."""
    if isinstance(confidence, Plane):
        yield from confidence.held()
        return
    for y in range(0, confidence.shape[0], SIZE):
        for x in range(0, confidence.shape[1], SIZE):
            yield (y, x), confidence[y : y + SIZE, x : x + SIZE]


def _pack(values):
    """Like bytes of all numbers lie together, for only the high ones are alike."""
    numbers = np.ascontiguousarray(values, "<f4").view(np.uint8).reshape(-1, 4)
    return zlib.compress(np.ascontiguousarray(numbers.T), LEVEL)


def _unpack(data, shape):
    press, size = zlib.decompressobj(), 4 * math.prod(shape)
    numbers = press.decompress(data, size)
    if len(numbers) != size:
        raise ValueError("values are missing")
    columns = np.frombuffer(numbers, np.uint8).reshape(4, -1)
    return np.ascontiguousarray(columns.T).view("<f4").reshape(shape).astype(np.float32)


def read(path, shape, cancelled=lambda: False):
    """(confidence, about): what `write` wrote, an array or a Plane, for a picture of `shape`.

    Raises LogError if the file is damaged or belongs to another shape, Cancelled, or OSError.
    """
    return _read(path, shape, _taken, cancelled)


def read_torn(path, shape, cancelled=lambda: False):
    """(confidence, about, boxes) of a file that was not ended, up to where it is whole.

    boxes: (y0, x0, y1, x1) of its blocks.  Raises as `read` does.
    """
    return _read(path, shape, _torn, cancelled)


def _read(path, shape, take, cancelled):
    try:
        with open(path, "rb") as file:
            return take(file, tuple(shape), cancelled)
    except (ValueError, TypeError, LookupError, zlib.error) as error:
        raise LogError(f"the detection that was kept in {path} is damaged ({error})") from error


def _begun(file, shape):
    """(what blocks are to be put into, about) by the first line of a file."""
    line = _line(file)
    if line["confidence"] != FORMAT or tuple(line["shape"]) != shape:
        raise ValueError("it is of another picture or another version")
    floor, about = line["floor"], line.get("about", {})
    dense = math.prod(shape) <= plane.DENSE_PIXELS
    made = np.zeros(shape, np.float32) if dense else Plane(shape, np.float32, floor or 0.0)
    return made, about


def _taken(file, shape, cancelled):
    made, about = _begun(file, shape)
    count, line = 0, _line(file)
    while "blocks" not in line:
        if cancelled():
            raise Cancelled
        _put_block(file, line, made)
        count, line = count + 1, _line(file)
    if line["blocks"] != count:
        raise ValueError("blocks are missing")
    return made, about


def _torn(file, shape, cancelled):
    made, about = _begun(file, shape)
    boxes = []
    while not cancelled():
        try:
            boxes.append(_put_block(file, _line(file), made))
        except (ValueError, TypeError, LookupError, zlib.error):  # so far it was written
            return made, about, boxes
    raise Cancelled


def _put_block(file, line, made):
    """Put the block that a line tells of, and that follows it, into an array or a Plane."""
    (y, x, height, width), shape = line["box"], made.shape
    if min(y, x) < 0 or not (0 < height <= SIZE and 0 < width <= SIZE):
        raise ValueError("a block lies outside the picture")
    if y + height > shape[0] or x + width > shape[1]:
        raise ValueError("a block lies outside the picture")
    if not 0 <= line["bytes"] <= MOST_PACKED:
        raise ValueError("a block is of an impossible size")
    data = file.read(line["bytes"])
    if len(data) != line["bytes"] or zlib.crc32(data) != line["crc"]:
        raise ValueError("a checksum is wrong")
    if data:
        _put(made, y, x, _unpack(data, (height, width)))
    return y, x, y + height, x + width


def _put(made, y, x, values):
    if isinstance(made, Plane):
        made.put(y, x, values)
    else:
        made[y : y + values.shape[0], x : x + values.shape[1]] = values


def _line(file):
    line = file.readline(LONGEST)
    if not line.endswith(b"\n") or int(line[:8], 16) != zlib.crc32(line[9:-1]):
        raise ValueError("a line is not whole")
    return json.loads(line[9:])
