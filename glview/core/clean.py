"""An image without its cosmic rays: masked pixels filled from what lies around them.

The rule, for every masked pixel, whatever its value:

1. known are the pixels of a square around it that are finite and not masked;
2. the square is 5 x 5, and grows by a pixel on each side until ENOUGH are known, at most to
   33 x 33;
3. the pixel becomes the median of them, the mean of the middle two if their number is even; NaN if
   there is none.

Every other pixel stays as it is, NaN and infinite ones too.
"""

from dataclasses import replace

import numpy as np

from glview.core.blocks import read_only
from glview.core.image import Image

NEAREST, FARTHEST = 2, 16  # pixels from the middle of the square to its edge
ENOUGH = 8


def clean(values, masked, corner=(0, 0), out=None):
    """A box of an image with its masked pixels filled.

    values: (H, W) real numbers, image units, NaN and Inf as they come: the box, and FARTHEST more
        pixels on every side where the image has them.
    masked: (H, W) bool.  corner: (y, x) of the box in them.
    out: (h, w) array of `type_of(values.dtype)` for the box; None makes one for all but the corner.
    Returns `out`.  Raises ValueError if the shapes do not fit.
    """
    kind = type_of(values.dtype)
    shape = values.shape[0] - corner[0], values.shape[1] - corner[1]
    out = np.empty(shape, kind) if out is None else out
    if values.shape != masked.shape or min(corner) < 0 or any(np.greater(out.shape, shape)):
        raise ValueError(f"a box of {out.shape} at {tuple(corner)} of values {values.shape} with a "
                         f"mask {masked.shape}: the mask has the values' shape, the box is inside")
    from glview.core import cleankernels

    limits = (NEAREST, FARTHEST, ENOUGH)
    cleankernels.fill(read_only(np.ascontiguousarray(values, kind)),
                      read_only(np.ascontiguousarray(masked, bool)), tuple(corner), limits, out)
    return out


def type_of(dtype):
    """The type of a cleaned image: float32 if it holds every value of the image's, else float64."""
    return np.float32 if np.can_cast(dtype, np.float32) else np.float64


def cleaned(image, mask):
    """The Image `image` with the masked pixels filled, made box by box where it is asked for.

    image: `core.image.Image`.  mask: of its shape, bool, sliced as mask[y0:y1, x0:x1]: an array or
        a `core.mask.FinalMask`.
    Returns an Image of float32 or float64 whose boxes are those of the whole, wherever they are
    cut; so are its `read32`.  Raises ValueError if the shapes differ.
    """
    if tuple(mask.shape) != tuple(image.shape):
        raise ValueError(f"the mask is {tuple(mask.shape)}, the image {tuple(image.shape)}")
    kind = type_of(image.dtype)

    def plane_of(plane):
        return image if plane == image.plane else replace(image, plane=plane)

    def read(plane, y0, y1, x0, x1):
        def exact(*edges):
            return plane_of(plane)[edges[0] : edges[1], edges[2] : edges[3]]

        out = np.empty((y1 - y0, x1 - x0), kind)
        return _filled(exact, mask, (y0, x0, y1, x1), image.shape, out)

    def fill(plane, y0, y1, x0, x1, out):
        _filled(plane_of(plane).read32, mask, (y0, x0, y1, x1), image.shape, out)

    return Image(image.name, image.shape, np.dtype(kind), read, header=image.header,
                 planes=image.planes, plane=image.plane, y_up=image.y_up, fill=fill,
                 faults=image.faults)


def _filled(read, mask, box, shape, out):
    """Fill `out` with a box; read(y0, y1, x0, x1) gives values."""
    y0, x0, y1, x1 = box
    top, left = max(0, y0 - FARTHEST), max(0, x0 - FARTHEST)
    bottom, right = min(shape[0], y1 + FARTHEST), min(shape[1], x1 + FARTHEST)
    masked = mask[top:bottom, left:right]
    corner = y0 - top, x0 - left
    if masked[corner[0] : corner[0] + y1 - y0, corner[1] : corner[1] + x1 - x0].any():
        return clean(read(top, bottom, left, right), masked, corner, out)
    out[...] = read(y0, y1, x0, x1)
    return out
