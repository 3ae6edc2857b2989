"""Reduced images against numpy's nanmean and nanmax over padded cells."""

import os
import threading
import time

import numpy as np
import pytest
from astropy.io import fits
from cells import checked, filled, frame, judged_max, judged_mean

from glview.core import histogram, onepass, pyramid, reduce
from glview.core.cancel import Cancelled
from glview.core.image import Image, from_array
from glview.core.pyramid import Pyramid, base_factor, build
from glview.files import open_images

SHAPES = [(1, 1), (1, 37), (37, 1), (8, 8), (16, 24), (17, 31), (65, 63), (3, 130)]
FLOAT = np.dtype(np.float32)


class BrokenPartError(Exception):
    """What a reader raises for a part of a file."""

    fatal = False


class GoneError(Exception):
    """What a reader raises when the whole file is lost."""

    fatal = True


def pooled(array, factor):
    """Means and maxima of an array."""
    mean, maximum, finite = np.empty((3, *(-(-n // factor) for n in array.shape)), np.float32)
    reduce.pool(array, factor, mean, maximum, 0, 0, finite, 0, np.zeros(4, np.int64))
    return mean, maximum


@pytest.fixture
def small_bands(monkeypatch):
    """Many bands and pieces where there would be one."""
    monkeypatch.setattr(pyramid, "BAND", 1)
    monkeypatch.setattr(onepass, "PIECE", 1000)


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("bad", [0.0, 0.05, 0.9, 1.0])
@pytest.mark.parametrize("shape", [*SHAPES, (9, 8200)])
def test_pools_are_nanmean_and_nanmax(shape, bad, factor):
    array = frame(shape, bad, factor)
    mean, maximum = pooled(array, factor)
    assert mean.dtype == maximum.dtype == np.float32
    np.testing.assert_allclose(mean, judged_mean(array, factor), rtol=2e-7)
    np.testing.assert_array_equal(maximum, judged_max(array, factor).astype(np.float32))


@pytest.mark.parametrize("factor", [2, 8])
@pytest.mark.parametrize("bad", [0.0, 0.001, 0.9])
@pytest.mark.parametrize("shape", [*SHAPES, (32, 8200), (40, 20001)])
def test_bytes_the_other_way_round_give_the_same(shape, bad, factor):
    array = frame(shape, bad, factor)
    results = []
    for block, turned in ((array.copy(), False), (array.byteswap(), True)):
        made = np.zeros((3, *(-(-n // factor) for n in shape)), np.float32)
        counts = np.zeros(4, np.int64)
        low, high, left = reduce.pool(block, factor, *made[:2], 0, 0, made[2], 0, counts, turned)
        values = np.zeros(array.size, np.float32)
        taken = reduce.pick(block, 0, shape[1], 3, values, 0, left)
        results.append((made.view(np.uint32), low, high, counts, values[:taken].copy()))
        assert np.array_equal(block.byteswap() if left else block, array, equal_nan=True)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)
    assert left == (factor == 8 and shape[0] % 8 == 0 and not np.isinf(array).any())


@pytest.mark.parametrize("widest", [256, pyramid.WIDEST])
@pytest.mark.parametrize(("bad", "lost"), [(0.0, 0), (0.001, 0), (0.0, 5)])
def test_a_file_gives_what_its_array_gives(tmp_path, small_bands, monkeypatch, widest, bad, lost):
    monkeypatch.setattr(pyramid, "WIDEST", widest)
    array = frame((200, 701), bad)
    fits.PrimaryHDU(array).writeto(tmp_path / "a.fits")
    if lost:
        size = 2880 + 4 * array[:-lost].size
        os.truncate(tmp_path / "a.fits", size)
        array[-lost:] = np.nan
    image = open_images(tmp_path / "a.fits")[0]
    assert image.fill_turned is not None
    made, judge = filled(image), filled(from_array(array))
    checked(made, array)
    for factor in made.mean:
        assert np.array_equal(made.mean[factor], judge.mean[factor], equal_nan=True)
    found, expected = vars(made.statistics).copy(), vars(judge.statistics)
    assert np.array_equal(found.pop("values"), expected["values"])
    assert found == {name: expected[name] for name in found}


@pytest.mark.parametrize("bad", [0.0, 0.01, 0.7, 1.0])
@pytest.mark.parametrize("shape", [*SHAPES, (2000, 1030), (9001, 45), (21, 8200)])
def test_pyramid_holds_true_means_and_maxima_and_exact_counts(shape, bad):
    array = frame(shape, bad)
    made = filled(from_array(array))
    checked(made, array)
    assert min(made.mean) == 8 and max(made.mean[max(made.mean)].shape) <= 512
    found = made.statistics
    assert (found.nan, found.posinf) == (np.isnan(array).sum(), np.isposinf(array).sum())
    assert (found.neginf, found.finite) == (np.isneginf(array).sum(), np.isfinite(array).sum())
    finite = array[np.isfinite(array)]
    expected = (finite.min(), finite.max()) if finite.size else (np.nan, np.nan)
    np.testing.assert_array_equal((found.minimum, found.maximum), expected)
    if array.size <= onepass.SAMPLES:
        np.testing.assert_array_equal(found.values, np.sort(finite))


@pytest.mark.parametrize("factor", [8, 16, 64])
@pytest.mark.parametrize("shape", [(700, 1100), (1030, 20), (5, 9001)])
def test_many_bands_and_a_coarser_base_make_no_seam(small_bands, monkeypatch, shape, factor):
    monkeypatch.setattr(pyramid, "WIDEST", 256)
    array = frame(shape, 0.1)
    made = Pyramid(shape, factor)
    assert shape == (1030, 20) or len(made.missing()) > 3
    build(from_array(array), made)
    checked(made, array)
    assert made.collect() and made.statistics.finite == np.isfinite(array).sum()
    assert min(made.mean) == factor == made.factor == 1 << made.level


@pytest.mark.parametrize(("gap", "value"), [(np.nan, 7.0), (np.nan, np.inf), (-np.inf, np.nan)])
def test_gaps_of_whole_chips(gap, value):
    array = frame((4100, 3000), 0.0)
    array[:2064, 990:2011], array[3000:, :] = gap, gap
    array[1000:1003, 1500:1503] = value
    made = filled(from_array(array))
    checked(made, array)
    assert made.statistics.finite == np.isfinite(array).sum()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nothing_but_one_bad_value(value):
    array = np.full((600, 70), value, np.float32)
    made = filled(from_array(array))
    checked(made, array)
    found = made.statistics
    assert np.isnan(found.minimum) and found.finite == 0 and not found.values.size
    assert found.nan + found.posinf + found.neginf == array.size


def test_levels_end_where_the_picture_is_small():
    made = Pyramid((3, 40_000))
    assert [a.shape for a in made.mean.values()] == [(1, 5000), (1, 2500), (1, 1250), (1, 625),
                                                     (1, 313)]
    assert made.nbytes == 2 * 4 * (5000 + 2500 + 1250 + 625 + 313)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_means_of_large_values_do_not_overflow(factor):
    array = np.full((16, 16), 3e38, np.float32)
    array[::2] = -2e38
    array[:8, :8] = 3e38
    np.testing.assert_allclose(pooled(array, factor)[0], judged_mean(array, factor), rtol=1e-6)
    assert filled(from_array(array)).statistics.finite == 256


def test_means_do_not_lose_a_faint_signal_on_a_bright_frame():
    rng = np.random.default_rng(5)
    array = (1e6 + rng.normal(0, 1, (64, 64))).astype(np.float32)
    made = filled(from_array(array))
    np.testing.assert_allclose(made.mean[8], judged_mean(array, 8), atol=0.04)


def test_a_single_hot_pixel_shows_in_every_maximum_and_in_no_mean():
    array = np.zeros((300, 9000), np.float32)
    array[299, 8999] = 5000
    made = filled(from_array(array))
    assert list(made.max) == [8, 16, 32]
    assert all(level[-1, -1] == 5000 and level.sum() == 5000 for level in made.max.values())
    assert all(level.max() < 500 for level in made.mean.values())


@pytest.mark.parametrize("kind", ["u1", "i2", ">i4", ">f8", "f4"])
def test_any_pixel_type_is_reduced(kind):
    array = np.random.default_rng(2).integers(0, 120, (40, 50)).astype(kind)
    made = filled(from_array(array))
    np.testing.assert_allclose(made.mean[8], judged_mean(array, 8), rtol=1e-6)
    assert (made.statistics.minimum, made.statistics.maximum) == (array.min(), array.max())


def test_the_sample_is_every_so_manyth_pixel_and_stands_in_no_columns(small_bands, monkeypatch):
    monkeypatch.setattr(onepass, "SAMPLES", 5000)
    monkeypatch.setattr(pyramid, "WIDEST", 256)
    array = np.arange(600 * 1000, dtype=np.float32).reshape(600, 1000)
    array[5] = np.nan
    found = filled(from_array(array)).statistics.values
    step = 121  # 120 shares factors with the width
    taken = array.ravel()[::step]
    np.testing.assert_array_equal(found, taken[np.isfinite(taken)])
    assert len(np.unique(found % 1000)) > 900


def test_every_pixel_is_read_once_and_progress_is_told(small_bands, monkeypatch):
    monkeypatch.setattr(onepass, "PAUSE", 0)
    array = frame((3000, 1100), 0.001)
    seen, lock, told = np.zeros(array.shape, np.uint8), threading.Lock(), []

    def read(plane, y0, y1, x0, x1):
        with lock:
            seen[y0:y1, x0:x1] += 1
        return array[y0:y1, x0:x1]

    made = Pyramid(array.shape)
    build(Image("counted", array.shape, array.dtype, read), made, progress=lambda: told.append(1))
    assert (seen == 1).all() and len(told) > 10 and len(made.missing()) == 0


def test_bands_the_user_looks_at_are_read_first_then_those_around(small_bands, monkeypatch):
    monkeypatch.setattr(onepass, "THREADS", 1)
    order, looks = [], [(700, 800), (700, 800), None, (0, 1)]

    def read(plane, y0, y1, x0, x1):
        if y0 % 64 == 0:
            order.append(y0)
        return np.zeros((y1 - y0, x1 - x0), np.float32)

    image = Image("watched", (1000, 4200), FLOAT, read)
    made = Pyramid(image.shape, 64)
    build(image, made, first=lambda: looks.pop(0) if len(looks) > 1 else looks[0])
    assert order[:2] == [640, 704], "the rows looked at"
    assert order[2] == 0, "no wish: from the start"
    assert order[3:] == [64, 128, 192, 256, 320, 384, 448, 512, 576, 768, 832, 896, 960]
    looks[:], order[:] = [(500, 510)], []
    build(image, Pyramid(image.shape, 64), first=lambda: looks[0])
    assert order[:5] == [448, 512, 384, 576, 320]


def test_nothing_is_known_before_it_is_collected():
    array = frame((4000, 40), 0.0)
    made = Pyramid(array.shape)
    assert (made.complete, made.covered, made.statistics) == (False, 0.0, None)
    assert not made.collect() and made.stamps.now == 0
    build(from_array(array), made)
    assert not made.complete and made.stamps.now == 0 and made.outcome is not None
    assert made.collect() and made.complete and made.covered == 1.0
    assert made.stamps.at(3, 0, 0) == made.stamps.now > 0
    assert not made.collect()


def test_a_stopped_build_is_gone_on_with_and_reads_nothing_twice(small_bands):
    array, reads = frame((3000, 1100), 0.01), []

    def read(plane, y0, y1, x0, x1):
        reads.append(y0)
        return array[y0:y1, x0:x1]

    image, made = Image("long", array.shape, array.dtype, read), Pyramid(array.shape)
    with pytest.raises(Cancelled):
        build(image, made, cancel=lambda: len(reads) >= 100)
    assert len(reads) <= 102 and made.outcome is None
    assert made.collect() and 0 < made.covered < 0.5 and not made.complete
    before, half = set(reads), [y for y in range(3000) if (y // 8, 0) not in made.missing()]
    build(image, made)
    assert not set(half) & set(reads[len(before):])
    assert made.collect() and made.complete
    checked(made, array)
    assert made.statistics.finite == np.isfinite(array).sum()


def test_a_band_that_cannot_be_read_is_a_fault_and_the_rest_goes_on(small_bands):
    array = frame((1000, 3000), 0.0)

    def read(plane, y0, y1, x0, x1):
        if y0 <= 300 < y1:
            raise BrokenPartError("row 300 is gone")
        return array[y0:y1, x0:x1]

    image = Image("broken", array.shape, array.dtype, read, plane=4)
    made = filled(image)
    (fault,) = image.faults
    assert fault.why == "row 300 is gone" and fault.plane == 4
    y0, x0, y1, x1 = fault.box
    assert y0 <= 300 < y1 and (x0, x1) == (0, 3000) and y1 - y0 < 200
    known = array.copy()
    known[y0:y1] = np.nan
    checked(made, known)
    assert made.complete and made.statistics.finite == array.size - (y1 - y0) * 3000
    assert made.statistics.nan == 0


def test_a_file_that_is_gone_ends_the_reading(small_bands):
    reads = []

    def read(plane, y0, y1, x0, x1):
        reads.append(y0)
        if y0 > 500:
            raise GoneError("cut off")
        return np.zeros((y1 - y0, x1 - x0), np.float32)

    image = Image("gone", (200_000, 1000), FLOAT, read)
    with pytest.raises(GoneError, match="cut off"):
        build(image, Pyramid(image.shape))
    assert len(reads) < 200 and not image.faults


def test_publishing_waits_a_little(small_bands):
    def read(plane, y0, y1, x0, x1):
        time.sleep(0.002)
        return np.zeros((y1 - y0, x1 - x0), np.float32)

    image, told = Image("slow", (2000, 500), FLOAT, read), []
    began = time.monotonic()
    build(image, Pyramid(image.shape), progress=lambda: told.append(time.monotonic()))
    assert 2 <= len(told) <= 2 + (time.monotonic() - began) / onepass.PAUSE


@pytest.mark.parametrize(
    ("shape", "most", "factor"),
    [
        ((25_000, 40_000), 1 << 30, 8),
        ((25_000, 40_000), 167_000_000, 8),
        ((25_000, 40_000), 166_000_000, 16),
        ((25_000, 40_000), 0, 128),
        ((100, 100), 0, 8),
        ((100_000, 100_000), 500 << 20, 16),
        ((1, 1_000_000), 100_000, 256),
    ],
)
def test_base_factor_is_the_smallest_that_fits(shape, most, factor):
    assert base_factor(shape, most) == factor
    made = Pyramid(shape, factor)
    assert made.nbytes <= most or max(made.mean[factor].shape) <= 512
    assert factor == 8 or Pyramid(shape, factor // 2).nbytes > most


def test_a_pyramid_that_is_adopted_while_bands_are_collected_counts_each_pixel_once():
    kept, pyramid = Pyramid((9000, 700)), Pyramid((9000, 700))
    build(from_array(np.ones((9000, 700), np.float32)), kept)
    pyramid.finish({place: None for place in pyramid.missing()[:1]})
    touch, pyramid.stamps.touch = pyramid.stamps.touch, lambda box: (touch(box), adopt())

    def adopt():
        pyramid.stamps.touch = touch
        pyramid.adopt(kept)

    assert pyramid.collect() and 0 < pyramid.covered < 1
    assert pyramid.collect() and pyramid.covered == 1 and pyramid.complete


def test_pixels_are_counted_in_the_pass_where_that_was_asked_for(tmp_path, small_bands):
    array = frame((70, 900), 0.01, 3)
    fits.writeto(tmp_path / "a.fits", array.astype(">f4"))
    for image in (from_array(array), *open_images(tmp_path / "a.fits")):
        made, scale = Pyramid(image.shape), histogram.scale_for(80, 120)
        made.scale = scale
        with pytest.raises(Cancelled):  # what was counted until then stays
            build(image, made, cancel=iter([False] * 4 + [True] * 99).__next__)
        build(image, made)
        made.collect()
        judged = histogram.of_pixels(image, scale)
        np.testing.assert_array_equal(made.statistics.fine.counts, judged.counts)
        assert judged.counts.sum() == array.size


def test_what_was_begun_uncounted_has_no_histogram(small_bands):
    image = from_array(frame((70, 900), 0.0, 3))
    made = Pyramid(image.shape)
    with pytest.raises(Cancelled):
        build(image, made, cancel=iter([False] * 4 + [True] * 99).__next__)
    made.scale = histogram.scale_for(80, 120)
    build(image, made)
    made.collect()
    assert made.statistics.fine is None


def test_a_part_that_cannot_be_read_is_not_counted(small_bands):
    array = frame((70, 900), 0.0, 3)

    def read(plane, y0, y1, x0, x1):
        if y0 >= 64:
            raise BrokenPartError("damaged")
        return array[y0:y1, x0:x1]

    image = Image("broken", array.shape, FLOAT, read)
    made = Pyramid(image.shape)
    made.scale = histogram.scale_for(80, 120)
    build(image, made)
    made.collect()
    found = made.statistics.fine.between(80, 120, 128)
    assert not found.exact and found.looked < array.size and image.faults
