"""Boxes of a matrix in a file: float32 straight into an array is what exact values convert to."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy.io import fits
from mosaic import Sparse, header

from glview.files import open_images
from glview.files.fits import types
from glview.files.raster import Raster, Scaling
from glview.files.source import FileChangedError, Source, open_source

RNG = np.random.default_rng(11)
NARROW, WIDE = (40, 53), (30, 9000)
BOXES = [(0, 30, 0, 53), (5, 6, 7, 8), (29, 30, 52, 53), (9, 9, 3, 4), (3, 20, 0, 50),
         (2, 29, 3, 53)]
SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, -1e-40, 3.4e38, 1e300, 0.1]


def stored(bitpix, shape):
    """Any bytes as numbers of a FITS type, and what is special of floats."""
    kind = np.dtype(f">{'f' if bitpix < 0 else 'u' if bitpix == 8 else 'i'}{abs(bitpix) // 8}")
    array = np.frombuffer(RNG.bytes(shape[0] * shape[1] * kind.itemsize), kind).reshape(shape)
    array = array.copy()
    if kind.kind == "f":
        with np.errstate(over="ignore"):
            array.flat[: len(SPECIAL)] = SPECIAL
        array[3:] = RNG.normal(100, 30, array[3:].shape)
        array[5:6, ::3] = np.nan
    else:
        info = np.iinfo(kind)
        array.flat[:6] = [info.min, info.max, 0, 7, info.min + 1, info.max - 1]
    return array


def bits(array):
    return array.astype(np.float32, copy=False).view(np.uint32)


def converted(array):
    """float32 by numpy."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(array, np.float32)


def same(raster, boxes):
    """`read32` against `read`, to the bit."""
    for y0, y1, x0, x1 in boxes:
        out = np.full((y1 - y0, x1 - x0), -77, np.float32)
        raster.read32(y0, y1, x0, x1, out)
        np.testing.assert_array_equal(bits(out), bits(converted(raster.read(y0, y1, x0, x1))))


@pytest.mark.parametrize("shape", [NARROW, WIDE])
@pytest.mark.parametrize("scaling", [
    Scaling(), Scaling(1, 32768), Scaling(1, 0x80000000), Scaling(1, -128), Scaling(0.1, 3.0),
    Scaling(1, 0, 7), Scaling(-2.5, 0.0, 7), Scaling(1, 0.5), Scaling(1e-3, -1e6), Scaling(1e30, 0),
    Scaling(1, 1 << 63), Scaling(1.0, float("inf")),
])  # fmt: skip
@pytest.mark.parametrize("bitpix", [8, 16, 32, 64, -32, -64])
def test_float32_is_what_the_exact_values_convert_to(tmp_path, bitpix, scaling, shape):
    array = stored(bitpix, shape)
    (tmp_path / "a").write_bytes(bytes(100) + array.tobytes())
    kind, physical, convert = types(bitpix, *scaling)
    blank = scaling.blank if bitpix > 0 else None
    keywords = {"convert": convert} if convert else {}
    raster = Raster(open_source(tmp_path / "a"), 100, kind, physical, shape[1], shape[0] - 2,
                    scaling=scaling._replace(blank=blank), **keywords)
    same(raster, [*BOXES, (0, shape[0], 0, shape[1]), (10, 25, 20, shape[1] - 4)])


@pytest.mark.parametrize("kind", ["<f4", "<f8", "<i2", "<u2", "<i4", "<u4", "<i8", ">u2", ">u4",
                                  "u1", "i1", ">f2", "<f2", ">u8"])
def test_types_that_are_not_fits(tmp_path, kind):
    array = np.frombuffer(RNG.bytes(30 * 9000 * 8), kind)[: 30 * 9000].reshape(30, 9000)
    (tmp_path / "a").write_bytes(array.tobytes())
    physical = np.dtype(kind).newbyteorder("=")
    raster = Raster(open_source(tmp_path / "a"), 0, np.dtype(kind), physical, 9000, 30)
    same(raster, [*BOXES, (0, 30, 0, 9000), (1, 29, 1, 8999)])
    np.testing.assert_array_equal(raster.read(0, 30, 0, 9000), array)


@pytest.mark.parametrize("bitpix", [8, 16, 32, -32, -64])
@pytest.mark.parametrize("zero", [False, True])
def test_a_fits_file_fills_what_astropy_reads(tmp_path, bitpix, zero):
    array = stored(bitpix, (33, 41)).astype(stored(bitpix, (1, 6)).dtype.newbyteorder("="))
    hdu = fits.PrimaryHDU(array)
    if zero and bitpix > 0:
        hdu = fits.PrimaryHDU(array.view(f"{'i' if bitpix == 8 else 'u'}{bitpix // 8}"))
    hdu.writeto(tmp_path / "a.fits")
    (image,) = open_images(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as hdus:
        expected = converted(np.asarray(hdus[0].data))
    out = np.empty((33, 41), np.float32)
    assert image.read32(0, 33, 0, 41, out=out) is out
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(image.read32(0, 33, 0, 41), expected)


@pytest.mark.parametrize(("kind", "value"), [("f4", np.nan), ("i2", 0)])
def test_rows_that_the_file_lacks(tmp_path, kind, value):
    array = np.full((100, 50), 9, kind)
    fits.PrimaryHDU(array).writeto(tmp_path / "a.fits")
    os.truncate(tmp_path / "a.fits", 2880 + 50 * 60 * array.itemsize)
    (image,) = open_images(tmp_path / "a.fits")
    out = image.read32(50, 70, 10, 30)
    assert (out[:10] == 9).all()
    np.testing.assert_array_equal(out[10:], np.full((10, 20), value, np.float32))


@pytest.mark.parametrize("kind", ["f4", "i2", "f8"])
def test_many_threads_fill_without_mixing(tmp_path, kind):
    truth = RNG.integers(-9999, 9999, (900, 5000)).astype(kind)
    fits.PrimaryHDU(truth).writeto(tmp_path / "a.fits")
    (image,) = open_images(tmp_path / "a.fits")
    boxes = [(y, min(y + 130, 900), x, x + w) for y in range(0, 900, 37)
             for x, w in ((0, 5000), (9, 700), (100, 4800))]
    with ThreadPoolExecutor(8) as pool:
        read = pool.map(lambda box: image.read32(*box), boxes)
        for (y0, y1, x0, x1), values in zip(boxes, read, strict=True):
            np.testing.assert_array_equal(values, truth[y0:y1, x0:x1])
    assert threading.active_count() < 20


@pytest.mark.parametrize("kind", ["f4", "i2"])
def test_the_planes_of_a_cube_are_filled(tmp_path, kind):
    cube = RNG.integers(0, 999, (3, 20, 30)).astype(kind)
    fits.PrimaryHDU(cube).writeto(tmp_path / "a.fits")
    (image,) = open_images(tmp_path / "a.fits")
    out = np.empty((7, 9), np.float32)
    image.fill(2, 5, 12, 3, 12, out)
    np.testing.assert_array_equal(out, cube[2, 5:12, 3:12])


def test_a_file_cut_short_or_rewritten_is_told_by_fill_too(tmp_path):
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(np.zeros((90, 90), np.float32)).writeto(path)
    (image,) = open_images(path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(FileChangedError):
        image.read32(0, 3, 0, 3)
    os.truncate(path, 3000)
    with pytest.raises(FileChangedError, match=r"a\.fits .*open it again") as caught:
        image.read32(0, 90, 0, 90)
    assert caught.value.fatal and not image.faults


def test_the_disk_is_told_of_all_rows_of_a_box_before_the_first_is_read(tmp_path, monkeypatch):
    Sparse(tmp_path / "a.fits", (50, 9000))
    (image,) = open_images(tmp_path / "a.fits")
    told, fill = [], Source.fill
    monkeypatch.setattr(Source, "expect", lambda self, *part: told.append(part))
    monkeypatch.setattr(Source, "fill", lambda *part: (told.append("read"), fill(*part)))
    image.read32(10, 40, 100, 400)
    places = [(2880 + (y * 9000 + 100) * 4, 1200) for y in range(10, 40)]
    assert told == [*places, *["read"] * 30]
    told.clear()
    image.read32(10, 40, 0, 9000)
    assert told == ["read"]


def test_all_corners_of_a_very_wide_frame_to_the_bit(tmp_path):
    shape, truth = (100_000, 100_000), RNG.normal(100, 30, (600, 600)).astype(np.float32)
    truth[3, 4] = np.nan
    file = Sparse(tmp_path / "a.fits", shape)
    ends = [(y, x) for y in (0, 99_400) for x in (0, 99_400)]
    for y, x in ends:
        file.put(y, x, truth)
    (image,) = open_images(tmp_path / "a.fits")
    for y, x in ends:
        found = image.read32(y, y + 600, x, x + 600)
        np.testing.assert_array_equal(found.view(np.uint32), truth.view(np.uint32))
    assert not image.read32(50_000, 50_300, 99_000, 99_900).any()


def test_the_header_of_the_generator_is_fits():
    assert len(header((4, 5))) == 2880 and fits.Header.fromstring(header((4, 5)))["NAXIS1"] == 5
