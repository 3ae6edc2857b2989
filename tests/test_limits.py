"""Limits against astropy and numpy, on ordinary and on odd samples."""

import time

import numpy as np
import pytest
from astropy.stats import sigma_clip as astropy_clip
from astropy.visualization import ZScaleInterval

from glview.core.limits import LIMITS, Sample, centred, limits, sigma_clip, zscale
from glview.core.sample import sample_of
from glview.core.stretch import Stretch


def sky(n, seed=0, stars=20):
    """Sorted float32 sky of 200 +- 12 with a tail of stars."""
    rng = np.random.default_rng(seed)
    values = rng.normal(200, 12, n)
    values[: n // stars] += rng.exponential(2000, n // stars)
    return np.sort(values.astype(np.float32))


ODD = {
    "all NaN": [np.nan] * 20,
    "empty": [],
    "one pixel": [7.5],
    "one NaN": [np.nan],
    "two values": [1.0] * 50 + [2.0] * 50,
    "constant": [3.0e4] * 100,
    "zero": [0.0] * 100,
    "tiny": [1e-42] * 5 + [2e-42] * 5,
    "infinite": [np.inf, -np.inf, np.nan, 4.0, 5.0],
    "only infinite": [np.inf, -np.inf],
    "huge": [-3.4e38, 0.0, 3.4e38],
    "huge constant": [3.4e38] * 9,
    "neighbours": [16777216.0, 16777218.0],
    "faint": [1e-17, 3e-17, 2e-17, 1.5e-17],
    "one outlier": [5.0] * 1000 + [1e9],
}


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 9, 40, 199, 200, 301, 1000, 4999, 10_000])
@pytest.mark.parametrize("stars", [1, 3, 20])
def test_zscale_is_astropys(n, stars):
    for seed in range(3):
        values = sky(n, seed, stars)
        expected = ZScaleInterval(n_samples=n).get_limits(values)
        np.testing.assert_allclose(zscale(values), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {"contrast": 0.5},
        {"contrast": 0.0},
        {"krej": 1.0},
        {"krej": 0.1},
        {"iterations": 1},
        {"min_npixels": 500},
        {"max_reject": 0.9},
    ],
)
def test_zscale_settings_are_astropys(settings):
    names = {"iterations": "max_iterations"}
    judge = ZScaleInterval(n_samples=700, **{names.get(k, k): v for k, v in settings.items()})
    values = sky(700, 5)
    np.testing.assert_allclose(zscale(values, **settings), judge.get_limits(values), rtol=1e-6)


@pytest.mark.parametrize("name", ["one pixel", "two values", "constant", "zero", "one outlier"])
def test_zscale_of_odd_values_is_astropys(name):
    values = np.sort(np.array(ODD[name], np.float32))
    expected = ZScaleInterval(n_samples=len(values)).get_limits(values)
    np.testing.assert_allclose(zscale(values), expected, rtol=1e-6, atol=1e-9)


def test_zscale_of_ten_thousand_takes_few_ms():
    values = sky(10_000)
    best = min(timed(zscale, values) for _ in range(7))
    assert best < 25e-3, "it takes 2 ms where nothing else runs"


def timed(function, *arguments):
    """Seconds of this thread's own, for others may have the cores meanwhile."""
    start = time.thread_time()
    function(*arguments)
    return time.thread_time() - start


def test_limits_thin_a_large_sample_for_zscale():
    values = sky(100_000, 2)
    low, high = limits(sample_of(values), Stretch(limits="zscale"))
    expected = ZScaleInterval(n_samples=len(values)).get_limits(values)
    np.testing.assert_allclose((low, high), expected, atol=0.02 * (expected[1] - expected[0]))
    assert min(timed(limits, sample_of(values), Stretch()) for _ in range(3)) < 20e-3


@pytest.mark.parametrize("name", [name for name in LIMITS if name[0].isdigit()])
@pytest.mark.parametrize("n", [2, 3, 10, 1001])
def test_percent_is_numpys_percentile_cut_at_both_ends(name, n):
    values = sky(n, 7)
    cut = (100 - float(name)) / 2
    expected = np.percentile(values.astype(float), [cut, 100 - cut])
    np.testing.assert_allclose(centred(values, float(name)), expected, rtol=1e-12)
    np.testing.assert_allclose(
        limits(sample_of(values), Stretch(limits=name)), expected, rtol=1e-12
    )


@pytest.mark.parametrize("iterations", [1, 2, 5, 50])
@pytest.mark.parametrize("sigma", [3.0, 1.5])
def test_sigma_clip_keeps_what_astropys_keeps(sigma, iterations):
    values = sky(5000, 9)
    kept = astropy_clip(values.astype(float), sigma=sigma, maxiters=iterations, masked=False)
    np.testing.assert_array_equal(sigma_clip(values, sigma, iterations), kept)


def test_sigma_clip_of_nothing_and_of_a_constant():
    assert len(sigma_clip(np.empty(0, np.float32))) == 0
    assert len(sigma_clip(np.full(9, 4.0, np.float32))) == 9


def test_clip_comes_before_the_limits():
    sample = sample_of(sky(5000, 9))
    kept = sigma_clip(sample.values)
    assert limits(sample, Stretch(limits="minmax", clip=True)) == (kept[0], kept[-1])
    assert limits(sample, Stretch(limits="minmax")) == (sample.values[0], sample.values[-1])
    clipped = limits(sample, Stretch(limits="99", clip=True))
    np.testing.assert_allclose(clipped, np.percentile(kept.astype(float), [0.5, 99.5]), rtol=1e-12)


def test_minmax_prefers_the_true_extremes():
    part = Sample(np.array([2.0, 3.0], np.float32), count=2, total=9, low=-1.0, high=50.0)
    assert limits(part, Stretch(limits="minmax")) == (-1.0, 50.0)


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("odd", ODD)
def test_limits_are_finite_and_apart_whatever_the_frame(odd, name, clip):
    low, high = limits(sample_of(ODD[odd]), Stretch(limits=name, clip=clip))
    assert isinstance(low, float) and isinstance(high, float)
    width = np.float32(high) - np.float32(low)
    assert np.isfinite(width) and width >= np.finfo(np.float32).tiny
    finite = [v for v in ODD[odd] if np.isfinite(v)]
    if not finite:
        assert (low, high) == (0.0, 1.0)
    elif len(set(finite)) == 1 and abs(finite[0]) < 1e38 and name != "user":
        assert low < finite[0] < high


@pytest.mark.parametrize(
    "pair", [(5.0, 5.0), (9.0, 2.0), (np.nan, 1.0), (-np.inf, np.inf), (1e300, 1e301), (0, 1e-45)]
)
def test_user_limits_are_made_usable(pair):
    low, high = limits(sample_of([1.0, 2.0]), Stretch(limits="user", low=pair[0], high=pair[1]))
    assert np.isfinite(np.float32(high) - np.float32(low)) and np.float32(high) > np.float32(low)


def test_user_limits_are_kept_as_they_are():
    assert limits(sample_of([]), Stretch(limits="user", low=-3.25, high=8)) == (-3.25, 8.0)


def test_zscale_of_a_frame_that_is_almost_all_one_value_shows_the_rest():
    mask = np.zeros(10_000)
    mask[:40] = 1
    assert limits(sample_of(mask), Stretch(limits="zscale")) == (0.0, 1.0)


def test_unknown_limits_are_named():
    with pytest.raises(ValueError, match=r"zmax.*minmax"):
        limits(sample_of([1.0]), Stretch(limits="zmax"))
