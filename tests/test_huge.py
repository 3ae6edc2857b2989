"""Frames of up to 100,000 pixels a side: every level of the pyramid, exact to the pixel.

Nearly all pixels are 0, so that the truth is known from the few that are not.
"""

import numpy as np
import pytest
from cells import filled
from mosaic import Sparse

from glview.core.image import Image
from glview.core.pyramid import tile
from glview.files import open_images


def places(shape, count=400):
    """Corners, edges of levels, and anywhere: (n, 2) pixels, none twice."""
    rng = np.random.default_rng(shape)
    rows, columns = ([0, 7, 8, n // 2, n - 9, n - 1] for n in shape)
    found = [(y, x) for y in rows for x in columns if 0 <= y < shape[0] and 0 <= x < shape[1]]
    anywhere = np.stack([rng.integers(0, n, count) for n in shape], 1)
    return np.unique(np.concatenate([found, anywhere]), axis=0)


def sparse(shape, spots, values):
    """An Image of zeros but for `values` at `spots`."""
    order = np.argsort(spots[:, 0], kind="stable")
    spots, values = spots[order], values[order]

    def fill(plane, y0, y1, x0, x1, out):
        out.fill(0)
        first, last = np.searchsorted(spots[:, 0], (y0, y1))
        near = spots[first:last] - (y0, x0)
        inside = (near[:, 1] >= 0) & (near[:, 1] < x1 - x0)
        out[tuple(near[inside].T)] = values[first:last][inside]

    return Image("sparse", shape, np.dtype(np.float32), None, fill=fill)


def judged(shape, factor, spots, values):
    """(mean, max) of one level by definition."""
    cells = tuple((spots // factor).T)
    size = [-(-n // factor) for n in shape]
    sums, good, largest = np.zeros(size), np.zeros(size, int), np.full(size, -np.inf)
    sides = [np.minimum(factor, n - np.arange(m) * factor)
             for n, m in zip(shape, size, strict=True)]
    good += np.multiply.outer(*sides)
    some_zero = good.copy()
    np.subtract.at(some_zero, cells, 1)
    finite = np.isfinite(values)
    np.add.at(sums, cells, np.where(finite, values, 0))
    np.subtract.at(good, cells, ~finite)
    np.maximum.at(largest, cells, np.where(np.isnan(values), -np.inf, values))
    largest = np.where(some_zero > 0, np.maximum(largest, 0), largest)
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums / good, np.where(largest == -np.inf, np.nan, largest)


@pytest.mark.parametrize("shape", [
    (16_385, 16_385), (700, 32_769), (32_769, 1300), (65_537, 513), (257, 65_537), (100_000, 333),
    (333, 100_000), (1, 1_000_000), (1_000_000, 1), (2049, 300_001), (1, 1),
])  # fmt: skip
def test_every_level_is_exact(shape):
    spots = places(shape)
    values = np.random.default_rng(1).normal(0, 1000, len(spots)).astype(np.float32)
    values[::7] = np.nan
    made = filled(sparse(shape, spots, values))
    for factor in made.mean:
        mean, largest = judged(shape, factor, spots, values)
        np.testing.assert_allclose(made.mean[factor], mean, rtol=1e-6, atol=1e-5)
        np.testing.assert_array_equal(made.max[factor], largest)
    found = made.statistics
    assert found.finite + found.nan == shape[0] * shape[1]
    assert found.nan == np.isnan(values).sum()
    finite = values[np.isfinite(values)]
    if finite.size and shape != (1, 1):
        assert (found.minimum, found.maximum) == (min(finite.min(), 0), max(finite.max(), 0))


@pytest.mark.parametrize("kind", ["u1", "i2", "f4"])
def test_a_sparse_file_of_16385_pixels_a_side(tmp_path, kind):
    shape = (16_385, 16_385)
    file, spots = Sparse(tmp_path / "a.fits", shape, kind), places(shape, 100)
    file.put_pixels(spots, 99)
    (image,) = open_images(tmp_path / "a.fits")
    made = filled(image)
    for factor in made.mean:
        mean, largest = judged(shape, factor, spots, np.full(len(spots), 99.0))
        np.testing.assert_allclose(made.mean[factor], mean, rtol=1e-6)
        np.testing.assert_array_equal(made.max[factor], largest)


@pytest.mark.parametrize("rule", ["mean", "max"])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_tiles_at_the_corners_of_100000_pixels_a_side(tmp_path, level, rule):
    shape = (100_000, 100_000)
    file, spots = Sparse(tmp_path / "a.fits", shape), places(shape, 0)
    file.put_pixels(spots, 99)
    (image,) = open_images(tmp_path / "a.fits")
    last = (99_999 >> level) // 512
    for ty, tx in ((0, 0), (0, last), (last, 0), (last, last)):
        found = tile(image, None, level, ty, tx, rule=rule)
        y0, x0 = ty * 512 << level, tx * 512 << level
        part = tuple(min(512 << level, 100_000 - start) for start in (y0, x0))
        inside = (spots >= (y0, x0)).all(1) & (spots < (y0 + part[0], x0 + part[1])).all(1)
        near = spots[inside] - (y0, x0)
        expected = judged(part, 1 << level, near, np.full(len(near), 99.0))[rule == "max"]
        assert len(near) and found.shape == expected.shape
        np.testing.assert_array_equal(found, expected.astype(np.float32))
