"""gzip, bzip2 and xz files: what comes out of them, what damaged ones still give, the progress."""

import bz2
import errno
import gzip
import io
import lzma
import os
import tempfile
import threading
import zlib

import numpy as np
import pytest
from astropy.io import fits

from glview.core.cancel import Cancelled
from glview.files import ReadError, open_images, packed
from glview.files.source import open_source

PACK = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
H, W = 300, 400
DATA = np.random.default_rng(4).normal(100, 9, (H, W)).astype(np.float32)


def fits_bytes(path, *arrays):
    """The bytes of a FITS file with each array in an HDU of its own, SCI the later ones."""
    hdus = [fits.PrimaryHDU(arrays[0]), *(fits.ImageHDU(array, name="SCI") for array in arrays[1:])]
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path.read_bytes()


@pytest.fixture
def content(tmp_path):
    return fits_bytes(tmp_path / "plain.fits", DATA)


@pytest.fixture
def step(monkeypatch):
    """Word about the progress after every few rows."""
    monkeypatch.setattr(packed, "PERIOD", 0)
    monkeypatch.setattr(packed, "CHUNK", 20 * W)


def all_bytes(source):
    return source.read(0, source.size + 1)


@pytest.mark.parametrize("pack", PACK.values(), ids=PACK)
def test_members_one_behind_the_other_are_one_file(tmp_path, content, pack):
    (tmp_path / "a").write_bytes(pack(content[:70_000]) + pack(b"") + pack(content[70_000:]))
    source = open_source(tmp_path / "a")
    assert all_bytes(source) == content and source.notes == ()


def test_zeros_behind_gzip_data_are_no_damage(tmp_path, content):
    (tmp_path / "a").write_bytes(gzip.compress(content) + bytes(3000))
    source = open_source(tmp_path / "a")
    assert all_bytes(source) == content and source.notes == () and source.packed == "gzip"


def by_gzip(data):
    """What the standard library gets out of damaged data before it gives up."""
    got = b""
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        try:
            while chunk := file.read1(1 << 20):
                got += chunk
        except (OSError, EOFError, zlib.error):
            pass
    return got


@pytest.mark.parametrize("damage", ["cut", "flip", "checksum", "garbage behind", "second member"])
@pytest.mark.parametrize("rows", [3, H])
def test_damaged_gzip_gives_all_that_gzip_gets_out_of_it(tmp_path, content, damage, rows):
    content = content[: 2880 + rows * W * 4]
    data = bytearray(gzip.compress(content))
    if damage == "cut":
        data = data[: 4 * len(data) // 5]
    elif damage == "flip":
        data[2 * len(data) // 3] ^= 0x10
    elif damage == "checksum":
        data[-8:] = b"checksum"
    elif damage == "garbage behind":
        data += b"garbage"
    else:
        data += data[:200]
    (tmp_path / "a").write_bytes(data)
    source = open_source(tmp_path / "a")
    truth = by_gzip(bytes(data))
    assert len(truth) > 1000 and all_bytes(source)[: len(truth)] == truth
    assert "gzip data is damaged or cut off" in source.notes[0]


def test_a_full_disk_is_told(tmp_path, content, monkeypatch):
    class Full:
        def __init__(self, **_):
            self.file = tempfile.NamedTemporaryFile(dir=tmp_path)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def seek(self, place):
            return place

        def fileno(self):
            return self.file.fileno()

        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    (tmp_path / "a.fits.gz").write_bytes(gzip.compress(content))
    with pytest.raises(ReadError, match=r"no room to unpack a\.fits\.gz: No space.*TMPDIR"):
        open_images(tmp_path / "a.fits.gz")


@pytest.mark.parametrize("pack", PACK.values(), ids=PACK)
def test_progress_grows_and_pictures_show_what_is_there(tmp_path, content, step, pack):
    (tmp_path / "a.fits").write_bytes(pack(content))
    shares, kept, threads = [], [], set()

    def progress(share, pictures):
        threads.add(threading.current_thread())
        shares.append(share)
        kept.append(pictures())

    (image,) = open_images(tmp_path / "a.fits", progress=progress)
    np.testing.assert_array_equal(image[:, :], DATA)
    assert image.notes == () and threads == {threading.current_thread()}
    assert shares == sorted(shares) and 0 < shares[0] and shares[-1] <= 1
    rows = []
    for pictures in kept[1:]:
        (picture,) = pictures
        values = picture[:, :]
        here = int((~np.isnan(values)).all(1).sum())
        np.testing.assert_array_equal(values[:here], DATA[:here])
        assert np.isnan(values[here:]).all() and picture.shape == DATA.shape
        assert "still being unpacked: " in picture.notes[0] and len(picture.notes) == 1
        np.testing.assert_array_equal(picture.read32(0, here, 5, 9), DATA[:here, 5:9])
        rows.append(here)
    assert rows == sorted(rows) and len(set(rows)) > 5 and rows[0] < H // 10


def test_no_pictures_before_a_hundredth_of_the_rows(tmp_path, step, monkeypatch):
    content = fits_bytes(tmp_path / "plain.fits", np.ones((3000, 50), np.float32))
    monkeypatch.setattr(packed, "CHUNK", 800)
    (tmp_path / "a.fits.gz").write_bytes(gzip.compress(content))
    counts = []
    open_images(tmp_path / "a.fits.gz", progress=lambda _, pictures: counts.append(len(pictures())))
    chunks = -(-(2880 + 30 * 200) // 800)
    assert counts[: chunks - 1] == [0] * (chunks - 1) and set(counts[chunks:]) == {1}


def test_pictures_are_those_that_ext_names(tmp_path, step):
    content = fits_bytes(tmp_path / "plain.fits", DATA, DATA + 1)
    (tmp_path / "a.fits.gz").write_bytes(gzip.compress(content))
    names = []

    def progress(_, pictures):
        names.append([picture.name for picture in pictures()])

    open_images(tmp_path / "a.fits.gz", "SCI", progress)
    halves = names[: len(names) // 2 - 3], names[len(names) // 2 + 3 :]
    assert halves[0] and halves[1]
    assert not any(halves[0]) and all(one == ["a.fits.gz[SCI]"] for one in halves[1])
    names.clear()
    open_images(tmp_path / "a.fits.gz", None, progress)
    assert names[3] == ["a.fits.gz"] and names[-1] == ["a.fits.gz[PRIMARY]", "a.fits.gz[SCI]"]


def test_what_is_no_fits_has_progress_and_no_picture(tmp_path, step):
    np.save(tmp_path / "a.npy", DATA)
    (tmp_path / "a.npy.gz").write_bytes(gzip.compress((tmp_path / "a.npy").read_bytes()))
    seen = []
    open_images(tmp_path / "a.npy.gz", progress=lambda share, pictures: seen.append(pictures()))
    assert len(seen) > 5 and set(seen) == {()}


@pytest.mark.parametrize("keep", [False, True])
def test_cancelling_gives_everything_back(tmp_path, content, step, keep):
    (tmp_path / "a.fits.gz").write_bytes(gzip.compress(content))
    before, kept = len(os.listdir("/dev/fd")), []

    def progress(share, pictures):
        if keep:
            kept.extend(pictures())
        if share > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        open_images(tmp_path / "a.fits.gz", progress=progress)
    for picture in kept:
        np.testing.assert_array_equal(picture[:1, :], DATA[:1])
    assert bool(kept) == keep
    picture = None
    kept.clear()
    assert picture is None and len(os.listdir("/dev/fd")) == before


def test_progress_is_told_at_most_four_times_a_second(tmp_path, content):
    (tmp_path / "a.fits").write_bytes(content)
    calls = []
    source = open_source(tmp_path / "a.fits")
    watch = packed._Watch(source, "gzip", None, lambda *_: calls.append(1))
    watch.last += 60
    watch(1)
    assert calls == [] and packed.PERIOD == 0.25
    watch.last -= 60.3
    watch(1)
    watch.last += 60
    watch(1)
    assert calls == [1]


def test_there_is_no_progress_to_tell_of_files_that_are_not_packed(tmp_path, content, step):
    (tmp_path / "a.fits").write_bytes(content)
    open_images(tmp_path / "a.fits", progress=lambda *_: pytest.fail("nothing is unpacked"))
