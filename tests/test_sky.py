"""The simulated frame is what the tests that use it take it for."""

import numpy as np
from sky import make_sky


def test_equal_arguments_give_equal_frames_and_seeds_differ():
    first, again, other = make_sky(seed=3), make_sky(seed=3), make_sky(seed=4)
    assert np.array_equal(first.image, again.image) and np.array_equal(first.truth, again.truth)
    assert not np.array_equal(first.truth, other.truth)


def test_background_and_noise_are_as_asked():
    sky = make_sky(200, 200, seed=1, stars=0, rays=0, background=100.0, noise=5.0)
    assert not sky.truth.any()
    assert abs(sky.image.mean() - 100.0) < 0.3  # five times the error of the mean
    assert abs(sky.image.std() - np.sqrt(100.0 + 25.0)) < 0.3


def test_rays_stand_out_of_the_same_frame_without_them():
    sky = make_sky(seed=2, stars=0, noise=5.0)
    assert sky.image.dtype == np.float32 and sky.image.shape == sky.truth.shape == (256, 320)
    assert 25 * 2 <= sky.truth.sum() <= 25 * 31 * 2
    assert sky.image[sky.truth].min() > 120 + 100 - 5 * np.sqrt(120 + 25)
    assert sky.image[~sky.truth].max() < 120 + 6 * np.sqrt(120 + 25)


def test_a_star_has_its_flux_where_the_catalogue_says():
    sky = make_sky(101, 101, seed=5, stars=1, rays=0, noise=0.0, background=0.0)
    ((cy, cx, flux),) = sky.stars
    total = sky.image.sum()
    rows, columns = np.indices(sky.image.shape)
    assert 12 < cy < 88 and 12 < cx < 88
    assert abs(total - flux) < 5 * np.sqrt(flux)
    assert abs((sky.image * rows).sum() / total - cy) < 0.5
    assert abs((sky.image * columns).sum() / total - cx) < 0.5
