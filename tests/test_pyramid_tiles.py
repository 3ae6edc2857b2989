"""Tiles of an image's levels: exact at every edge, and what stands in while a file is read."""

from itertools import count

import numpy as np
import pytest
from cells import filled, frame, judged_max, judged_mean

from glview.core.cancel import Cancelled
from glview.core.image import from_array
from glview.core.limits import background_noise
from glview.core.pyramid import PEAK_SIGMAS, Pyramid, build, tile
from glview.core.sample import preview, sample_of


def judged(array, level, rule, noise=0.0):
    """A whole level by definition."""
    factor = 2**level
    if level == 0:
        return array
    mean, most = judged_mean(array, factor), judged_max(array, factor)
    if rule != "peaks":
        return mean if rule == "mean" else most
    with np.errstate(invalid="ignore"):
        shown = most - mean > PEAK_SIGMAS * noise * (1 - 1 / factor**2)
    return np.where(shown | np.isnan(mean), most, mean)


@pytest.mark.parametrize("rule", ["mean", "max", "peaks"])
@pytest.mark.parametrize("level", range(6))
def test_tiles_of_a_level_cover_it_exactly(level, rule):
    array = frame((153, 9001), 0.02)
    image, size, noise = from_array(array), 64, 9.87
    levels = filled(image)
    whole = judged(array, level, rule, noise)
    for ty in range(-(-whole.shape[0] // size)):
        for tx in range(-(-whole.shape[1] // size)):
            part = tile(image, levels, level, ty, tx, size, rule, noise)
            expected = whole[ty * size : (ty + 1) * size, tx * size : (tx + 1) * size]
            np.testing.assert_allclose(part, expected, rtol=5e-7)
            assert part.flags.c_contiguous and part.dtype == np.float32


def test_tiles_are_copies():
    image = from_array(np.zeros((600, 600), np.float32))
    levels = filled(image)
    for level in (0, 1, 3):
        tile(image, levels, level, 0, 0)[:] = 5
        assert not tile(image, levels, level, 0, 0).any()


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


def test_a_level_that_a_small_memory_does_not_hold():
    with pytest.raises(ValueError, match="no level with factor 8"):
        tile(from_array(np.zeros((9, 9))), Pyramid((9, 9), 16), 3, 0, 0)


def test_unknown_rule_is_named():
    with pytest.raises(ValueError, match="median"):
        tile(from_array(np.zeros((9, 9))), None, 0, 0, 0, rule="median")


def test_peaks_stand_out_of_a_smooth_background():
    rng = np.random.default_rng(3)
    array = rng.normal(200, 10, (1024, 1024)).astype(np.float32)
    spikes = rng.choice(1024 * 1024, 300, replace=False)
    array.flat[spikes] += 200
    image = from_array(array)
    noise = background_noise(sample_of(array))
    assert noise == pytest.approx(10, rel=0.03)
    for level in (1, 2, 3):
        picture = tile(image, filled(image), level, 0, 0, rule="peaks", noise=noise)
        mean, most = judged_mean(array, 2**level), judged_max(array, 2**level)
        with_spike = most > 300
        np.testing.assert_array_equal(picture[with_spike], most[with_spike])
        smooth = np.isclose(picture, mean, rtol=1e-6, atol=0)
        assert smooth[~with_spike].mean() > 0.999


def test_a_peak_in_a_cell_without_finite_pixels_is_shown():
    array = np.full((8, 8), -np.inf, np.float32)
    array[3, 3] = np.inf
    image = from_array(array)
    for level in (1, 2, 3):
        picture = tile(image, filled(image), level, 0, 0, rule="peaks", noise=3.0)
        np.testing.assert_array_equal(picture, judged_max(array, 2**level))


@pytest.mark.parametrize("values", [[], [4.0], [np.nan, np.inf]])
def test_noise_of_too_little_is_not_known(values):
    assert background_noise(sample_of(values)) == 0.0


def test_the_preview_stands_in_for_what_was_not_read(monkeypatch):
    monkeypatch.setattr("glview.core.pyramid.BAND", 1)
    array = frame((4200, 3000), 0.0)
    image, levels = from_array(array), Pyramid(array.shape)
    under = preview(image, 300)
    step = under[1]
    pieces = count()
    with pytest.raises(Cancelled):
        build(image, levels, first=lambda: (2100, 2200), cancel=lambda: next(pieces) > 60)
    done = set(range(263)) - {y for y, _ in levels.missing()}
    assert 40 < len(done) < 70
    for level in (3, 4):
        factor, parts = 2**level, []
        for ty in range(-(-4200 // (64 * factor))):
            row = [tile(image, levels, level, ty, tx, 64, under=under)
                   for tx in range(-(-3000 // (64 * factor)))]
            parts.append(np.hstack(row))
        picture, whole = np.vstack(parts), judged_mean(array, factor)
        y, x = (np.arange(n) * factor + factor // 2 for n in picture.shape)
        y, x = (np.minimum(places // step, n - 1)
                for places, n in zip((y, x), under[0].shape, strict=True))
        is_read = np.isin(np.arange(picture.shape[0]) * factor // 16, list(done))
        np.testing.assert_allclose(picture[is_read], whole[is_read], rtol=5e-7)
        np.testing.assert_array_equal(picture[~is_read], under[0][np.ix_(y, x)][~is_read])


def test_without_a_preview_nothing_stands_in():
    image = from_array(np.zeros((900, 900), np.float32))
    assert np.isnan(tile(image, Pyramid(image.shape), 3, 0, 0)).all()
    assert np.isnan(tile(image, Pyramid(image.shape), 3, 0, 0, rule="peaks")).all()
