"""Compressed files with changed bytes: pictures with holes or a ReadError, and nothing else."""

import warnings

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glview.files import ReadError, fitscomp
from glview.files.header import walk
from glview.files.source import open_source

SKY = np.random.default_rng(1).normal(100, 5, (40, 50))
REAL = SKY.astype(np.float32)
REAL[3, 4], REAL[9] = np.nan, 1e30
FILES = {
    "rice": (SKY.astype("i2"), {"compression_type": "RICE_1", "tile_shape": (16, 16)}),
    "dither": (REAL, {"compression_type": "RICE_1", "quantize_level": 16, "quantize_method": 2,
                      "dither_seed": 5}),
    "lossless": (REAL, {"compression_type": "GZIP_2", "quantize_level": 0}),
    "gzip": (SKY.astype("i4"), {"compression_type": "GZIP_1", "tile_shape": (9, 50)}),
    "cube": (np.stack([SKY, SKY]).astype("u2"), {"compression_type": "RICE_1",
                                                 "tile_shape": (2, 8, 50)}),
    "plain": (SKY.astype("u1"), {"compression_type": "NOCOMPRESS"}),
}  # fmt: skip
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["card", "table", "heap"]),
        st.integers(0, 1 << 20),
        st.sampled_from(list(b"0123456789-.EPQB()TF '")) | st.integers(0, 255),
    ),
    min_size=1,
    max_size=5,
)


@pytest.fixture(scope="module", params=FILES)
def sound(request, tmp_path_factory):
    """(bytes, Hdu, folder) of a sound file."""
    path = tmp_path_factory.mktemp("hostile") / "sound.fits"
    data, keywords = FILES[request.param]
    fits.CompImageHDU(data, **keywords).writeto(path)
    return path.read_bytes(), walk(path)[1], path.parent


def with_changes(content, hdu, changes):
    content, rows = bytearray(content), hdu.cards["NAXIS1"] * hdu.cards["NAXIS2"]
    for where, place, byte in changes:
        if where == "card":
            card = place % ((hdu.data_offset - hdu.header_offset) // 80)
            content[hdu.header_offset + 80 * card + 8 + place % 24] = byte
        else:
            low, size = (0, rows) if where == "table" else (rows, hdu.data_size - rows)
            content[hdu.data_offset + low + place % size] = byte
    return bytes(content)


@pytest.mark.parametrize("card", ["ZBLANK", "ZSCALE", "ZZERO"])
def test_a_scale_that_is_no_number_is_told_at_opening(tmp_path, card):
    data, keywords = FILES["dither"]
    hdu = fits.CompImageHDU(data, **keywords)
    hdu.writeto(tmp_path / "a.fits")
    content = (tmp_path / "a.fits").read_bytes()
    line = b"%-8s= '1-2'" % card.encode()
    blank = content.index(b"ZBLANK  =")
    content = content[:blank] + line.ljust(80) + content[blank + 80 :]
    (tmp_path / "a.fits").write_bytes(
        content.replace(b"= '" + card.encode(), b"= '" + card[::-1].encode())
    )
    source, hdu = open_source(tmp_path / "a.fits"), walk(tmp_path / "a.fits")[1]
    with pytest.raises(ReadError, match=f"card {card} is '1-2'"):
        fitscomp.open_tiles(source, hdu)


@settings(deadline=5000, max_examples=60, suppress_health_check=[HealthCheck.differing_executors])
@given(changes=CHANGES)
def test_changed_bytes_give_holes_or_a_read_error(sound, changes):
    content, hdu, folder = sound
    (folder / "a.fits").write_bytes(with_changes(content, hdu, changes))
    try:
        hdus = [hdu for hdu in walk(folder / "a.fits") if hdu.kind == "compressed"]
        if not hdus:
            return
        source = open_source(folder / "a.fits")
        _, read, fill, faults = fitscomp.open_tiles(source, hdus[0])
    except ReadError:
        return
    if fill is None:
        return
    height, width = min(int(np.prod(hdus[0].naxis[1:2])), 300), min(hdus[0].naxis[0], 300)
    out = np.zeros((height, width), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fill(0, 0, height, 0, width, out)
    assert all(np.isnan(out[y0:y1, x0:x1]).all() for y0, x0, y1, x1 in (f.box for f in faults))
    if faults:
        with pytest.raises(ReadError, match="cannot be unpacked"):
            read(0, 0, height, 0, width)
    else:
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(read(0, 0, height, 0, width).astype(np.float32), out)
