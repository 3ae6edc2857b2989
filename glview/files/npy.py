"""NumPy's .npy files, read by position (a memory map dies when the file is cut short)."""

import math

import numpy as np
from numpy.lib import format as npy_format

from glview.core.image import Image
from glview.files import ReadError
from glview.files.raster import Raster


def read(source, ext=None):
    """The array of an .npy source as one Image; more than two axes are planes, in C order.

    Raises ReadError for arrays that are no pictures: objects, records, complex, text, no pixels.
    """
    if ext is not None:
        raise ReadError(f"{source.name} is an .npy file and has no extension {ext}")
    shape, fortran, dtype, offset = _header(source)
    if dtype.kind not in "biuf" or dtype.hasobject:
        raise ReadError(f"{source.name} holds {dtype} values; glview shows real numbers")
    if not shape or not math.prod(shape):
        raise ReadError(f"{source.name} holds no picture: its shape is {shape}")
    if offset + math.prod(shape) * dtype.itemsize > source.size:
        raise ReadError(f"{source.name} is cut off: it is smaller than its header says {shape}")
    height, width = (1, *shape)[-2:]
    planes = math.prod(shape[:-2])
    physical = np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")
    stored = np.dtype(np.uint8) if dtype.kind == "b" else dtype
    order = _columns_first if fortran and len(shape) > 1 else _rows_first
    read_box = order(source, offset, stored, physical, (planes, height, width))
    return [Image(source.name, (height, width), physical, read_box, source.path, planes=planes)]


def _header(source):
    with source.file() as file:
        try:
            version = npy_format.read_magic(file)
            readers = {
                (1, 0): npy_format.read_array_header_1_0,
                (2, 0): npy_format.read_array_header_2_0,
            }
            if version not in readers:
                raise ReadError(f"{source.name} is .npy version {version}; save it again as 1.0")
            shape, fortran, dtype = readers[version](file)
        except (ValueError, TypeError, EOFError, SyntaxError, RecursionError) as error:
            raise ReadError(f"{source.name} has a damaged .npy header: {error}") from error
        return shape, fortran, dtype, file.tell()


def _rows_first(source, offset, stored, physical, shape):
    planes, height, width = shape
    return Raster(source, offset, stored, physical, width, planes * height).planes(height)


def _columns_first(source, offset, stored, physical, shape):
    """Fortran order: the file holds (width, height, planes) in C order."""
    planes, height, width = shape
    raster = Raster(source, offset, stored, physical, height * planes, width)

    def read_box(plane, y0, y1, x0, x1):
        columns = raster.read(x0, x1, y0 * planes, y1 * planes)
        columns = columns.reshape(x1 - x0, y1 - y0, planes)
        return np.ascontiguousarray(columns[:, :, plane].T)

    return read_box
