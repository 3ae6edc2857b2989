"""Opening files: names, extensions, formats, errors, and files that change while they are open."""

import gzip
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
from astropy.io import fits
from PIL import Image as Picture

from glview.files import READERS, ReadError, open_images
from glview.files.save import save_mask
from glview.files.source import FileChangedError, most_unpacked

DATA = Path(__file__).parent / "data"
DEMO = Path(__file__).parent.parent / "glview" / "data" / "demo.fits.gz"
NOISE = np.random.default_rng(7)
GREY8 = NOISE.integers(0, 256, (37, 53), np.uint8)
GREY16 = NOISE.integers(0, 1 << 16, (37, 53), np.uint16)
REAL = NOISE.normal(size=(37, 53)).astype(np.float32)
COLOUR = NOISE.integers(0, 256, (37, 53, 3), np.uint8)
STACK = NOISE.integers(0, 1 << 16, (4, 37, 53), np.uint16)


def all_of(image):
    height, width = image.shape
    return np.stack([image.read(plane, 0, height, 0, width) for plane in range(image.planes)])


def write(path, array, name=None, version=1):
    """A FITS file of one image, in the primary HDU or in an extension."""
    if name is None:
        fits.PrimaryHDU(array).writeto(path, overwrite=True)
    else:
        hdu = fits.ImageHDU(array, name=name, ver=version)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return path


@pytest.fixture
def several(tmp_path):
    """Empty primary with camera cards, a table, SCI and DQ twice, and a mask of glview's."""
    top = fits.PrimaryHDU()
    top.header["INSTRUME"], top.header["AIRMASS"] = "STIS", 1.5
    parts = [top, fits.BinTableHDU.from_columns([fits.Column("A", "E", array=[1.0])], name="CAT")]
    for version in (1, 2):
        science = fits.ImageHDU(REAL + version, name="SCI", ver=version)
        science.header["INHERIT"] = version == 1
        parts += [science, fits.ImageHDU(GREY8, name="DQ", ver=version)]
    parts[5].header.pop("INHERIT", None)
    parts.append(fits.ImageHDU(GREY8, name="CR_MASK"))
    fits.HDUList(parts).writeto(tmp_path / "mef.fits")
    return tmp_path / "mef.fits"


def test_all_pictures_but_our_own_masks_are_offered_in_order(several):
    images = open_images(several)
    names = ["SCI,1", "DQ,1", "SCI,2", "DQ,2"]
    assert [image.name for image in images] == [f"mef.fits[{name}]" for name in names]
    assert [image.hdu for image in images] == [2, 3, 4, 5]
    np.testing.assert_array_equal(images[2][:, :], REAL + 2)


@pytest.mark.parametrize(
    ("ext", "found"),
    [
        (2, [2]),
        ("2", [2]),
        ("SCI", [2, 4]),
        (" sci ", [2, 4]),
        ("sci,2", [4]),
        ("SCI, 1", [2]),
        ("CR_MASK", [6]),
    ],
)
def test_extensions_by_number_name_and_version(several, ext, found):
    assert [image.hdu for image in open_images(several, ext)] == found
    assert [image.hdu for image in open_images(f"{several}[{ext}]")] == found


@pytest.mark.parametrize(
    ("ext", "says"), [("ERR", "no extension ERR"), (9, "2 SCI"), ("CAT", "table"), (0, "empty")]
)
def test_extensions_that_are_no_pictures_are_refused(several, ext, says):
    with pytest.raises(ReadError, match=says):
        open_images(several, ext)


def test_cards_are_inherited_as_the_header_says(several):
    first, _, second, quality = open_images(several)
    assert first.header["AIRMASS"] == 1.5 and first.header["INSTRUME"] == "STIS"
    assert "INSTRUME" not in second.header and second.header["EXTVER"] == 2
    assert quality.header["INSTRUME"] == "STIS" and "AIRMASS" not in quality.header
    assert first.header["NAXIS"] == 2 and first.header["BITPIX"] == -32


@pytest.mark.parametrize("extension", [None, "SCI"])
def test_a_picture_keeps_its_name_when_a_mask_was_saved_with_it(tmp_path, extension):
    path = tmp_path / "a.fits"
    write(path, REAL, extension)
    save_mask(path, REAL > 2)
    assert [image.name for image in open_images(path)] == ["a.fits"]
    assert open_images(path, "CR_MASK")[0].name == "a.fits[CR_MASK]"


def test_a_file_of_nothing_but_masks_is_shown(tmp_path):
    write(tmp_path / "a.fits", GREY8, "CR_MASK")
    assert open_images(tmp_path / "a.fits")[0].name == "a.fits"


@pytest.mark.parametrize("name", ["weird[1].fits", "a.fits(b.fits)", "ä ö.fits"])
def test_odd_names_are_taken_by_the_letter(tmp_path, name):
    write(tmp_path / name, REAL)
    (image,) = open_images(tmp_path / name)
    assert image.name == name
    np.testing.assert_array_equal(image[:, :], REAL)


def test_a_name_that_is_not_utf8_opens_and_has_a_printable_name(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.fits"
    os.rename(write(tmp_path / "a.fits", REAL), path)
    for given in (path, os.fsdecode(path)):
        (image,) = open_images(given)
        assert image.name == "caf\ufffd.fits" and image.name.encode()
        assert os.fsencode(image.path) == path


def test_names_are_never_commands(tmp_path):
    source = write(tmp_path / "a.fits", REAL)
    for name in (f"{source}({tmp_path}/copy.fits)", "http://localhost/a.fits", "stdin://"):
        with pytest.raises(ReadError, match="there is no file"):
            open_images(name)
    assert os.listdir(tmp_path) == ["a.fits"]


def test_the_path_with_brackets_of_a_missing_file_names_the_file(tmp_path):
    with pytest.raises(ReadError, match=r"there is no file .*none\.fits$"):
        open_images(tmp_path / "none.fits[SCI]")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", r"bad\.fits is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(5000), "damaged PNG"),
        (b"<!DOCTYPE html><html>404</html>" * 60, "web page"),
        (b"\x1f\x9d\x90" + bytes(99), "gunzip"),
        (b"\x1f\x8b" + bytes(99), "cannot be unpacked"),
        (b"II*\0" + bytes(99), "TIFF"),
        (b"\x93NUMPY\x01\x00\x10\x00{'descr': 3", "damaged .npy header"),
        (b"\x93NUMPY\x09\x00\x10\x00{'descr': 3", "version"),
        (NOISE.bytes(6000), r"\.fits, \.fit, .*\.npy, \.tif, \.tiff, \.png"),
    ],
)
def test_what_is_no_image_says_what_it_is(tmp_path, content, says):
    (tmp_path / "bad.fits").write_bytes(content)
    with pytest.raises(ReadError, match=says):
        open_images(tmp_path / "bad.fits")


def test_folders_pipes_and_forbidden_files_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.fits")
    with pytest.raises(ReadError, match="folder"):
        open_images(tmp_path)
    for path in (tmp_path / "pipe.fits", "/dev/zero"):
        with pytest.raises(ReadError, match="pipe or a device"):
            open_images(path)
    with pytest.raises(ReadError, match="cannot be a file name"):
        open_images("a\0b.fits")


def test_a_file_that_may_not_be_read_says_so(tmp_path, monkeypatch):
    path = write(tmp_path / "a.fits", REAL)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("glview.files.source.os.open", refuse)
    with pytest.raises(ReadError, match=r"a\.fits .*chmod"):
        open_images(path)


def test_a_file_without_pictures_lists_what_it_has(tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("A", "E", array=[1.0])], name="CAT")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(tmp_path / "a.fits")
    with pytest.raises(ReadError, match="0 PRIMARY, 1 CAT"):
        open_images(tmp_path / "a.fits")


@pytest.mark.parametrize("box", [(0, 37, 0, 53), (5, 6, 7, 8), (36, 37, 52, 53), (9, 9, 3, 4)])
def test_boxes_of_small_and_of_wide_images(tmp_path, box):
    y0, y1, x0, x1 = box
    wide = np.arange(40 * 9000, dtype=np.int32).reshape(40, 9000)
    for array in (REAL, wide):
        (image,) = open_images(write(tmp_path / "a.fits", array))
        np.testing.assert_array_equal(image[y0:y1, x0:x1], array[y0:y1, x0:x1])
        values = image.read32(y0, y1, x0, x1)
        assert values.dtype == np.float32 and values.flags.c_contiguous
        np.testing.assert_array_equal(values, array[y0:y1, x0:x1].astype(np.float32))


def test_an_image_larger_than_one_piece_is_whole_from_many_threads(tmp_path):
    truth = NOISE.integers(-9999, 9999, (900, 1100)).astype(np.float64)
    (image,) = open_images(write(tmp_path / "a.fits", truth))
    corners = [(y, x) for y in range(0, 900, 37) for x in (0, 9)]
    boxes = [(y, min(y + 130, 900), x, x + 700) for y, x in corners]
    with ThreadPoolExecutor(8) as pool:
        read = pool.map(lambda box: image.read(0, *box), boxes)
        for (y0, y1, x0, x1), values in zip(boxes, read, strict=True):
            np.testing.assert_array_equal(values, truth[y0:y1, x0:x1])
    np.testing.assert_array_equal(image[:, :], truth)


def test_a_disk_is_told_not_to_read_ahead_where_it_can_be_told(tmp_path, monkeypatch):
    path, told = write(tmp_path / "a.fits", REAL), []
    monkeypatch.setattr(os, "posix_fadvise", lambda *words: told.append(words[1:]), raising=False)
    monkeypatch.setattr(os, "POSIX_FADV_RANDOM", "random", raising=False)
    open_images(path)
    assert told == [(0, 0, "random")]
    monkeypatch.delattr(os, "posix_fadvise")
    np.testing.assert_array_equal(open_images(path)[0][:, :], REAL)


def test_a_file_cut_short_while_open_is_an_error_and_not_a_crash(tmp_path):
    path = write(tmp_path / "a.fits", REAL)
    (image,) = open_images(path)
    os.truncate(path, 3000)
    with pytest.raises(FileChangedError, match=r"a\.fits .*open it again"):
        image[:, :]


def test_a_file_written_over_while_open_is_told(tmp_path):
    path = write(tmp_path / "a.fits", REAL)
    (image,) = open_images(path)
    with open(path, "r+b") as file:
        file.write(b"SIMPLE")
    os.utime(path, ns=(1, 1))
    with pytest.raises(FileChangedError):
        image[:3, :3]


def test_a_file_replaced_by_another_stays_readable_as_it_was(tmp_path):
    path = write(tmp_path / "a.fits", REAL)
    (image,) = open_images(path)
    os.replace(write(tmp_path / "b.fits", REAL + 1), path)
    np.testing.assert_array_equal(image[:, :], REAL)


def test_a_packed_file_that_never_ends_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("glview.files.source.ALWAYS_ALLOWED", 1 << 20)
    (tmp_path / "a.fits.gz").write_bytes(gzip.compress(bytes(1 << 23)))
    with pytest.raises(ReadError, match="trap"):
        open_images(tmp_path / "a.fits.gz")


@pytest.mark.parametrize(("packed", "free", "most"), [
    (1000, 0, 1 << 30), (20 << 20, 0, 4000 << 20), (10 << 30, 0, 8 << 30),
    (10 << 30, 10 << 30, 8 << 30), (10 << 30, 100 << 30, 50 << 30)])
def test_how_much_may_come_out_of_a_packed_file(packed, free, most):
    assert most_unpacked(packed, free) == most


def test_descriptors_are_given_back(tmp_path):
    path = write(tmp_path / "a.fits", REAL)
    before = len(os.listdir("/dev/fd"))
    for _ in range(20):
        open_images(path)[0].read32(0, 1, 0, 1)
    assert len(os.listdir("/dev/fd")) == before
    assert threading.active_count() < 20


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("truth", [GREY8, GREY16, REAL, REAL.astype(float), STACK, GREY8 > 99])
def test_tiff(tmp_path, truth, compression, order):
    keywords = {"compression": compression, "byteorder": order, "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "a.tif", truth, **keywords)
    (image,) = open_images(tmp_path / "a.tif")
    values = all_of(image)
    assert not image.y_up and values.dtype == image.dtype
    assert image.dtype == (np.uint8 if truth.dtype == bool else truth.dtype)
    np.testing.assert_array_equal(values.reshape(truth.shape), truth)
    np.testing.assert_array_equal(image[3:9, 4:11], truth.reshape(-1, 37, 53)[0][3:9, 4:11])


@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_colours_become_luminance_and_say_so(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    if suffix == "tif":
        tifffile.imwrite(path, COLOUR, photometric="rgb")
    else:
        Picture.fromarray(COLOUR).save(path)
    (image,) = open_images(path)
    red, green, blue = np.moveaxis(COLOUR.astype(float), -1, 0)
    truth = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    np.testing.assert_allclose(image[:, :], truth, rtol=1e-6)
    assert "luminance" in image.notes[0] and not image.y_up


@pytest.mark.parametrize("truth", [GREY8, GREY16, GREY8 > 99])
def test_png(tmp_path, truth):
    Picture.fromarray(truth).save(tmp_path / "a.png")
    (image,) = open_images(tmp_path / "a.png")
    assert image[:, :].dtype == image.dtype and image.notes == ()
    np.testing.assert_array_equal(image[:, :], truth)


@pytest.mark.parametrize(
    "truth",
    [REAL, REAL.astype(">f8"), STACK, np.asfortranarray(STACK), np.asfortranarray(REAL), REAL[0],
     GREY8 > 99, REAL.astype(np.float16)],
)  # fmt: skip
def test_npy(tmp_path, truth):
    np.save(tmp_path / "a.npy", truth)
    (image,) = open_images(tmp_path / "a.npy")
    values = all_of(image)
    assert values.dtype == image.dtype and image.dtype.isnative
    np.testing.assert_array_equal(values.reshape(truth.shape), truth)
    np.testing.assert_array_equal(image[0:1, 4:11], values[0][0:1, 4:11])


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.array([[1j]]), "real numbers"),
        (np.array([[None]]), "real numbers"),
        (np.zeros((3, 0)), "no picture"),
        (np.float32(3), "no picture"),
        (np.zeros(3, "f4,f4"), "real numbers"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(tmp_path, array, says):
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(ReadError, match=says):
        open_images(tmp_path / "a.npy")


def test_an_array_cut_off_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", REAL)
    os.truncate(tmp_path / "a.npy", 500)
    with pytest.raises(ReadError, match="cut off"):
        open_images(tmp_path / "a.npy")


def test_a_missing_package_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tifffile", None)
    (tmp_path / "a.tif").write_bytes(b"II*\0" + bytes(20))
    with pytest.raises(ReadError, match=r"pip install 'glview\[tiff\]'"):
        open_images(tmp_path / "a.tif")


def test_every_reader_has_suffixes_and_magic():
    assert [reader.name for reader in READERS] == ["fits", "npy", "tiff", "png"]
    assert all(reader.suffixes and reader.magic for reader in READERS)


def test_opening_plain_fits_imports_nothing_heavy(tmp_path):
    path = write(tmp_path / "a.fits", REAL)
    code = (
        "import sys; from glview.core.sample import preview; from glview.files import open_images\n"
        f"preview(open_images({str(path)!r})[0])\n"
        "print([m for m in ('astropy', 'numba', 'PIL', 'scipy', 'torch') if m in sys.modules])"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_real_frames_open():
    (image,) = open_images(DATA / "saao_ste3_raw_u16.fits.gz")
    assert image.shape == (520, 536) and image.dtype == np.uint16
    with fits.open(DATA / "saao_ste3_raw_u16.fits.gz") as hdus:
        np.testing.assert_array_equal(image[:, :], hdus[0].data)
    (demo,) = open_images(DEMO)
    assert demo.header["INSTRUME"] == "STIS" and demo.shape == (256, 256)
    assert np.isfinite(demo[:, :]).all()
