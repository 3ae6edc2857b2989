"""TIFF pictures through tifffile: integers and floats, pages as planes."""

import logging
import math

import numpy as np

from glview.core.image import Image
from glview.files import ReadError
from glview.files.decoded import Planes, check_size, luminance
from glview.files.png import COLOUR
from glview.files.raster import Raster


def read(source, ext=None):
    """The pictures of a TIFF source, one Image for each series of pages of one shape and type.

    `ext` chooses a series by number, from 0. Uncompressed pages are read by position, the others
    decoded whole when first seen. Colours become float32 luminance. Raises ReadError.
    """
    import tifffile

    # It would write of damage to the shell; the ReadError below tells the user once.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    try:
        tif = tifffile.TiffFile(source.file(), name=source.name)
        series = list(enumerate(tif.series))
    except Exception as error:  # a damaged directory raises anything
        raise ReadError(f"{source.name} is a damaged TIFF: {error}") from error
    if not series:
        raise ReadError(f"{source.name} is a damaged TIFF: it holds no picture")
    if ext is not None:
        series = [one for one in series if str(one[0]) == str(ext).strip()]
    if not series:
        raise ReadError(f"{source.name} has {len(tif.series)} pictures, and none is {ext}")
    images, refused = [], []
    for number, one in series:
        try:
            images.append(_image(source, number, one, tif))
        except ReadError as error:
            refused.append(str(error))
    if not images:
        raise ReadError(refused[0])
    return images


def _image(source, number, series, tif):
    name = source.name if len(tif.series) == 1 else f"{source.name}[{number}]"
    axes, shape, dtype = series.axes, series.shape, series.dtype
    colour = "S" in axes
    if dtype is None or dtype.kind not in "biuf":
        raise ReadError(f"{name} holds {dtype} values; glview shows real numbers")
    rest = [length for axis, length in zip(axes, shape, strict=True) if axis not in "YXS"]
    if "Y" not in axes or "X" not in axes or axes.replace("S", "")[-2:] != "YX" or not series.size:
        raise ReadError(f"{name} holds no picture: its axes are {axes} {shape}")
    height, width = shape[axes.index("Y")], shape[axes.index("X")]
    check_size(name, series.size * dtype.itemsize, source.size)
    planes = math.prod(rest)
    physical = np.dtype(np.float32 if colour else np.uint8 if dtype.kind == "b" else dtype)
    physical = physical.newbyteorder("=")
    keywords = {"path": source.path, "hdu": number, "planes": planes, "y_up": False}
    if colour:
        keywords["notes"] = (COLOUR,)
    raw = None if colour or dtype.kind == "b" else series.dataoffset
    if raw is None:
        decoded = Planes(name, physical, lambda plane: _decode(series, plane, planes))
        reader, keywords["kept"] = decoded.read, decoded.kept
    else:
        stored = dtype.newbyteorder(tif.byteorder)
        raster = Raster(source, raw, stored, physical, width, planes * height)
        reader = raster.planes(height)
    return Image(name, (height, width), physical, reader, **keywords)


def _decode(series, plane, planes):
    """Plane number `plane` of the series, as (height, width)."""
    if len(series.pages) == planes:
        values, axes = series.pages[plane].asarray(), series.pages[plane].axes
    else:
        values, axes = series.asarray(), series.axes
    if "S" not in axes:
        return values.reshape(-1, *values.shape[-2:])[plane if len(series.pages) != planes else 0]
    values = np.moveaxis(values, axes.index("S"), -1)
    values = values.reshape(-1, *values.shape[-3:])
    return luminance(values[plane if len(values) > 1 else 0])
