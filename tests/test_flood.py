"""The flood of one click, judged by scipy's labels and by a simulated sky."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from glview.core.flood import NEAR, SHARE, SIGMAS, connected, goes_on, object_at, sky_of

EIGHT = np.ones((3, 3))
OPEN = (True, True, True, True)


def noise(shape=(61, 71), seed=2):
    return np.random.default_rng(seed).normal(100, 5, shape).astype(np.float32)


@settings(deadline=None)  # the kernel is loaded at its first call
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.95))
def test_what_hangs_together_is_what_scipy_labels(seed, share):
    rng = np.random.default_rng(seed)
    inside = rng.random(rng.integers(1, 20, 2)) < share
    at = tuple(int(rng.integers(side)) for side in inside.shape)
    labels, _ = ndimage.label(inside, EIGHT)
    expected = (labels == labels[at]) & inside[at]
    assert (connected(inside, at) == expected).all()


def test_a_spiral_and_a_full_box_fit_the_stack():
    spiral = np.zeros((41, 41), bool)
    y = x = 0
    for length, (dy, dx) in zip(range(40, 0, -1), [(0, 1), (1, 0), (0, -1), (-1, 0)] * 10,
                                strict=True):
        for _ in range(length):
            spiral[y, x] = True
            y, x = y + dy, x + dx
    assert (connected(spiral, (0, 0)) == spiral).all()
    assert connected(np.ones((50, 60), bool), (25, 30)).all()
    assert not connected(np.zeros((5, 6), bool), (2, 3)).any()


def test_an_object_is_the_label_of_its_peak_above_the_limit():
    values = noise()
    values[20:23, 30:36] += np.linspace(60, 900, 18).reshape(3, 6)
    found = object_at(values, (21, 32))
    assert values[found.peak] == values[20:23, 30:36].max() and not found.cut
    sky, sigma = sky_of(values[max(0, 21 - NEAR) : 21 + NEAR + 1, 32 - NEAR : 32 + NEAR + 1])
    limit = sky + max(SIGMAS * sigma, SHARE * (float(values[found.peak]) - sky))
    assert found.limit == pytest.approx(limit)
    labels, _ = ndimage.label(values > limit, EIGHT)
    assert (found.inside == (labels == labels[found.peak])).all()


def test_a_faint_rim_belongs_to_an_object_and_its_halo_does_not():
    values = noise()
    for reach, height in ((4, 100), (2, 500), (1, 10_000)):  # halo, rim, core: 1, 5, 100 %
        values[30 - reach : 31 + reach, 35 - reach : 36 + reach] = 100 + height
    expected = np.zeros(values.shape, bool)
    expected[28:33, 33:38] = True
    assert (object_at(values, (30, 35)).inside == expected).all()


def test_sky_is_the_median_and_the_scaled_median_deviation():
    values = noise((200, 200))
    sky, sigma = sky_of(np.where(values > 99, values, np.nan))
    kept = values[values > 99]
    assert sky == np.median(kept)
    assert sigma == pytest.approx(ndimage.median(abs(kept - sky)) * 1.4826)
    assert sky_of(noise((300, 300)))[1] == pytest.approx(5, rel=0.02)
    assert sky_of(np.full((3, 3), np.nan)) == (0.0, np.inf)


def test_a_click_beside_the_peak_climbs_to_it_and_one_on_sky_finds_nothing():
    values = noise()
    values[30, 20:26] = (150, 200, 260, 330, 410, 500)
    assert object_at(values, (31, 20)).peak == (30, 25)
    assert object_at(values, (38, 20)) is None
    assert object_at(values, (38, 20), reach=8).peak == (30, 25)
    clicks = np.random.default_rng(3).integers(NEAR, 500 - NEAR, (300, 2))
    field = noise((500, 500), 5)
    found = sum(object_at(field, (int(y), int(x))) is not None for y, x in clicks)
    assert found <= 4, "4 sigma of nine pixels are met in about one of 3,500 places"


def test_what_is_not_finite_belongs_to_nothing():
    values = noise()
    values[10, 10:20] += 500
    values[10, 16], values[10, 12] = np.nan, np.inf
    found = object_at(values, (10, 14))
    assert np.flatnonzero(found.inside[10]).tolist() == [13, 14, 15]
    assert found.inside.sum() == 3
    assert object_at(values, (10, 16)).inside.sum() == 3, "a dead pixel in the track is clicked"
    assert object_at(np.full((9, 9), np.nan), (4, 4)) is None
    assert object_at(np.full((9, 9), np.inf), (4, 4)) is None


def test_a_constant_frame_and_a_single_pixel():
    flat = np.full((9, 9), 7.0)
    assert object_at(flat, (4, 4)) is None
    flat[2, 3] = 8.0
    assert np.argwhere(object_at(flat, (3, 3)).inside).tolist() == [[2, 3]]
    assert object_at(np.array([[5.0]]), (0, 0)) is None


@pytest.mark.parametrize("dtype", [">f4", "<i2", "u1", "f8"])
def test_every_type_of_pixels_is_taken(dtype):
    values = np.full((11, 11), 10)
    values[5, 5:8] = 200
    assert object_at(values.astype(dtype), (5, 6)).inside.sum() == 3


def test_an_object_that_goes_on_beyond_the_box_is_told():
    values = noise((21, 21))
    values[:12, 10] += 400
    assert object_at(values, (8, 10)).cut
    assert not object_at(values, (8, 10), edges=(False, True, True, True)).cut
    inside = np.zeros((4, 5), bool)
    for place, edge in (((0, 2), 0), ((2, 0), 1), ((3, 2), 2), ((2, 4), 3)):
        inside[:] = False
        inside[place] = True
        assert goes_on(inside)
        assert not goes_on(inside, tuple(one != edge for one in range(4)))


def test_most_of_each_ray_of_a_simulated_sky_is_found(sky):
    labels, count = ndimage.label(sky.truth, EIGHT)
    alike = []
    for number in range(1, count + 1):
        ray = labels == number
        at = np.unravel_index(np.argmax(np.where(ray, sky.image, -np.inf)), ray.shape)
        found = object_at(sky.image, tuple(map(int, at)))
        alike.append((found.inside & ray).sum() / (found.inside | ray).sum())
    assert np.mean(alike) > 0.9


def test_the_kernel_comes_from_the_cache_in_a_second_process(tmp_path):
    import os
    import subprocess
    import sys

    code = ("import numpy as np; from glview.core import flood\n"
            "flood.connected(np.ones((3, 3), bool), (1, 1))\n"
            "print(sum(flood.spread.stats.cache_hits.values()))")
    said = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                           env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}).stdout.strip()
            for _ in range(2)]
    assert said == ["0", "1"]
