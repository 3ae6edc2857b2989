"""A first look at an image of any size: a thin picture of it and what its values are like."""

from itertools import pairwise

import numpy as np

from glview.core.crew import each
from glview.core.limits import Sample

# A row longer than this is not read whole for the few pixels that are wanted of it.
_LONG_ROW = 1 << 22
_MOST = 160 << 20  # bytes read for a first picture, or a slow disk makes one wait for it


def preview(image, size=1024, threads=8):
    """Every step-th row and column of an image, step = max(1, ceil(longest side / size)), or more
    where the rows of that many are too much to read.

    image: an Image; it is read by `read`, which needs no numba.  size, threads: at least 1.
    Rows are read one by one, whole: a memory map walked with a stride reads the whole file ahead.
    Returns (picture, step): picture[i, j] is pixel (y + i * step, x + j * step), where y and x are
    step // 2 or the centre of a side shorter than that; (h, w) float32, NaN and Inf kept.
    Raises what the image's reader raises, if the whole of it cannot be had.
    """
    height, width = image.shape
    step = max(1, -(-max(height, width) // size))
    if width <= _LONG_ROW:
        step = max(step, -(-height * width * image.dtype.itemsize // _MOST))
    rows, columns = _places(height, step), _places(width, step)
    picture = np.empty((len(rows), len(columns)), np.float32)

    def fill(part):
        for i in range(*part):
            _put(_row(image, rows[i], columns), picture[i])

    def fill_whole(part):
        _put(_read(image, *part, 0, width), picture[slice(*part)])

    cuts = np.linspace(0, len(rows), min(threads, len(rows)) + 1).astype(int).tolist()
    each(fill_whole if step == 1 else fill, pairwise(cuts), threads)
    return picture, step


def _put(values, out):
    with np.errstate(over="ignore", invalid="ignore"):  # a signalling NaN is "invalid"
        np.copyto(out, values, casting="unsafe")


def _places(length, step):
    return range(min(step // 2, (length - 1) // 2), length, step)


def _row(image, y, columns):
    if columns.stop <= _LONG_ROW:
        return _read(image, y, y + 1, 0, columns.stop)[0, columns.start :: columns.step]
    return [_read(image, y, y + 1, x, x + 1)[0, 0] for x in columns]


def _read(image, y0, y1, x0, x1):
    """A box of exact values, to be converted when it is put into the picture.

    Where a part of it is damaged, float32 values with NaN there.
    """
    try:
        return image.read(image.plane, y0, y1, x0, x1)
    except Exception as error:
        if image.fill is None or getattr(error, "fatal", False):
            raise
        return image.read32(y0, y1, x0, x1)


def sample_of(values, total=None):
    """Sort values into a Sample and count what is not finite.

    values: real array of any shape, image units; may be empty.
    total: pixels of the frame the values were taken from; None if they are all of it.
    """
    values = np.asarray(values, np.float32).ravel()
    finite = np.sort(values[np.isfinite(values)])
    exact = total is None or total == values.size
    known = exact and finite.size > 0
    return Sample(
        values=finite,
        count=values.size,
        total=values.size if total is None else int(total),
        nan=int(np.count_nonzero(np.isnan(values))),
        posinf=int(np.count_nonzero(np.isposinf(values))),
        neginf=int(np.count_nonzero(np.isneginf(values))),
        exact=exact,
        low=float(finite[0]) if known else None,
        high=float(finite[-1]) if known else None,
    )
