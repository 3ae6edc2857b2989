"""Masks of files that another program changed since they were opened: they go beside the file, and
say so; the file is left alone."""

import errno
import os
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from failing import Disk, failing
from test_save import rotated

from glview.core.mask import MaskSettings
from glview.core.tiles import Stamps
from glview.document import Detection
from glview.files import ReadError, append, changed, commit, journal, open_images, save
from glview.files.commit import ChangedError
from glview.files.save import SaveError, load_mask, save_mask, save_masks, stamp
from glview.saving import foresee, write
from glview.workspace import Saving

SHAPE = (40, 60)
NOISE = np.random.default_rng(5)
SCENE = NOISE.normal(100, 9, SHAPE).astype(np.float32)
MASK = NOISE.random(SHAPE) > 0.9
MAP = NOISE.random(SHAPE, np.float32)
EDITS = NOISE.integers(0, 3, SHAPE, np.uint8)


def make(path, scene=SCENE, header=None, extensions=1):
    """A file with an empty primary HDU and a SCI, or several."""
    images = [fits.ImageHDU(scene, header, name="SCI", ver=n + 1) for n in range(extensions)]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(path, overwrite=True)
    return path


@pytest.fixture
def frame(tmp_path):
    return make(tmp_path / "frame.fits", header=rotated())


@pytest.fixture
def large(monkeypatch):
    monkeypatch.setattr(append, "SMALL", 1)


def side_of(path):
    return path.with_name(path.name + ".glview.fits")


def pixels(path):
    with fits.open(path, mode="update") as hdus:
        hdus["SCI"].data += 50


CHANGES = {
    "pixels": pixels,
    "rewritten": lambda path: make(path, SCENE + 1),
    "touched": lambda path: os.utime(path, ns=(5, 5)),
    "other size": lambda path: make(path, SCENE[:30]),
    "other extensions": lambda path: make(path, SCENE, extensions=3),
    "truncated": lambda path: os.truncate(path, 2880 * 3),
    "emptied": lambda path: os.truncate(path, 0),
    "garbage": lambda path: path.write_bytes(b"SIMPLE  =       nonsense" * 500),
    "folder": lambda path: (path.unlink(), path.mkdir()),
    "removed": lambda path: path.unlink(),
}


def content(path):
    return path.read_bytes() if path.is_file() else path.is_dir()


def early_cards(path):
    with fits.open(path) as hdus:
        return [hdu.header.get("CREARLY") for hdu in hdus if hdu.name.startswith("CR_")]


@pytest.mark.parametrize("what", CHANGES)
def test_the_mask_goes_beside_a_file_that_changed_and_describes_the_image_of_before(frame, what):
    image, since, world = open_images(frame)[0], stamp(frame), WCS(rotated())
    CHANGES[what](frame)
    before = content(frame)
    for mask, probability in ((~MASK, None), (MASK, MAP)):
        result = save_mask(frame, mask, probability, EDITS, {"threshold": 0.5},
                           unchanged_since=since, opened=image)
    assert content(frame) == before
    assert result.path == side_of(frame) and result.method == "beside" and result.stamp == since
    how = "removed" if what == "removed" else "changed by another program"
    assert result.why == f"frame.fits was {how} since it was opened"
    look = "" if what == "removed" else ", look whether it still belongs to the image"
    assert result.warning == f"{result.why}: the mask is in frame.fits.glview.fits{look}."
    with fits.open(result.path, checksum=True) as hdus:
        assert [hdu.name for hdu in hdus[1:]] == ["CR_MASK", "CR_PROBABILITY", "CR_EDITS"]
        assert (hdus["CR_MASK"].data == MASK).all()
        assert (hdus["CR_PROBABILITY"].data == MAP).all()
        for hdu in hdus[1:]:
            assert hdu.header["CREARLY"] is True and "earlier version" in str(hdu.header["HISTORY"])
            assert (hdu.header["CREXT"], hdu.header["CREXTNAM"]) == (1, "SCI")
            assert hdu.header["DATE"] == result.date
            np.testing.assert_array_equal(WCS(hdu.header).all_pix2world([[1, 2]], 0),
                                          world.all_pix2world([[1, 2]], 0))


@pytest.mark.parametrize("method", ["append", "copy"])
@pytest.mark.parametrize("what", CHANGES)
def test_who_asks_for_the_file_itself_is_refused(frame, what, method):
    image, since = open_images(frame)[0], stamp(frame)
    CHANGES[what](frame)
    before = content(frame)
    with pytest.raises(SaveError, match="since it was opened; ") as caught:
        save_mask(frame, MASK, unchanged_since=since, opened=image, method=method)
    assert caught.value.state == "unchanged"
    assert content(frame) == before and not side_of(frame).exists()


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_saved_by_batches_is_refused(frame, what):
    since = stamp(frame)
    CHANGES[what](frame)
    for target in (None, side_of(frame)):
        with pytest.raises(SaveError, match="since it was opened"):
            save_masks(frame, {1: (MASK,)}, unchanged_since=since, target=target)
    assert not side_of(frame).exists()


@pytest.mark.parametrize("hdu, number", [(1, 1), ("1", 1), (None, 1), ("SCI", 1)])
def test_without_the_image_of_before_its_place_is_all_that_is_said(frame, hdu, number):
    since = stamp(frame)
    make(frame, SCENE[:30], header=rotated())
    result = save_mask(frame, MASK, hdu=hdu, unchanged_since=since)
    header = fits.getheader(result.path, "CR_MASK")
    assert header["CREXT"] == number and header["CREARLY"] and "CTYPE1" not in header
    frame.unlink()
    if hdu == "SCI":  # nobody can tell which one that was
        with pytest.raises(SaveError, match="removed"):
            save_mask(frame, MASK, hdu=hdu, unchanged_since=since)
    else:
        assert save_mask(frame, MASK, hdu=hdu, unchanged_since=since).path == result.path


def test_a_side_file_that_was_asked_for_says_it_too(frame, tmp_path):
    image, since = open_images(frame)[0], stamp(frame)
    make(frame, SCENE[:30])
    target = tmp_path / "mine.glview.fits"
    for where in ({"method": "beside"}, {"target": target}):
        result = save_mask(frame, MASK, unchanged_since=since, opened=image, **where)
        assert early_cards(result.path) == [True]
        assert result.path == where.get("target", side_of(frame))


def test_where_no_side_file_can_be_both_reasons_are_told(frame):
    image, since = open_images(frame)[0], stamp(frame)
    pixels(frame)
    side_of(frame).mkdir()
    with pytest.raises(SaveError) as caught:
        save_mask(frame, MASK, unchanged_since=since, opened=image)
    assert str(caught.value).startswith("frame.fits was changed by another program since it was "
                                        "opened, and frame.fits.glview.fits is a folder")
    assert caught.value.beside and caught.value.state == "unchanged"


def test_flags_of_the_file_are_left_out_and_that_is_told(frame):
    image, since = open_images(frame)[0], stamp(frame)
    pixels(frame)
    result = save_mask(frame, MASK, unchanged_since=since, opened=image, dq="hst")
    assert "CR_DQ is left out" in result.warning
    with fits.open(result.path) as hdus:
        assert "CR_DQ" not in hdus


def test_a_mask_that_is_saved_again_as_one_of_this_image_does_not_say_it(frame):
    image, since = open_images(frame)[0], stamp(frame)
    pixels(frame)
    save_mask(frame, MASK, unchanged_since=since, opened=image)
    saved = load_mask(frame)
    assert saved.provenance["earlier"] is True and (saved.mask == MASK).all()
    result = save_mask(frame, saved.mask, provenance=saved.provenance, method="beside")
    assert early_cards(result.path) == [None]
    result = save_mask(frame, saved.mask, provenance=saved.provenance)
    assert result.path == frame and early_cards(frame) == [None]
    save_masks(frame, {1: (MASK, None, None, saved.provenance)})
    assert early_cards(frame) == [None] and "earlier" not in load_mask(frame).provenance


def test_a_mask_of_before_that_does_not_fit_is_told_and_never_replaced(frame):
    image, since = open_images(frame)[0], stamp(frame)
    make(frame, SCENE[:30])
    side = save_mask(frame, MASK, unchanged_since=since, opened=image).path
    before = side.read_bytes()
    with pytest.raises(ReadError, match="an earlier version of the image; move that file away"):
        load_mask(frame)
    for where in ({"method": "beside"}, {"target": side}):
        with pytest.raises(SaveError, match=r"glview\.fits holds the mask of an earlier version"):
            save_mask(frame, MASK[:30], **where)
    assert save_mask(frame, MASK[:30]).path == frame
    assert side.read_bytes() == before
    assert (load_mask(frame).mask == MASK[:30]).all(), "the younger one"


# a race: it changes while it is being saved


def changing(monkeypatch, module, name, change):
    """Before module.name is called for the first time, `change` is."""
    real, left = getattr(module, name), [change]

    def meanwhile(*arguments, **keywords):
        if left:
            left.pop()()
        return real(*arguments, **keywords)

    monkeypatch.setattr(module, name, meanwhile)


@pytest.mark.parametrize("what", ["pixels", "other size", "truncated", "removed"])
@pytest.mark.parametrize("moment", [(changed, "stamp_if_there"), (save, "stamp"), (save, "put"),
                                    (append, "commit")])
def test_a_file_that_changes_at_any_moment_of_a_save_is_left_alone(frame, monkeypatch, what,
                                                                   moment):
    image, since, after = open_images(frame)[0], stamp(frame), []

    def change():
        CHANGES[what](frame)
        after.append(content(frame))

    changing(monkeypatch, *moment, change)
    try:
        result = save_mask(frame, MASK, unchanged_since=since, opened=image)
        assert result.path == side_of(frame) and early_cards(result.path) == [True]
    except SaveError:
        assert not side_of(frame).exists()
    assert [content(frame)] == after


def test_a_large_file_that_changes_before_it_is_written_to_is_left_alone(frame, large, monkeypatch):
    image, since = open_images(frame)[0], stamp(frame)
    changing(monkeypatch, append, "tail_of", lambda: make(frame, SCENE + 1))
    result = save_mask(frame, MASK, unchanged_since=since, opened=image)
    assert result.why == "frame.fits was changed by another program meanwhile"
    assert early_cards(result.path) == [True] and load_mask(frame).provenance["earlier"]
    assert (fits.getdata(frame, "SCI") == SCENE + 1).all()


def test_a_side_file_that_changes_meanwhile_is_no_changed_image(frame, monkeypatch):
    image, since = open_images(frame)[0], stamp(frame)
    side = save_mask(frame, ~MASK, method="beside").path
    changing(monkeypatch, save, "commit", lambda: os.utime(side, ns=(5, 5)))
    with pytest.raises(SaveError, match=r"glview\.fits was changed") as caught:
        save_mask(frame, MASK, unchanged_since=since, opened=image, method="beside")
    assert not isinstance(caught.value, ChangedError)


# a race: it changes when it has just been saved


@pytest.mark.parametrize("method", ["copy", "append"])
@pytest.mark.parametrize("moment", [(commit, "sync_folder"), (journal.Journal, "end"),
                                    (save, "unlock")])
def test_a_change_right_after_a_save_is_not_taken_for_the_saves_own(frame, monkeypatch, method,
                                                                    moment):
    image, after = open_images(frame)[0], []

    def change():
        pixels(frame)
        os.utime(frame, ns=(5, 5))  # a clock may tick slower than this test
        after.append(content(frame))

    changing(monkeypatch, *moment, change)
    result = save_mask(frame, MASK, unchanged_since=stamp(frame), opened=image, method=method)
    if not after:  # this method never comes by
        assert moment[0] is (journal.Journal if method == "copy" else commit)
        assert result.stamp == stamp(frame)
        return
    assert result.path == frame and result.stamp != stamp(frame)
    result = save_mask(frame, ~MASK, unchanged_since=result.stamp, opened=image)
    assert result.path == side_of(frame) and early_cards(result.path) == [True]
    assert [content(frame)] == after


@pytest.mark.parametrize("earlier", [False, True])
def test_a_change_of_a_side_file_right_after_a_save_is_not_taken_for_the_saves_own(
        frame, monkeypatch, earlier):
    image, since, side = open_images(frame)[0], stamp(frame), side_of(frame)
    arguments = {"unchanged_since": since, "opened": image, "method": "beside"}
    if earlier:
        pixels(frame)
    changing(monkeypatch, commit, "sync_folder", lambda: os.utime(side, ns=(5, 5)))
    result = save_mask(frame, MASK, **arguments)
    assert result.path == side and result.stamp == since and result.side != stamp(side)
    before = content(side)
    with pytest.raises(SaveError, match=r"glview\.fits was changed by another program"):
        save_mask(frame, ~MASK, **arguments, sides_since={side: result.side})
    assert content(side) == before


def test_an_image_that_changes_while_a_side_file_is_written_is_not_known_as_it_is(frame,
                                                                                  monkeypatch):
    image, since = open_images(frame)[0], stamp(frame)
    changing(monkeypatch, commit, "sync_folder", lambda: pixels(frame))
    result = save_mask(frame, MASK, unchanged_since=since, opened=image, method="beside")
    assert result.stamp == since != stamp(frame)


@pytest.mark.parametrize("what", ["pixels", "other size"])
@pytest.mark.parametrize("sync", [1, 2])
def test_a_rewrite_in_place_while_the_mask_is_put_behind_it_is_noticed(frame, large, monkeypatch,
                                                                       what, sync):
    image, real, syncs, after = open_images(frame)[0], os.fdatasync, [], []
    theirs = make(frame.with_name("theirs.fits"), SCENE[:3] if what == "other size" else SCENE + 9)

    def meanwhile(fd):
        syncs.append(fd)
        if len(syncs) == sync:
            data = theirs.read_bytes()
            with open(frame, "wb" if what == "other size" else "r+b") as file:
                file.write(data)
            os.utime(frame, ns=(5, 5))
            after.append(data)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", meanwhile)
    result = save_mask(frame, MASK, unchanged_since=stamp(frame), opened=image)
    assert result.path == side_of(frame) and early_cards(result.path) == [True]
    assert result.why == "frame.fits was changed by another program meanwhile"
    assert [content(frame)] == after and not journal.exists(frame)
    with pytest.raises(ReadError, match=r"changed on disk since it was opened|became shorter"):
        image[:, :]


# faults


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("fault", ["die", errno.ENOSPC])
def test_a_fault_at_every_call_leaves_the_old_side_file_or_the_new(tmp_path, fault, before):
    (tmp_path / "start").mkdir()
    frame, point, left = make(tmp_path / "start" / "frame.fits"), 0, []
    image, since = open_images(frame)[0], stamp(frame)
    make(frame, SCENE[:30])
    if before:
        save_mask(frame, ~MASK, unchanged_since=since, opened=image)
    while True:
        point += 1
        place = shutil.copytree(frame.parent, tmp_path / str(point)) / frame.name
        theirs, old = place.read_bytes(), content(side_of(place))
        with failing(Disk(point, fault)) as disk:
            try:
                save_mask(place, MASK, unchanged_since=since, opened=image, target=side_of(place))
            except BaseException as error:
                assert disk.fired, error
        assert place.read_bytes() == theirs
        kept = content(side_of(place))
        left.append("old" if kept == old else "new")
        if kept != old:
            assert (fits.getdata(side_of(place), "CR_MASK") == MASK).all()
            assert early_cards(side_of(place)) == [True]
        if not disk.fired:
            break
    assert point > 5 and left[0] == "old" and left[-1] == "new"


# foreseen


@pytest.mark.parametrize("method", ["auto", "append", "copy", "beside"])
@pytest.mark.parametrize("what", ["pixels", "other size", "garbage", "removed"])
def test_what_is_foreseen_of_a_changed_file_happens(frame, what, method):
    image, since = open_images(frame)[0], stamp(frame)
    detection = Detection(Stamps(SHAPE), MAP, 1.0, provenance={"model": "m"})
    arguments = image, detection, MaskSettings(), EDITS, since
    more = {"dq": "hst", "choices": Saving(method=method)}
    CHANGES[what](frame)
    found = foresee(*arguments, **more)
    assert not side_of(frame).exists()
    result = write(*arguments, **more)
    assert (found.path, found.method, found.why) == (result.path, "beside", result.why)
    assert found.warning in result.warning and "CR_DQ" in found.warning
    assert list(found.sizes) == ["CR_MASK", "CR_PROBABILITY", "CR_EDITS"]
    assert result.path.stat().st_size > sum(found.sizes.values())
