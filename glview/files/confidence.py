"""A confidence kept in a file of its own until it is saved with its picture.

Written once and never changed: a line that says what it is, then for each block that holds
anything a line and its packed bytes, then a last line.  Lines carry checksums, as in
`files.editlog`; a file without its last line is none.
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
LEVEL = 1  # of zlib: twice as small costs ten times the time


class TooLargeError(Exception):
    """The packed confidence would take more than MOST_BYTES."""


def write(path, confidence, cancelled=lambda: False):
    """Write an (H, W) float32 array in [0, 1], NaN kept, or a Plane, to a new file and sync it.

    Returns its size in bytes.  Raises Cancelled, TooLargeError or OSError; then there is no file.
    """
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
            size = _fill(file, confidence, cancelled)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        sync_folder(path.parent)  # before the log names it, and an older one goes
    finally:
        part.unlink(missing_ok=True)
    return size


def _fill(file, confidence, cancelled):
    size = file.write(line_of({"confidence": FORMAT, "shape": list(confidence.shape),
                               "floor": getattr(confidence, "floor", None)}))
    count = 0
    for (y, x), values in _blocks(confidence):
        if cancelled():
            raise Cancelled
        if values.any():  # a NaN is any, too
            data = _pack(values)
            size += file.write(line_of({"box": [y, x, *values.shape], "bytes": len(data),
                                        "crc": zlib.crc32(data)})) + file.write(data)
            count += 1
        if size > MOST_BYTES:
            raise TooLargeError
    return size + file.write(line_of({"blocks": count}))


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
    """The confidence that `write` wrote, an array or a Plane as it was, for a picture of `shape`.

    Raises LogError if the file is damaged or belongs to another shape, Cancelled, or OSError.
    """
    try:
        with open(path, "rb") as file:
            return _taken(file, tuple(shape), cancelled)
    except (ValueError, TypeError, LookupError, zlib.error) as error:
        raise LogError(f"the detection that was kept in {path} is damaged ({error})") from error


def _taken(file, shape, cancelled):
    head = _line(file)
    if head["confidence"] != FORMAT or tuple(head["shape"]) != shape:
        raise ValueError("it is of another picture or another version")
    floor = head["floor"]
    dense = math.prod(shape) <= plane.DENSE_PIXELS
    made = np.zeros(shape, np.float32) if dense else Plane(shape, np.float32, floor or 0.0)
    count, line = 0, _line(file)
    while "blocks" not in line:
        if cancelled():
            raise Cancelled
        y, x, height, width = line["box"]
        if min(y, x) < 0 or not (0 < height <= SIZE and 0 < width <= SIZE):
            raise ValueError("a block lies outside the picture")
        if y + height > shape[0] or x + width > shape[1]:
            raise ValueError("a block lies outside the picture")
        data = file.read(line["bytes"])
        if zlib.crc32(data) != line["crc"]:
            raise ValueError("a checksum is wrong")
        _put(made, y, x, _unpack(data, (height, width)))
        count, line = count + 1, _line(file)
    if line["blocks"] != count:
        raise ValueError("blocks are missing")
    return made


def _put(made, y, x, values):
    if isinstance(made, Plane):
        made.put(y, x, values)
    else:
        made[y : y + values.shape[0], x : x + values.shape[1]] = values


def _line(file):
    line = file.readline(1 << 12)
    if not line.endswith(b"\n") or int(line[:8], 16) != zlib.crc32(line[9:-1]):
        raise ValueError("a line is not whole")
    return json.loads(line[9:])
