"""What a model looks at: any two-dimensional image, checked once, read box by box as float32."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from glview.models.registry import ModelError

LARGEST = 1e18  # beyond this a network's own sums overflow; no detector counts so far
_SIGMA = 0.158655  # share of a normal distribution below its mean minus one sigma
_EXACT = 1 << 24  # pixels up to which the sky is the median of all of them
_SAMPLED = 1 << 22  # pixels of larger frames that it is estimated from
_BAND = 1 << 20  # pixels of one read where all are
_PIECE = 1 << 16  # pixels of one read of a sample


@dataclass(frozen=True)
class Frame:
    """shape: (height, width); read32(y0, y1, x0, x1) -> float32 box, perhaps not to be written."""

    shape: tuple[int, int]
    read32: Callable[[int, int, int, int], np.ndarray]

    def filled(self, box, sky):
        """(pixels, bad): the box (y0, x0, y1, x1) as new float32, bad pixels holding `sky`.

        bad: bool, True where NaN, infinite, masked or beyond LARGEST.
        """
        y0, x0, y1, x1 = box
        pixels = np.array(self.read32(y0, y1, x0, x1), np.float32)
        bad = ~(np.abs(pixels) < LARGEST)
        pixels[bad] = sky
        return pixels, bad


def as_frame(image):
    """A Frame over an Image, array, masked array, list or torch tensor; never written.

    image: two-dimensional, real numbers of any type, byte order and strides.  Masked pixels
        become NaN; values beyond float32's range become infinite.  What has shape and dtype and
        is cut by slices, such as a data set of HDF5 or zarr, is read box by box.
    Raises ModelError naming what is wrong.
    """
    if hasattr(image, "read32"):
        _check_shape(image.shape)
        return Frame(tuple(image.shape), image.read32)
    array = _as_array(image)
    if array.dtype.kind not in "biuf":
        raise ModelError(f"a model looks at real numbers; this image holds {array.dtype}")
    _check_shape(array.shape)

    def read32(y0, y1, x0, x1):
        with np.errstate(over="ignore"):
            box = np.asanyarray(array[y0:y1, x0:x1]).astype(np.float32)
        return np.ma.filled(box, np.nan)

    return Frame(tuple(array.shape), read32)


def _as_array(image):
    """numpy's view of it, masks kept; or the thing itself if it can be read in parts."""
    if hasattr(image, "detach"):  # a torch tensor; its class is not named, so torch need not load
        image = image.detach().cpu()
        image = image.numpy() if image.dtype.itemsize >= 4 else image.double().numpy()
    if _is_lazy(image):
        return image
    try:
        return np.asanyarray(image) if isinstance(image, np.ma.MaskedArray) else np.asarray(image)
    except (TypeError, ValueError) as error:
        raise ModelError(f"this is not an image: {error}") from error


def _is_lazy(image):
    """True for what numpy would read as a whole though it can be cut."""
    return (not isinstance(image, np.ndarray | np.generic) and hasattr(image, "__getitem__")
            and isinstance(getattr(image, "dtype", None), np.dtype)
            and isinstance(getattr(image, "shape", None), tuple))


def _check_shape(shape):
    if len(shape) != 2:
        hint = "; give one plane of it, for example image[0]" if len(shape) > 2 else ""
        raise ModelError(f"a model looks at (height, width); this has shape {tuple(shape)}{hint}")
    if 0 in shape:
        raise ModelError(f"this image has no pixels: its shape is {tuple(shape)}")


def lower_median(values):
    """Median of a 1-D array; of an even number the lower of the middle two; 0.0 of none."""
    if values.size == 0:
        return 0.0
    middle = (values.size - 1) // 2
    return float(np.partition(values, middle)[middle])


@dataclass(frozen=True)
class Level:
    """Of a frame's usable pixels, in its units; all 0.0 if there is none.

    median: the lower of the middle two; noise: distance from it down to the 16th percentile, one
    sigma of a sky, whatever stars and rays there are; mean, deviation: of all.
    """

    median: float
    noise: float
    mean: float
    deviation: float


def level_of(frame):
    """The Level of a Frame; of frames above 16 Mpx, 4 Mpx are looked at."""
    kept = []
    for y0, x0, y1, x1 in probes(frame.shape):
        piece = frame.read32(y0, y1, x0, x1)
        kept.append(piece[np.abs(piece) < LARGEST])
    values = np.concatenate(kept)
    del kept
    if values.size == 0:
        return Level(0.0, 0.0, 0.0, 0.0)
    mean, deviation = _moments(values)
    low, middle = int(_SIGMA * values.size), (values.size - 1) // 2
    values.partition((low, middle))
    median = float(values[middle])
    return Level(median, median - float(values[low]), mean, deviation)


def _moments(values):
    """Mean and standard deviation of a 1-D float32 array, without a copy of all of it."""
    parts = [values[start : start + _BAND] for start in range(0, values.size, _BAND)]
    mean = sum(float(part.sum(dtype=np.float64)) for part in parts) / values.size
    apart = (part.astype(np.float64) - mean for part in parts)
    return mean, float(np.sqrt(sum(float(one @ one) for one in apart) / values.size))


def probes(shape):
    """Boxes that tell a frame's level: bands of all its rows, or of large frames a spread sample.

    The sample is whole rows where they are short enough, because a row of a compressed file costs
    the same whether it is read in part or as a whole.
    """
    height, width = shape
    if height * width <= _EXACT:
        rows = max(1, _BAND // width)
        return [(y, 0, min(y + rows, height), width) for y in range(0, height, rows)]
    wide = min(width, _PIECE)
    tall = min(height, _PIECE // wide)
    count = _SAMPLED // (tall * wide)
    ys, xs = (np.linspace(0, room, count).astype(int) for room in (height - tall, width - wide))
    xs = xs[7 * np.arange(count) % count]  # so that they do not lie on a diagonal
    return [(y, x, y + tall, x + wide) for y, x in zip(ys.tolist(), xs.tolist(), strict=True)]
