"""Saving at the end of a file: which method is taken, what readers see, what is left alone."""

import errno
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import failing
import numpy as np
import pytest
from astropy.io import fits
from headless import Desk, paint

from glview import watching
from glview.core.edits import Edits
from glview.core.mask import FinalMask, MaskSettings
from glview.files import append, journal, open_images, save
from glview.files.header import walk
from glview.files.save import SaveError, load_mask, save_mask, stamp
from glview.files.source import FileChangedError
from glview.library import mask_of

ROOT = Path(__file__).parent.parent
SHAPE = (60, 70)
NOISE = np.random.default_rng(3)
SCENE = NOISE.normal(100, 9, SHAPE).astype(np.float32)
MASK = NOISE.random(SHAPE) > 0.95


@pytest.fixture
def frame(tmp_path):
    path = tmp_path / "frame.fits"
    fits.writeto(path, SCENE)
    return path


@pytest.fixture
def large(monkeypatch):
    """Every file counts as a large one."""
    monkeypatch.setattr(append, "SMALL", 0)


def add_another(path, name="OTHER"):
    with fits.open(path, mode="append") as hdus:
        hdus.append(fits.ImageHDU(np.ones((3, 3)), name=name))


def names(path):
    return [hdu.name for hdu in walk(path)]


def test_a_large_file_grows_at_its_end_and_is_the_same_file(frame, large):
    before, number = frame.read_bytes(), frame.stat().st_ino
    os.link(frame, frame.with_name("link.fits"))
    for mask in (MASK, ~MASK, MASK):
        result = save_mask(frame, mask)
        assert (result.method, result.why, result.warning) == ("append", "", "")
        assert result.stamp == stamp(frame) and frame.read_bytes().startswith(before)
        assert names(frame) == ["PRIMARY", "CR_MASK"]
        with fits.open(frame, checksum=True) as hdus:
            hdus.verify("exception")
            np.testing.assert_array_equal(hdus["CR_MASK"].data, mask)
    assert frame.stat().st_ino == number and frame.with_name("link.fits").samefile(frame)
    assert not journal.exists(frame)


def test_a_small_file_is_copied_unless_that_would_part_it_from_its_other_names(frame):
    assert save_mask(frame, MASK).method == "copy"
    os.link(frame, frame.with_name("link.fits"))
    assert save_mask(frame, ~MASK).method == "append"
    np.testing.assert_array_equal(load_mask(frame.with_name("link.fits")).mask, ~MASK)


def test_a_small_file_is_appended_to_where_the_disk_has_no_room_for_a_copy(frame, monkeypatch):
    before = frame.read_bytes()
    with failing.failing(failing.Disk(("copy_file_range", 1), errno.ENOSPC)):
        result = save_mask(frame, MASK)
    assert result.method == "append" and "no room for a copy" in result.why
    assert os.listdir(frame.parent) == ["frame.fits"] and frame.read_bytes().startswith(before)
    monkeypatch.setattr(append, "file_system", lambda path: "nfs")
    before = frame.read_bytes()
    for number, words in ((errno.ENOSPC, "the disk is full"), (errno.EIO, "Input/output error")):
        with failing.failing(failing.Disk(("copy_file_range", 1), number)):
            with pytest.raises(SaveError, match=words):
                save_mask(frame, ~MASK)
        assert frame.read_bytes() == before


def test_nothing_before_the_end_is_read_or_written(tmp_path, large, monkeypatch):
    path = tmp_path / "huge.fits"
    header = fits.Header([("SIMPLE", True), ("BITPIX", 16), ("NAXIS", 2), ("NAXIS1", 50_000),
                          ("NAXIS2", 50_000)])
    path.write_bytes(header.tostring().encode())
    os.truncate(path, 2880 + -(-5_000_000_000 // 2880) * 2880)
    edits = Edits((50_000, 50_000))
    edits.draw((49_990, 20), (49_990, 40), 3, 1)
    read, real = [], os.pread
    monkeypatch.setattr(os, "pread", lambda fd, size, at: read.append(size) or real(fd, size, at))
    for _ in range(2):
        result = save_mask(path, FinalMask(None, MaskSettings(), edits.plane), None, edits.plane)
        assert (result.method, result.why) == ("append", "")
    assert sum(read) < 20_000_000 and path.stat().st_blocks * 512 < 8_000_000
    assert path.stat().st_size > 5_000_000_000
    image = open_images(path, "CR_MASK")[0]
    assert image[49_980:, :60].sum() == edits.added > 0


def test_masks_of_other_planes_and_extensions_move_and_stay_whole(tmp_path, large):
    path = tmp_path / "cube.fits"
    fits.writeto(path, np.stack([SCENE] * 3))
    before = path.read_bytes()
    for plane, mask in ((0, MASK), (1, ~MASK), (0, MASK[::-1]), (2, MASK), (1, MASK)):
        assert save_mask(path, mask, provenance={"plane": plane}).method == "append"
        np.testing.assert_array_equal(load_mask(path, plane=plane).mask, mask)
    assert names(path) == ["PRIMARY", "CR_MASK", "CR_MASK", "CR_MASK"]
    np.testing.assert_array_equal(load_mask(path, plane=0).mask, MASK[::-1])
    assert path.read_bytes().startswith(before)


def test_what_another_program_put_behind_the_mask_stays(frame, large):
    save_mask(frame, MASK)
    add_another(frame)
    result = save_mask(frame, ~MASK)
    assert result.method == "copy" and "another program's extension" in result.why
    assert names(frame) == ["PRIMARY", "OTHER", "CR_MASK"]
    add_another(frame, "LAST")
    before = frame.read_bytes()
    with pytest.raises(SaveError, match="another program's extension") as caught:
        save_mask(frame, MASK, method="append")
    assert caught.value.state == "unchanged" and frame.read_bytes() == before


@pytest.mark.parametrize(("barrier", "why"), [
    ("network", "network disk"), ("no journal", "no journal can be kept"),
    ("no space ahead", "cannot set space aside"), ("no locks", "no locks"),
    ("not padded", "padded to a whole block"), ("left", "could not be cleared up")])
def test_where_it_cannot_append_it_copies_and_says_why(frame, large, monkeypatch, barrier, why):
    before = frame.read_bytes()
    if barrier == "network":
        monkeypatch.setattr(append, "file_system", lambda path: "nfs4")
    elif barrier == "no journal":
        journal.folder().parent.mkdir(parents=True, exist_ok=True)
        journal.folder().write_text("a file where the folder should be")
    elif barrier == "no space ahead":
        monkeypatch.setattr(os, "posix_fallocate", failing_with(errno.EOPNOTSUPP))
    elif barrier == "no locks":
        monkeypatch.setattr(fcntl, "flock", failing_with(errno.ENOLCK))
    elif barrier == "not padded":
        frame.write_bytes(before[:-100])
    else:
        monkeypatch.setattr(append, "exists", lambda path: True)
    result = save_mask(frame, MASK)
    assert result.method == "copy" and why in result.why
    assert frame.read_bytes().startswith(before[:-100])
    np.testing.assert_array_equal(load_mask(frame).mask, MASK)
    if barrier == "network":
        assert save_mask(frame, MASK, method="append").method == "append"
    assert not journal.folder().is_dir() or not list(journal.folder().glob("*.journal"))


def failing_with(number):
    def fail(*arguments):
        raise OSError(number, os.strerror(number))

    return fail


def test_the_disk_is_known_by_its_kind():
    assert append.file_system("/proc/self/status") == "proc"


def test_a_method_that_cannot_be_is_refused_and_an_unknown_one_too(frame, tmp_path):
    np.save(tmp_path / "a.npy", SCENE)
    with pytest.raises(SaveError, match=r"'append': a\.npy is not a plain FITS file"):
        save_mask(tmp_path / "a.npy", MASK, method="append")
    with pytest.raises(SaveError, match=r"'copy': .*not a plain FITS file"):
        save_mask(tmp_path / "a.npy", MASK, method="copy")
    with pytest.raises(SaveError, match="one of auto, append, copy, beside"):
        save_mask(frame, MASK, method="apend")
    assert save_mask(tmp_path / "a.npy", MASK).method == "beside"
    assert save_mask(frame, MASK, method="beside").why == "as asked for"


def test_while_another_program_saves_into_it_the_mask_goes_beside(frame, large):
    before = frame.read_bytes()
    with open(frame, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        result = save_mask(frame, MASK)
    assert result.method == "beside" and "another program is saving" in result.why
    assert frame.read_bytes() == before
    np.testing.assert_array_equal(load_mask(frame).mask, MASK)


@pytest.mark.parametrize("method", ["auto", "append", "copy"])
def test_a_file_that_is_gone_when_it_is_to_be_saved_is_told(frame, large, monkeypatch, method):
    def meanwhile(version, method):
        os.unlink(frame)
        return put(version, method)

    put = save.put
    monkeypatch.setattr(save, "put", meanwhile)
    with pytest.raises(SaveError):
        save_mask(frame, MASK, method=method)
    assert not frame.exists() and not journal.exists(frame)


@pytest.mark.parametrize("what", ["truncated", "rewritten", "replaced"])
def test_a_file_changed_between_opening_and_saving_is_left_alone(frame, large, what):
    token = stamp(frame)
    other = frame.with_name("other.fits")
    fits.writeto(other, SCENE[:30] + 1)
    change(frame, other, what)
    before = frame.read_bytes()
    with pytest.raises(SaveError, match="changed by another program") as caught:
        save_mask(frame, MASK[:30] if what != "truncated" else MASK, unchanged_since=token,
                  method="append")
    assert caught.value.state == "unchanged" and frame.read_bytes() == before


def change(frame, other, what):
    if what == "truncated":
        os.truncate(frame, 2880 * 3)
    elif what == "rewritten":
        frame.write_bytes(other.read_bytes())
    else:
        os.replace(other, frame)


def test_a_file_that_changes_while_the_mask_is_prepared_is_left_alone(frame, large, monkeypatch):
    def meanwhile(version):
        made = tail_of(version)
        add_another(frame)
        return made

    tail_of = append.tail_of
    monkeypatch.setattr(append, "tail_of", meanwhile)
    with pytest.raises(SaveError, match="changed by another program meanwhile"):
        save_mask(frame, MASK)
    assert names(frame) == ["PRIMARY", "OTHER"] and not journal.exists(frame)


def test_a_file_that_is_replaced_while_it_is_saved_is_left_alone(frame, large, monkeypatch):
    other, real = frame.with_name("other.fits"), os.fdatasync
    fits.writeto(other, SCENE + 1)
    wanted, old = other.read_bytes(), os.open(frame, os.O_RDONLY)
    before = frame.read_bytes()

    def meanwhile(fd):
        if other.exists():
            os.replace(other, frame)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", meanwhile)
    with pytest.raises(SaveError, match="replaced by another program meanwhile"):
        save_mask(frame, MASK)
    assert frame.read_bytes() == wanted and not journal.exists(frame)
    assert os.pread(old, 10 * len(before), 0) == before
    os.close(old)


def test_an_image_that_is_open_stays_readable_but_not_if_others_write(tmp_path, large):
    path = tmp_path / "frame.fits.fz"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(SCENE.astype(np.int16))]).writeto(path)
    image = open_images(path)[0]
    for mask in (MASK, ~MASK):
        assert save_mask(path, mask).method == "append"
        np.testing.assert_array_equal(image[:, :], SCENE.astype(np.int16))
    os.utime(path, ns=(1, 1))
    with pytest.raises(FileChangedError):
        image[:, :]


def test_an_image_is_readable_while_a_save_is_under_way(tmp_path, large, monkeypatch):
    path, real, seen = tmp_path / "frame.fits.fz", os.fdatasync, []
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(SCENE.astype(np.int16))]).writeto(path)
    image = open_images(path)[0]

    def look(fd):
        seen.append(np.array_equal(image[:, :], SCENE.astype(np.int16)))
        shown = open_images(path)
        seen.append(len(shown) == 1 and shown[0].shape == SHAPE)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", look)
    save_mask(path, MASK)
    assert seen == [True] * 4
    assert image[:, :].shape == SHAPE


def test_the_window_saves_into_a_large_file_and_goes_on(frame, large, monkeypatch):
    desk = Desk(frame)
    monkeypatch.setattr(watching, "EVERY", 0.001)
    watcher, before = watching.Watcher(desk.workspace, desk.jobs), frame.read_bytes()
    desk.show(0)
    for row in (5, 10):
        paint(desk.document, row)
        desk.library.save()
        desk.settle()
        for _ in range(20):
            watcher.update()
            desk.settle()
        assert "frame.fits (extension) at" in desk.workspace.told
        assert not desk.document.changed and not desk.workspace.notices
        np.testing.assert_array_equal(desk.document.image[:, :], SCENE)
    assert frame.read_bytes().startswith(before) and names(frame) == ["PRIMARY", "CR_MASK",
                                                                      "CR_EDITS"]
    assert (load_mask(frame).mask == mask_of(desk.document)).all()
    desk.jobs.close()


def test_the_window_tells_of_a_save_that_was_cut_short(frame, large):
    desk = Desk(frame)
    with failing.failing(failing.Disk(("fdatasync", 2), "die")):
        with pytest.raises(failing.Killed):
            save_mask(frame, MASK)
    desk.show(0)
    assert desk.workspace.notices == [
        "frame.fits: a save that was cut short was finished: the mask is whole"]
    np.testing.assert_array_equal(mask_of(desk.document), MASK)
    assert desk.workspace.entry.stamp == desk.document.image.stamp == stamp(frame)
    desk.jobs.close()


def run(code, path):
    """Run code that has save_mask, load_mask and `path`, in another process."""
    start = ("import os, resource, sys, numpy as np\n"
             "from glview.files.save import save_mask, load_mask, SaveError\n"
             f"path, mask = {str(path)!r}, np.ones({SHAPE}, bool)\n")
    return subprocess.run([sys.executable, "-c", start + code], cwd=ROOT, capture_output=True,
                          text=True)


def test_a_disk_that_is_full_is_told_and_harms_nothing(frame):
    before = frame.read_bytes()
    done = run(f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) + 3000},) * 2)\n"
               "try:\n    save_mask(path, mask, method='append')\n"
               "except SaveError as error:\n    print(error.state, error)\n", frame)
    assert done.stdout.startswith("unchanged ") and "larger than files may be" in done.stdout
    assert frame.read_bytes() == before and not journal.exists(frame)


def test_a_file_that_may_be_written_in_a_folder_that_may_not_is_appended_to(frame):
    if os.getuid():
        frame.parent.chmod(0o555)
        result = save_mask(frame, MASK)
        frame.parent.chmod(0o755)
        assert result.method == "append"
        return
    folder = Path("/tmp") / f"glview-test-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / "state").mkdir()
        warm, path = folder / "state" / "warm.fits", folder / "frame.fits"
        for one in (warm, path):
            one.write_bytes(frame.read_bytes())
            one.chmod(0o666)
        (folder / "state").chmod(0o777)
        before = path.read_bytes()
        done = run(f"os.environ['GLVIEW_CONFIG'] = {str(folder / 'state')!r}\n"
                   f"save_mask({str(warm)!r}, mask, method='append')\n"
                   f"for name in os.listdir({str(folder / 'state' / 'saving')!r}):\n"
                   f"    os.unlink({str(folder / 'state' / 'saving')!r} + '/' + name)\n"
                   f"os.rmdir({str(folder / 'state' / 'saving')!r})\n"
                   "os.setuid(65534)\nprint(save_mask(path, mask).method)\n", path)
        assert done.stdout == "append\n", done.stderr
        assert path.read_bytes().startswith(before) and load_mask(path).mask.all()
    finally:
        shutil.rmtree(folder)
