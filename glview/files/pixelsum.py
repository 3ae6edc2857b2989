"""A sum over some of an image's pixels, by which a mask knows its image again.

It is of the pixels' values, so that it stays the same where a file is copied, packed otherwise, or
given another header, and little is read, so that a gigapixel costs no more than a small frame.
"""

import zlib

import numpy as np

from glview.files import ReadError

WHOLE = 1 << 18  # pixels: an image of so many is taken whole, and so many of a larger one
BANDS = 64  # boxes, evenly spaced, that are taken of a larger one


def pixel_sum(image):
    """Eight hexadecimal digits that change with the pixels, "" if these cannot be read.

    image: core.image.Image, of real numbers of any type.  Every NaN counts as the same, and -0.0 as
    0.0.  Of an image above WHOLE pixels a change is seen where it touches one of BANDS boxes, which
    a rewriting does and a touch of the brush may not.
    """
    found = 0
    try:
        for y0, x0, y1, x1 in _boxes(*image.shape):
            with np.errstate(invalid="ignore"):  # a signalling NaN
                values = image[y0:y1, x0:x1].astype("<f8")
            values[np.isnan(values)] = np.nan
            values += 0.0  # -0.0 becomes 0.0
            found = zlib.crc32(values, found)
    except ReadError:
        return ""
    return f"{found:08x}"


def _boxes(height, width):
    """(y0, x0, y1, x1) of what is taken, from one corner to the opposite one."""
    if height * width <= WHOLE:
        return [(0, 0, height, width)]
    wide = min(width, WHOLE // BANDS)
    high = min(height, WHOLE // BANDS // wide)
    places = ((number * (height - high) // (BANDS - 1), number * (width - wide) // (BANDS - 1))
              for number in range(BANDS))
    return [(y, x, y + high, x + wide) for y, x in places]
