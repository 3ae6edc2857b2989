"""NumPy's .npy files, read by position (a memory map dies when the file is cut short)."""

import ast
import math
import re
import struct

import numpy as np

from glview.core.image import Image
from glview.files import ReadError
from glview.files.raster import Raster

LONGEST_HEADER = 10_000
_TYPE = re.compile("[<>=|]?(b1|[iu][1248]|f[248])")


def read(source, ext=None):
    """The array of an .npy source as one Image; more than two axes are planes, in C order.

    Raises ReadError for arrays that are no pictures: objects, records, complex, text, no pixels.
    """
    if ext is not None and str(ext).strip() != "0":
        raise ReadError(f"{source.name} is an .npy file and has no extension {ext}")
    shape, fortran, dtype, offset = _header(source)
    if not shape or not math.prod(shape):
        raise ReadError(f"{source.name} holds no picture: its shape is {shape}")
    if offset + math.prod(shape) * dtype.itemsize > source.size:
        raise ReadError(f"{source.name} is cut off: it is smaller than its header says {shape}")
    height, width = (1, *shape)[-2:]
    planes = math.prod(shape[:-2])
    physical = np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")
    stored = np.dtype(np.uint8) if dtype.kind == "b" else dtype
    order = _columns_first if fortran and len(shape) > 1 else _rows_first
    read_box, fill = order(source, offset, stored, physical, (planes, height, width))
    return [Image(source.name, (height, width), physical, read_box, source.path, planes=planes,
                  fill=fill)]


def _header(source):
    """(shape, fortran order, dtype, offset of the data) from the text at the file's start.

    Read by hand: NumPy's reader warns and raises other things than ValueError on damaged text.
    Format after NumPy's NEP 1.
    """
    start = source.read(0, 12)
    place, count = (10, "<H") if start[6:7] == b"\x01" else (12, "<I")
    if len(start) < 12 or start[6] not in (1, 2, 3):
        raise ReadError(f"{source.name} is of an .npy version that glview does not know")
    length = struct.unpack_from(count, start, 8)[0]
    text = source.read(place, min(length, LONGEST_HEADER)).decode("utf-8", "replace")
    try:
        said = ast.literal_eval(text.strip())
        shape, fortran, kind = said["shape"], said["fortran_order"], said["descr"]
    except (ValueError, TypeError, SyntaxError, KeyError, MemoryError, RecursionError) as error:
        raise ReadError(f"{source.name} has a damaged .npy header: {error}") from error
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        raise ReadError(f"{source.name} holds values of type {kind}; glview shows real numbers")
    whole = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
    if not whole or type(fortran) is not bool:
        raise ReadError(f"{source.name} has a damaged .npy header: its shape is {shape}")
    return shape, fortran, np.dtype(kind), place + length


def _rows_first(source, offset, stored, physical, shape):
    planes, height, width = shape
    raster = Raster(source, offset, stored, physical, width, planes * height)
    return raster.planes(height), raster.fills(height)


def _columns_first(source, offset, stored, physical, shape):
    """Fortran order: the file holds (width, height, planes) in C order."""
    planes, height, width = shape
    raster = Raster(source, offset, stored, physical, height * planes, width)

    def read_box(plane, y0, y1, x0, x1):
        columns = raster.read(x0, x1, y0 * planes, y1 * planes)
        columns = columns.reshape(x1 - x0, y1 - y0, planes)
        return np.ascontiguousarray(columns[:, :, plane].T)

    return read_box, None
