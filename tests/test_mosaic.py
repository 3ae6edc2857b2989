"""The generators of large files, judged by astropy."""

import numpy as np
import pytest
from astropy.io import fits
from mosaic import BLOCK, CHIP, GAP, Sparse, some_places, stream


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f4", "f8"])
def test_a_sparse_file_holds_what_was_put_and_nothing_else(tmp_path, dtype):
    rng, shape = np.random.default_rng(1), (70, 90)
    wanted = np.zeros(shape, dtype)
    wanted[60:, 83:] = rng.integers(1, 100, (10, 7))
    file = Sparse(tmp_path / "sparse.fits", shape, dtype)
    file.put(60, 83, wanted[60:, 83:])
    places = some_places(rng, shape, 40)
    assert len(np.unique(places, axis=0)) == 40
    file.put_pixels(places, 7)
    wanted[tuple(places.T)] = 7
    with fits.open(file.path) as hdus:
        hdus.verify("exception")
        assert hdus[0].data.dtype.str[1:] == dtype
        assert np.array_equal(hdus[0].data, wanted)


def test_a_sparse_file_takes_next_to_no_room(tmp_path):
    file = Sparse(tmp_path / "sparse.fits", (60_000, 50_000))
    file.put_pixels([(59_999, 49_999)], 1.0)
    status = file.path.stat()
    assert status.st_size >= 12e9 and status.st_size % BLOCK == 0
    assert status.st_blocks * 512 < 1e6


def test_a_streamed_mosaic_is_sky_with_gaps(tmp_path):
    rng, shape = np.random.default_rng(2), (CHIP[0] + GAP + 100, CHIP[1] + GAP + 300)
    sky = rng.normal(100, 5, (256, 512)).astype(np.float32)
    stream(tmp_path / "mosaic.fits", shape, sky)
    with fits.open(tmp_path / "mosaic.fits") as hdus:
        hdus.verify("exception")
        data = np.asarray(hdus[0].data)
    assert data.shape == shape
    gap = np.zeros(shape, bool)
    gap[CHIP[0] : CHIP[0] + GAP] = gap[:, CHIP[1] : CHIP[1] + GAP] = True
    assert np.array_equal(np.isnan(data), gap)
    assert np.array_equal(data[:256, :512], sky)
    assert np.array_equal(data[256:512, 512:1024], sky[::-1, ::-1])
