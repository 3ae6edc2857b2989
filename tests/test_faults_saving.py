"""A fault at every write-like call of every kind of save: the user's bytes are never touched, and
what is there is either the old state or the whole new one."""

import errno
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import fitsio
import pytest
from astropy.io import fits
from failing import KINDS, NEW, SCENE, Disk, copied, failing, full, save, start, state

from glview.files import open_images
from glview.files.journal import folder as journals
from glview.files.save import SaveError, load_mask

ROOT = Path(__file__).parent.parent
FAULTS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "disk stays full": full(),
          "disk dies": full(errno.EIO)}


@pytest.fixture(autouse=True)
def config(monkeypatch):
    monkeypatch.setenv("GLVIEW_CONFIG", "")  # and put back afterwards


def contents(place):
    """The files of a folder but for what the next save sweeps up."""
    return {path.name: path.read_bytes() for path in place.iterdir()
            if path.is_file() and not path.name.endswith(".glview-part")}


def is_intact(place):
    """Whether the user's bytes are there."""
    science = (place.parent / "science").read_bytes()
    return (place / "frame.fits").read_bytes().startswith(science)


def is_readable(place):
    """Whether another program can read the whole file as it is."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Unexpected extra padding")  # space taken, not yet used
        with fits.open(place / "frame.fits", checksum=True) as hdus:
            return all(hdu.data is not None for hdu in hdus) and (hdus[0].data == SCENE).all()


def shows_science(place):
    """Whether another program reads the user's image, whatever lies behind it."""
    return (fits.getdata(place / "frame.fits", 0) == SCENE).all()


def is_old_or_new(place, before):
    """What opening the file leaves: exactly what was there before, or the whole new mask."""
    state(place)
    open_images(place / "frame.fits")
    assert not list(journals().glob("*.journal"))
    if contents(place) == before:
        return "old"
    with fits.open(load_mask(place / "frame.fits").where, checksum=True) as hdus:
        hdus.verify("exception")
        assert (hdus["CR_MASK"].data == NEW).all() and "GLV_PENDING" not in hdus
    return "new"


@pytest.fixture(params=list(KINDS))
def begun(request, tmp_path):
    place = start(tmp_path, request.param)
    (tmp_path / "science").write_bytes(
        (place / "frame.fits").read_bytes()[: 2880 + -(-SCENE.nbytes // 2880) * 2880])
    return place, request.param


def kill(place, *arguments):
    """Let saves in copies of a folder be killed, see `failing`."""
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "failing.py", place.parent, *arguments], cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_kill_at_every_call_leaves_the_old_or_the_new(begun):
    place, kind = begun
    kill(place, kind)
    before, left = contents(place), []
    points = sorted(int(one.name) for one in place.parent.iterdir() if one.name.isdecimal())
    for point in points:
        target = place.parent / str(point)
        torn = point % 2 == 0  # a header of which only a half was written
        assert contents(target) == before or (shows_science if torn else is_readable)(target)
        assert is_intact(target)
        left.append(is_old_or_new(target, before))
        assert is_intact(target)
        save(target, kind)
        assert is_old_or_new(target, before) == "new" and is_intact(target)
        assert not list(target.glob(".*"))
        shutil.rmtree(target)
    assert len(points) > 10 and left[0] == "old" and left[-1] == "new"
    assert left == sorted(left, reverse=True)  # once it is the new one it stays so


@pytest.mark.parametrize("begun", ["append", "append-longer", "copy-again", "beside",
                                   "beside-again"], indirect=True)
def test_a_kill_at_any_moment_leaves_the_old_or_the_new(begun):
    place, kind = begun
    kill(place, kind, "10")
    before = contents(place)
    for point in range(1, 11):
        target = place.parent / str(point)
        assert is_intact(target) and is_readable(target)
        is_old_or_new(target, before)
        assert is_readable(target) and fitsio_reads(target)


def fitsio_reads(place):
    """Whether CFITSIO reads all of it too."""
    with fitsio.FITS(str(place / "frame.fits")) as hdus:
        return (hdus[0].read() == SCENE).all() and all(hdu.read() is not None for hdu in hdus)


@pytest.mark.parametrize("fault", FAULTS)
def test_an_error_at_every_call_is_told_and_leaves_the_old(begun, fault):
    place, kind = begun
    before, told, point = contents(place), [], 0
    while True:
        point += 1
        target = copied(place, point)
        with failing(Disk(point, FAULTS[fault])) as disk:
            try:
                save(target, kind)
                told.append("saved")
            except SaveError as error:
                assert "frame.fits" in str(error)
                told.append(error.state)
        if not disk.fired:
            break
        if told[-1] == "unchanged":
            assert contents(target) == before
        else:
            assert is_intact(target) and is_readable(target)
        wanted = {"saved": ("new",), "unchanged": ("old",), "unfinished": ("old", "new")}[told[-1]]
        assert is_old_or_new(target, before) in wanted and is_intact(target)
        shutil.rmtree(target)
    assert told.count("unchanged") > 3
    lasting = isinstance(FAULTS[fault], tuple)
    assert ("unfinished" in told) == (lasting and kind.startswith("append"))
