"""Reduced images against numpy's nanmean and nanmax over padded cells."""

import threading
import warnings

import numpy as np
import pytest

from glview.core import reduce
from glview.core.cancel import Cancelled
from glview.core.image import Image, from_array
from glview.core.pyramid import build, tile

SHAPES = [(1, 1), (1, 37), (37, 1), (8, 8), (16, 24), (17, 31), (65, 63), (3, 130)]


def cells(array, factor, fill=np.nan):
    """(h, w, factor * factor) float64: the pixels of each cell, padded with NaN."""
    height, width = array.shape
    pad = ((0, -height % factor), (0, -width % factor))
    padded = np.pad(array.astype(float), pad, constant_values=fill)
    h, w = padded.shape[0] // factor, padded.shape[1] // factor
    split = padded.reshape(h, factor, w, factor).swapaxes(1, 2)
    return split.reshape(h, w, factor * factor)


def judged_mean(array, factor):
    inside = cells(array, factor)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(np.where(np.isfinite(inside), inside, np.nan), axis=2)


def judged_max(array, factor):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmax(cells(array, factor), axis=2)


def frame(shape, bad, seed=0):
    """float32 frame with a share `bad` of NaN, Inf and -Inf."""
    rng = np.random.default_rng(seed)
    array = rng.normal(1000, 30, shape).astype(np.float32)
    kinds = rng.choice([np.nan, np.inf, -np.inf], shape).astype(np.float32)
    return np.where(rng.random(shape) < bad, kinds, array)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("bad", [0.0, 0.05, 0.9, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_pools_are_nanmean_and_nanmax(shape, bad, factor):
    array = frame(shape, bad, factor)
    mean, maximum = reduce.mean_pool(array, factor), reduce.max_pool(array, factor)
    assert mean.dtype == maximum.dtype == np.float32
    np.testing.assert_allclose(mean, judged_mean(array, factor), rtol=2e-7)
    np.testing.assert_array_equal(maximum, judged_max(array, factor).astype(np.float32))


@pytest.mark.parametrize("bad", [0.0, 0.01, 0.7, 1.0])
@pytest.mark.parametrize("shape", [*SHAPES, (2000, 1030), (9001, 45), (21, 8200)])
def test_pyramid_holds_true_means_and_maxima_and_exact_counts(shape, bad):
    array = frame(shape, bad)
    pyramid = build(from_array(array))
    assert list(pyramid.mean) == list(pyramid.max)
    assert min(pyramid.mean) == 8 and max(pyramid.mean[max(pyramid.mean)].shape) <= 512
    for factor in pyramid.mean:
        np.testing.assert_allclose(pyramid.mean[factor], judged_mean(array, factor), rtol=5e-7)
        np.testing.assert_array_equal(pyramid.max[factor], judged_max(array, factor))
    found = pyramid.statistics
    assert (found.nan, found.posinf) == (np.isnan(array).sum(), np.isposinf(array).sum())
    assert (found.neginf, found.finite) == (np.isneginf(array).sum(), np.isfinite(array).sum())
    finite = array[np.isfinite(array)]
    expected = (finite.min(), finite.max()) if finite.size else (np.nan, np.nan)
    np.testing.assert_array_equal((found.minimum, found.maximum), expected)


@pytest.mark.parametrize("shape", [(20, 1100), (600, 257), (9, 256)])
def test_bands_cut_in_columns_join_without_a_seam(monkeypatch, shape):
    monkeypatch.setattr("glview.core.pyramid._WIDEST", 256)
    monkeypatch.setattr("glview.core.pyramid._BAND", 5000)
    array = frame(shape, 0.1)
    pyramid = build(from_array(array))
    for factor in pyramid.mean:
        np.testing.assert_allclose(pyramid.mean[factor], judged_mean(array, factor), rtol=5e-7)
        np.testing.assert_array_equal(pyramid.max[factor], judged_max(array, factor))
    assert pyramid.statistics.finite == np.isfinite(array).sum()


def test_levels_end_where_the_picture_is_small():
    pyramid = build(from_array(np.zeros((3, 40_000), np.float32)))
    assert [a.shape for a in pyramid.mean.values()] == [
        (1, 5000),
        (1, 2500),
        (1, 1250),
        (1, 625),
        (1, 313),
    ]


def test_means_of_large_values_do_not_overflow():
    array = np.full((16, 16), 3e38, np.float32)
    pyramid = build(from_array(array))
    np.testing.assert_allclose(pyramid.mean[8], 3e38, rtol=1e-6)
    assert pyramid.statistics.finite == 256
    assert reduce.mean_pool(array, 4).max() == np.float32(3e38)


def test_means_do_not_lose_a_faint_signal_on_a_bright_frame():
    rng = np.random.default_rng(5)
    array = (1e6 + rng.normal(0, 1, (64, 64))).astype(np.float32)
    np.testing.assert_allclose(build(from_array(array)).mean[8], judged_mean(array, 8), atol=0.05)


def test_a_single_hot_pixel_shows_in_every_maximum_and_in_no_mean():
    array = np.zeros((300, 9000), np.float32)
    array[299, 8999] = 5000
    pyramid = build(from_array(array))
    assert list(pyramid.max) == [8, 16, 32]
    assert all(level[-1, -1] == 5000 and level.sum() == 5000 for level in pyramid.max.values())
    assert all(level.max() < 500 for level in pyramid.mean.values())


def test_every_pixel_is_read_once_and_progress_rises_to_1():
    array = frame((3000, 1100), 0.001)
    seen, lock, shares = np.zeros(array.shape, np.uint8), threading.Lock(), []

    def read(plane, y0, y1, x0, x1):
        with lock:
            seen[y0:y1, x0:x1] += 1
        return array[y0:y1, x0:x1]

    build(Image("counted", array.shape, array.dtype, read), progress=shares.append)
    assert (seen == 1).all()
    assert len(shares) > 2 and shares == sorted(shares) and shares[-1] == 1.0


def test_cancel_stops_the_build():
    reads = []

    def read(plane, y0, y1, x0, x1):
        reads.append(y0)
        return np.zeros((y1 - y0, x1 - x0), np.float32)

    image = Image("long", (200_000, 1000), np.dtype(np.float32), read)
    with pytest.raises(Cancelled):
        build(image, cancel=lambda: len(reads) >= 3)
    assert len(reads) <= 4
    with pytest.raises(Cancelled):
        build(from_array(np.zeros((2, 2))), cancel=lambda: True)


def test_a_reading_error_reaches_the_caller_and_ends_the_reading():
    reads = []

    def read(plane, y0, y1, x0, x1):
        reads.append(y0)
        raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        build(Image("broken", (200_000, 1000), np.dtype(np.float32), read))
    assert len(reads) < 190


@pytest.mark.parametrize("kind", ["u1", "i2", ">i4", ">f8", "f4"])
def test_any_pixel_type_is_reduced(kind):
    array = np.random.default_rng(2).integers(0, 120, (40, 50)).astype(kind)
    pyramid = build(from_array(array))
    np.testing.assert_allclose(pyramid.mean[8], judged_mean(array, 8), rtol=1e-6)
    assert (pyramid.statistics.minimum, pyramid.statistics.maximum) == (array.min(), array.max())


@pytest.mark.parametrize("rule", ["mean", "max"])
@pytest.mark.parametrize("level", range(6))
def test_tiles_of_a_level_cover_it_exactly(level, rule):
    array = frame((153, 9001), 0.02)
    image, size = from_array(array), 64
    levels = build(image)
    whole = (judged_mean if rule == "mean" else judged_max)(array, 2**level)
    if level == 0:
        whole = array
    for ty in range(-(-whole.shape[0] // size)):
        for tx in range(-(-whole.shape[1] // size)):
            part = tile(image, levels, level, ty, tx, size, rule)
            expected = whole[ty * size : (ty + 1) * size, tx * size : (tx + 1) * size]
            np.testing.assert_allclose(part, expected, rtol=5e-7)
            assert part.flags.c_contiguous


def test_raw_levels_need_no_pyramid_and_the_whole_frame_fits_one_tile():
    image = from_array(np.arange(12.0).reshape(3, 4))
    assert tile(image, None, 0, 0, 0).shape == (3, 4)
    assert tile(image, None, 1, 0, 0).tolist() == [[2.5, 4.5], [8.5, 10.5]]
    assert tile(image, None, 2, 0, 0, rule="max").tolist() == [[11.0]]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((3, 0, 0), "no level with factor 8"),
        ((0, 1, 0), "outside"),
        ((0, 0, -1), "outside"),
        ((-1, 0, 0), "outside"),
    ],
)
def test_tiles_that_are_not_there(arguments, says):
    with pytest.raises(ValueError, match=says):
        tile(from_array(np.zeros((9, 9))), None, *arguments)


def test_unknown_rule_is_named():
    with pytest.raises(ValueError, match="median"):
        tile(from_array(np.zeros((9, 9))), None, 0, 0, 0, rule="median")
