"""Unusual but sound FITS files, judged by astropy, and what damaged ones still show."""

import bz2
import gzip
import lzma
import warnings

import numpy as np
import pytest
from astropy.io import fits

from glview.files import ReadError, open_images

H, W = 48, 70


def scene():
    y, x = np.mgrid[:H, :W]
    values = 100 + 0.5 * x + 0.25 * y + np.random.default_rng(3).normal(0, 3, (H, W))
    values[10, 10] = values[30, 20:26] = 1500
    return values


def awkward():
    values = scene().astype(np.float32)
    values[0], values[1], values[2], values[3] = np.nan, np.inf, -np.inf, -0.0
    values[4], values[5], values[6] = 1e-42, 3e38, -3e38
    return values


def scaled(bscale, bzero, kind="int16"):
    hdu = fits.PrimaryHDU(scene().astype(np.float32))
    hdu.scale(kind, bscale=bscale, bzero=bzero)
    return hdu


def blank(dtype, value):
    values = scene().astype(dtype)
    values[5:9, 5:9] = value
    hdu = fits.PrimaryHDU(values)
    hdu.header["BLANK"] = value
    return hdu


def packed(dtype, codec, **keywords):
    values = scene() * (50 if dtype == np.uint16 else 1)
    values = values.astype(dtype)
    if keywords.pop("nan", False):
        values[:10] = np.nan
    return fits.CompImageHDU(values, compression_type=codec, name="COMP", **keywords)


def cube(*axes, dtype=np.float32):
    return fits.PrimaryHDU(np.random.default_rng(1).normal(50, 9, axes).astype(dtype))


SOUND = {
    **{f"bitpix_{kind}": fits.PrimaryHDU((scene() / 9).astype(kind)) for kind in
       ("u1", "i1", "i2", "i4", "i8", "u2", "u4", "u8", "f4", "f8")},
    "scaled": scaled(0.5, 500),
    "scaled_i4": scaled(0.25, -3, "int32"),
    "blank_i2": blank(np.int16, -32768),
    "blank_i4": blank(np.int32, -1),
    "blank_u1": blank(np.uint8, 255),
    "awkward": fits.PrimaryHDU(awkward()),
    "all_nan": fits.PrimaryHDU(np.full((H, W), np.nan, np.float32)),
    "beyond_float32": fits.PrimaryHDU(scene() * 1e40),
    "small_steps": fits.PrimaryHDU(1e9 + scene() * 1e-3),
    "one_pixel": fits.PrimaryHDU(np.ones((1, 1), np.float32)),
    "one_row": fits.PrimaryHDU(scene()[:1]),
    "one_column": fits.PrimaryHDU(scene()[:, :1]),
    "vector": fits.PrimaryHDU(scene()[0]),
    "wide": fits.PrimaryHDU(np.arange(300_000, dtype=np.int32).reshape(3, -1)),
    "cube": cube(5, H, W),
    "cube_4d": cube(2, 3, 8, 9, dtype=np.int16),
    "degenerate": cube(1, 1, H, W),
    "rice_i2": packed(np.int16, "RICE_1"),
    "rice_u2": packed(np.uint16, "RICE_1"),
    "rice_f4": packed(np.float32, "RICE_1", quantize_level=16),
    "rice_nan": packed(np.float32, "RICE_1", quantize_level=16, quantize_method=2, dither_seed=42,
                       nan=True),
    "rice_tiles": packed(np.int16, "RICE_1", tile_shape=(16, 32)),
    "gzip1_i4": packed(np.int32, "GZIP_1"),
    "gzip2_lossless": packed(np.float32, "GZIP_2", quantize_level=0),
    "nocompress": packed(np.int16, "NOCOMPRESS"),
    "hcompress": packed(np.int16, "HCOMPRESS_1"),
    "plio": packed(np.int16, "PLIO_1"),
    "rice_cube": fits.CompImageHDU(np.arange(3 * 20 * 30, dtype=np.int32).reshape(3, 20, 30)),
}  # fmt: skip


def all_of(image):
    """Every plane of an Image in one (planes, height, width) array."""
    height, width = image.shape
    return np.stack([image.read(plane, 0, height, 0, width) for plane in range(image.planes)])


@pytest.mark.parametrize("name", SOUND)
def test_values_and_types_are_those_of_astropy(name, tmp_path):
    path = tmp_path / f"{name}.fits"
    SOUND[name].copy().writeto(path)
    (image,) = open_images(path)
    with fits.open(path, memmap=False) as hdus:
        truth = next(hdu.data for hdu in hdus if hdu.data is not None)
        assert image.dtype == truth.dtype.newbyteorder("=")
        values = all_of(image)
        assert values.dtype == image.dtype
        np.testing.assert_array_equal(values.reshape(truth.shape), truth)
    assert image.y_up and image.notes == () and image.path == path


def test_values_scaled_by_odd_numbers_are_rounded_once(tmp_path):
    hdu = scaled(0.05, 500)
    hdu.writeto(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits", do_not_scale_image_data=True) as hdus:
        stored = hdus[0].data.astype(np.float64)
    (image,) = open_images(tmp_path / "a.fits")
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image[:, :], (stored * 0.05 + 500).astype(np.float32))


def test_blank_unsigned_pixels_are_nan_as_the_standard_wants(tmp_path):
    hdu = fits.PrimaryHDU(np.array([[0, 1, 40000, 65535]], np.uint16))
    hdu.header["BLANK"] = -32768
    hdu.writeto(tmp_path / "a.fits")
    (image,) = open_images(tmp_path / "a.fits")
    np.testing.assert_array_equal(image[:, :], [[np.nan, 1, 40000, 65535]])


def test_blank_may_be_zero(tmp_path):  # astropy takes that for no BLANK at all
    blank(np.uint8, 0).writeto(tmp_path / "a.fits")
    values = open_images(tmp_path / "a.fits")[0][:, :]
    assert np.isnan(values[5:9, 5:9]).all() and np.isnan(values).sum() == 16


def test_blank_means_nothing_for_floats(tmp_path):
    hdu = fits.PrimaryHDU(np.array([[-1, 1]], np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hdu.header["BLANK"] = -1
        hdu.writeto(tmp_path / "a.fits", output_verify="ignore")
    assert open_images(tmp_path / "a.fits")[0][:, :].tolist() == [[-1, 1]]


@pytest.fixture
def plain(tmp_path):
    """The bytes of a float image and where to put others."""
    fits.PrimaryHDU(scene().astype(np.float32)).writeto(tmp_path / "plain.fits")
    return (tmp_path / "plain.fits").read_bytes(), tmp_path / "a.fits"


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_files_open_under_any_name(plain, pack):
    content, path = plain
    path.write_bytes(pack(content))
    (image,) = open_images(path)
    np.testing.assert_array_equal(image[:, :], scene().astype(np.float32))


def test_what_a_cut_off_file_holds_is_shown(plain):
    content, path = plain
    path.write_bytes(content[: 2880 + 12 * W * 4 + 5])
    (image,) = open_images(path)
    assert image.notes == ("file is truncated: 25 % of the rows are here",)
    values, truth = image[:, :], scene().astype(np.float32)
    np.testing.assert_array_equal(values[:12], truth[:12])
    assert np.isnan(values[12:]).all()
    np.testing.assert_array_equal(image[10:14, 3:5][:2], truth[10:12, 3:5])


def test_missing_integers_are_zero_and_a_missing_plane_too(tmp_path):
    path = tmp_path / "a.fits"
    cube(3, 8, 9, dtype=np.int16).writeto(path)
    content = path.read_bytes()
    path.write_bytes(content[: 2880 + 8 * 9 * 2])
    (image,) = open_images(path)
    values = all_of(image)
    assert values.dtype == np.int16 and image.planes == 3
    assert values[0].any() and not values[1:].any()
    assert "33 %" in image.notes[0]


def test_only_the_padding_missing_is_no_damage(plain):
    content, path = plain
    path.write_bytes(content[: 2880 + H * W * 4])
    assert open_images(path)[0].notes == ()


def test_a_packed_file_cut_off_shows_what_came_through(plain):
    content, path = plain
    path.write_bytes(gzip.compress(content, mtime=0)[:-1500])
    (image,) = open_images(path)
    assert "damaged or cut off" in image.notes[0] and "truncated" in image.notes[1]
    np.testing.assert_array_equal(image[:5, :], scene().astype(np.float32)[:5])


def test_garbage_behind_the_image_is_told_and_harmless(plain):
    content, path = plain
    path.write_bytes(content + b"\xde\xad" * 700)
    (image,) = open_images(path)
    assert "HDU 0" in image.notes[0]
    np.testing.assert_array_equal(image[:, :], scene().astype(np.float32))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"NAXIS1  =                   70", b"NAXIS1  =               700000", "next to nothing"),
        (b"NAXIS2  =                   48", b"NAXIS2  =                  -48", "negative"),
        (b"BITPIX  =                  -32", b"BITPIX  =                  -33", "BITPIX = -33"),
        (b"SIMPLE  =", b"SUMPLE  =", "no image that glview knows"),
    ],
)
def test_headers_that_lie_are_refused_by_name(plain, old, new, says):
    content, path = plain
    assert old in content
    path.write_bytes(content.replace(old, new))
    with pytest.raises(ReadError, match=says) as caught:
        open_images(path)
    assert "a.fits" in str(caught.value)


def test_odd_text_in_headers_is_no_reason_to_refuse(plain):
    content, path = plain
    content = content.replace(b"SIMPLE  =                    T", b"SIMPLE  =                    F")
    content = content.replace(b"conforms to FITS", "conform\xe9s \xe0 FITS".encode("latin-1"))
    path.write_bytes(content)
    (image,) = open_images(path)
    assert "SIMPLE = F" in image.notes[0]
    np.testing.assert_array_equal(image[:, :], scene().astype(np.float32))


@pytest.mark.parametrize("codec", ["RICE_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1"])
def test_damaged_tiles_are_read_errors(tmp_path, codec):
    path = tmp_path / "a.fits"
    packed(np.int16, codec).writeto(path)
    content = bytearray(path.read_bytes())
    with fits.open(path) as hdus:
        place = hdus[1].fileinfo()
    for at in range(place["datLoc"] + 8 * H, place["datLoc"] + place["datSpan"], 7):
        content[at] ^= 0x5A
    path.write_bytes(content)
    (image,) = open_images(path)
    try:
        assert image[:, :].shape == (H, W)  # some codecs take any bytes for numbers
    except ReadError as error:
        assert "cannot be unpacked" in str(error)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("ZTILE1", 0, "impossible tiles"),
        ("ZTILE2", 7, "needs 7 tiles"),
        ("ZNAXIS2", 10**9, "needs 1000000000 tiles"),
        ("ZBITPIX", 12, "ZBITPIX = 12"),
    ],
)
def test_compressed_images_that_claim_too_much_are_refused(tmp_path, key, value, says):
    path = tmp_path / "a.fits"
    packed(np.int16, "RICE_1").writeto(path)
    content = path.read_bytes()
    at = content.index(f"{key:<8}=".encode())
    path.write_bytes(content[: at + 10] + f"{value:>20}".encode() + content[at + 30 :])
    with pytest.raises(ReadError, match=says):
        open_images(path)
