"""PNG pictures through pillow."""

import numpy as np

from glview.core.image import Image
from glview.files import ReadError
from glview.files.decoded import Planes, check_size, luminance

COLOUR = "colours are shown as luminance (0.21 red + 0.72 green + 0.07 blue)"
DEPTH = "colours of 16 bits are read with their upper 8 bits"


def read(source, ext=None):
    """The picture of a PNG source: uint8 or uint16 as it is, colours as float32 luminance.

    Raises ReadError if it is damaged or claims more pixels than a file of its size can hold.
    """
    if ext is not None and str(ext).strip() != "0":
        raise ReadError(f"{source.name} is a PNG and has no extension {ext}")
    start = source.read(0, 33)
    if len(start) < 33 or start[12:16] != b"IHDR":
        raise ReadError(f"{source.name} is a damaged PNG: it has no IHDR chunk")
    width, height = (int.from_bytes(start[place : place + 4], "big") for place in (16, 20))
    depth, kind = start[24], start[25]
    if not width or not height:
        raise ReadError(f"{source.name} holds no picture: {width} x {height} pixels")
    check_size(source.name, width * height * max(depth // 8, 1) * 4, source.size)
    colour = kind in (2, 3, 6)
    notes = ((COLOUR,) if colour else ()) + ((DEPTH,) if colour and depth == 16 else ())
    dtype = np.dtype(np.float32 if colour else np.uint16 if depth == 16 else np.uint8)
    planes = Planes(source.name, dtype, lambda plane: _decode(source, colour, depth))
    keywords = {"path": source.path, "y_up": False, "notes": source.notes + notes,
                "kept": planes.kept}
    return [Image(source.name, (height, width), dtype, planes.read, **keywords)]


def _decode(source, colour, depth):
    # PngImageFile itself: Image.open would try every format and warn about large pictures.
    from PIL.PngImagePlugin import PngImageFile

    with source.file() as file, PngImageFile(file) as picture:
        picture.load()
        if colour:
            return luminance(np.asarray(picture.convert("RGB")))
        values = np.asarray(picture if depth <= 8 and picture.mode == "L" else _grey(picture))
        return values if values.ndim == 2 else values[..., 0]


def _grey(picture):
    """Greys without opacity: 1-bit as 0 and 1, two channels down to the first."""
    return picture.getchannel(0) if len(picture.getbands()) > 1 else picture
