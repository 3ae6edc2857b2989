"""Layouts, headers and damage that are met in the wild, and the files astropy is tested with.

Each has its outcome: the pixels, with astropy as judge where it can read them, or words of refusal.
"""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from glview.files import ReadError, open_images

H, W = 48, 70
SKY = np.random.default_rng(3).normal(100, 3, (H, W)).astype(np.float32)
CODECS = ("RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1")


def whole(image):
    """All planes: (planes, height, width)."""
    height, width = image.shape
    return np.stack([image.read(plane, 0, height, 0, width) for plane in range(image.planes)])


def written(folder, *hdus):
    path = folder / "a.fits"
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)
    return path


def same_as_astropy(path, images):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(path, memmap=False) as hdus:
            for image in images:
                truth, values = hdus[image.hdu].data, whole(image)
                assert values.dtype == truth.dtype.newbyteorder("="), image.name
                np.testing.assert_array_equal(values.reshape(truth.shape), truth, image.name)


@pytest.mark.parametrize("values", [
    np.full((H, W), 7, np.float32), -SKY, 10 ** (SKY / 6 - 10), SKY[None, None],
], ids=["constant", "negative", "many decades", "four axes"])
def test_ranges_and_axes(tmp_path, values):
    fits.PrimaryHDU(values.astype(np.float32)).writeto(tmp_path / "a.fits")
    same_as_astropy(tmp_path / "a.fits", open_images(tmp_path / "a.fits"))


@pytest.mark.parametrize("kind", ["i2", "i4", "f4"])
@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_with_integers_and_quantised_floats(tmp_path, codec, kind):
    keywords = {"quantize_level": 16} if kind == "f4" else {}
    hdu = fits.CompImageHDU(SKY.astype(kind), compression_type=codec, **keywords)
    path = written(tmp_path, hdu)
    images = open_images(path)
    assert [image.hdu for image in images] == [1] and images[0].notes == ()
    same_as_astropy(path, images)


def test_sixteen_amplifiers(tmp_path):
    path = written(tmp_path, *(fits.ImageHDU((SKY + k).astype("u2"), name=f"AMP{k:02d}")
                               for k in range(16)))
    images = open_images(path)
    assert [image.name for image in images] == [f"a.fits[AMP{k:02d}]" for k in range(16)]
    same_as_astropy(path, images)
    assert [image.hdu for image in open_images(path, "amp07")] == [8]


def test_extensions_without_names_and_with_the_same(tmp_path):
    path = written(tmp_path, fits.ImageHDU(SKY), fits.ImageHDU(SKY.astype("i2"), name="SCI"),
                   fits.ImageHDU(SKY.astype("i4"), name="SCI"))
    images = open_images(path)
    assert [image.hdu for image in images] == [1, 2, 3] and images[0].name == "a.fits[1]"
    same_as_astropy(path, images)


def test_three_thousand_cards(tmp_path):
    hdu = fits.PrimaryHDU(SKY)
    hdu.header.update({f"K{k:05d}": k for k in range(3000)})
    hdu.writeto(tmp_path / "a.fits")
    image, = open_images(tmp_path / "a.fits")
    assert [image.header[f"K{k:05d}"] for k in (0, 1234, 2999)] == [0, 1234, 2999]
    same_as_astropy(tmp_path / "a.fits", [image])


def test_a_wrong_checksum_is_no_reason_to_refuse(tmp_path):
    hdu = fits.PrimaryHDU(SKY)
    hdu.header["CHECKSUM"], hdu.header["DATASUM"] = "A" * 16, "1"
    hdu.writeto(tmp_path / "a.fits")
    same_as_astropy(tmp_path / "a.fits", open_images(tmp_path / "a.fits"))


def random_groups():
    data = fits.GroupData(np.stack([SKY[:8, :8]] * 3)[:, None], parnames=["U", "V"],
                          pardata=[np.arange(3.0), np.arange(3.0)], bitpix=-32)
    return fits.GroupsHDU(data)


@pytest.mark.parametrize("hdu", [
    fits.PrimaryHDU(), fits.PrimaryHDU(np.zeros((0, 10), np.float32)), random_groups()],
    ids=["no pixels", "an axis of no length", "random groups"])
def test_without_a_picture(tmp_path, hdu):
    hdu.writeto(tmp_path / "a.fits")
    with pytest.raises(ReadError, match="holds no picture; it has: 0 PRIMARY"):
        open_images(tmp_path / "a.fits")


def test_a_file_cut_off_in_a_later_extension_or_header(tmp_path):
    path = written(tmp_path, *(fits.ImageHDU(SKY + k, name=f"E{k}") for k in range(3)))
    content = path.read_bytes()
    size = (len(content) - 2880) // 3
    path.write_bytes(content[: 2880 + size + 2880 + 4 * W * H // 4])
    first, second = open_images(path)
    np.testing.assert_array_equal(first[:, :], SKY)
    assert second.notes == ("file is truncated: 25 % of the rows are here",)
    np.testing.assert_array_equal(second[: H // 4, :], SKY[: H // 4] + 1)
    assert not first.notes or "HDU 2" in first.notes[0]
    path.write_bytes(content[: 2880 + size + 400])
    only, = open_images(path)
    assert "HDU 1 is not read" in only.notes[0] and "cut off" in only.notes[0]
    np.testing.assert_array_equal(only[:, :], SKY)


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bits_give_pictures_or_a_refusal(tmp_path, seed):
    path = written(tmp_path, *(fits.ImageHDU(SKY + k, name=f"E{k}") for k in range(2)))
    content, rng = bytearray(path.read_bytes()), np.random.default_rng(seed)
    for _ in range(12):
        content[int(rng.integers(0, 12_000))] ^= 1 << int(rng.integers(0, 8))
    path.write_bytes(content)
    try:
        images = open_images(path)
    except ReadError as error:
        assert re.match(r"a\.fits", str(error))
        return
    for image in images:
        height, width = image.shape
        try:
            assert image[: min(height, 99), : min(width, 99)].shape
        except ReadError as error:
            assert "a.fits" in str(error)


# what astropy is tested with: pictures, by their HDUs, or the words of the refusal

ASTROPYS = {
    "arange.fits": [0], "blank.fits": [0], "checksum.fits": [0], "checksum_false.fits": [0],
    "comp.fits": [1], "compressed_float_bzero.fits": [1], "compressed_image.fits": [1],
    "double_ext.fits": [1], "fixed-1890.fits": [0], "o4sp040b0_raw.fits": [1, 4], "scale.fits": [0],
    "test0.fits": [1, 2, 3, 4], "test1.fits": [1, 2, 3, 4],
    "lzw.fits.Z": "packed by compress .* gunzip",
    **dict.fromkeys((
        "ascii.fits", "ascii_i4-i20.fits", "btable.fits", "chandra_time.fits", "group.fits",
        "history_header.fits", "logical_null.fits", "memtest.fits", "random_groups.fits",
        "stddata.fits", "table.fits", "tb.fits", "tdim.fits", "theap-gap.fits",
        "variable_length_table.fits", "verify.fits", "vla_logical_all_zero.fits",
        "vla_logical_null.fits", "vla_logical_pre_fix.fits", "zerowidth.fits"), "holds no picture"),
}  # fmt: skip
FOLDER = Path(fits.__file__).parent / "tests" / "data"
ROUNDED = ("scale.fits",)  # astropy scales in float32, glview in float64, rounded once


@pytest.mark.parametrize("name", ASTROPYS)
def test_the_files_that_astropy_is_tested_with(name):
    path, expected = FOLDER / name, ASTROPYS[name]
    if not path.is_file():
        pytest.skip("this astropy comes without its test data")
    if isinstance(expected, str):
        with pytest.raises(ReadError, match=expected):
            open_images(path)
        return
    images = open_images(path)
    assert [image.hdu for image in images] == expected
    if name in ROUNDED:
        with fits.open(path, do_not_scale_image_data=True) as hdus:
            stored, cards = hdus[0].data.astype(np.float64), hdus[0].header
            truth = (stored * cards["BSCALE"] + cards["BZERO"]).astype(np.float32)
        np.testing.assert_array_equal(images[0][:, :], truth)
    else:
        same_as_astropy(path, images)


def test_no_file_of_astropys_is_left_out():
    """A new release brings new ones: each wants its outcome above."""
    if not FOLDER.is_dir():
        pytest.skip("this astropy comes without its test data")
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} <= set(ASTROPYS)
