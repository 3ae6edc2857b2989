"""Another program changes a file that is open: what the user sees at Ctrl+S and at Ctrl+R."""

import gzip

import numpy as np
import pytest
from astropy.io import fits
from detections import crash
from headless import SHAPE, paint, work_on
from test_saving_changed import CHANGES, SCENE, content, early_cards, make, pixels, side_of

from glview import saving
from glview.files.content import Job
from glview.files.save import load_mask, save_mask
from glview.foreseeing import Foresight
from glview.library import mask_of
from glview.watching import DOUBT
from glview.workspace import Saving

KEEPS_OPEN = ("rewritten", "other size", "other extensions", "folder", "removed")
"""Changes that leave the old file to who has it open."""


@pytest.fixture
def frame(tmp_path):
    return make(tmp_path / "frame.fits")


@pytest.fixture
def desk(desk_of, frame):
    desk = desk_of(frame)
    desk.show(0)
    return desk


def save(desk, **how):
    desk.library.save(**how)
    desk.settle()


def doubts(desk):
    return [one for one in desk.workspace.notices if one.startswith(DOUBT)]


@pytest.mark.parametrize("what", CHANGES)
def test_saving_again_and_again_goes_beside_a_file_that_changed(desk, frame, what):
    work_on(desk.document)
    CHANGES[what](frame)
    theirs, document = content(frame), desk.document
    for row in (15, 25, 35):
        paint(document, row)
        assert desk.library.unsaved == ["frame.fits"]
        save(desk)
        assert not document.changed and desk.library.unsaved == []
        how = "removed" if what == "removed" else "changed by another program"
        why = f"frame.fits was {how} since it was opened"
        assert desk.workspace.told.startswith(
            f"Saved the mask in frame.fits.glview.fits (side file: {why}) at ")
        notice, = desk.workspace.notices
        assert notice.startswith(f"{why}: the mask is in frame.fits.glview.fits")
        assert (fits.getdata(side_of(frame), "CR_MASK") == mask_of(document)).all()
        assert content(frame) == theirs and early_cards(side_of(frame)) == [True] * 3


@pytest.mark.parametrize("what", ["pixels", "rewritten", "touched", "other extensions"])
def test_who_reads_it_again_is_told_that_the_mask_is_of_before_until_it_is_saved(desk, desk_of,
                                                                                frame, what):
    shown = work_on(desk.document)
    CHANGES[what](frame)
    save(desk)
    desk.library.reload()
    desk.settle()
    for one in (desk, desk_of(frame)):  # and whoever opens it later
        document = one.show(0)
        assert (mask_of(document) == shown).all() and not document.changed
        if what != "touched":
            assert (document.image[:, :] == fits.getdata(frame, "SCI")).all()
        notice, = one.workspace.notices
        assert notice.startswith("The mask of frame.fits")
        assert "was made for an earlier version of the image" in notice and doubts(one)
    paint(document, 35)
    shown = mask_of(document)
    save(one)
    assert "frame.fits (extension)" in one.workspace.told and not one.workspace.notices
    saved = load_mask(frame)
    assert (saved.mask == shown).all() and "earlier" not in saved.provenance
    one.library.reload()
    assert (mask_of(one.settle()) == shown).all() and not one.workspace.notices


def test_it_is_foreseen_until_the_file_is_read_again(desk, frame):
    foresight, why = Foresight(desk.workspace, desk.jobs), []
    work_on(desk.document)
    pixels(frame)
    for read_again in (save, lambda desk: desk.library.reload()):
        foresight.of(desk.document)
        desk.settle()
        found = foresight.of(desk.document)
        why.append(found.why)
        read_again(desk)
        desk.settle()
    foresight.of(desk.document)
    desk.settle()
    assert why == ["frame.fits was changed by another program since it was opened"] * 2
    assert foresight.of(desk.document).path == frame and not foresight.of(desk.document).why


def test_a_packed_file_that_changed_is_told_of_too(desk_of, frame):
    packed = frame.with_name("frame.fits.gz")
    packed.write_bytes(gzip.compress(frame.read_bytes()))
    desk = desk_of(packed)
    shown = work_on(desk.show(0))
    pixels(frame)
    packed.write_bytes(gzip.compress(frame.read_bytes()))
    save(desk)
    assert early_cards(side_of(packed)) == [True] * 3
    desk.library.reload()
    assert (mask_of(desk.settle()) == shown).all() and len(doubts(desk)) == 1
    save(desk)
    assert early_cards(side_of(packed)) == [None] * 3 and not doubts(desk)


def test_a_mask_that_lies_in_another_folder_goes_there_again(desk_of, frame, tmp_path):
    side = tmp_path / "masks" / "m.glview.fits"
    side.parent.mkdir()
    save_mask(frame, np.zeros(SHAPE, bool), target=side)
    desk = desk_of(side)
    for _ in range(2):
        paint(desk.show(0), 5)
        pixels(frame)
        save(desk)
        assert early_cards(side)[0] is True and not side_of(frame).exists()
    desk.library.reload()
    assert desk.settle().has_mask and len(doubts(desk)) == 1
    save(desk)
    assert early_cards(side)[0] is None


@pytest.mark.parametrize("beside", [False, True])
def test_a_mask_of_before_that_does_not_fit_stays_where_it_is(desk, frame, beside):
    work_on(desk.document)
    make(frame, SCENE[:30])
    save(desk, beside=beside)
    kept, theirs = content(side_of(frame)), content(frame)
    desk.library.reload()
    document = desk.settle()
    assert document.image.shape == (30, 60) and (document.image[:, :] == SCENE[:30]).all()
    notice, = desk.workspace.notices
    assert "frame.fits.glview.fits is 60 x 40 pixels, the image 60 x 30" in notice
    assert "earlier version of the image; move that file away" in notice
    for how in ({}, {"beside": True}):
        save(desk, **how)
    assert content(side_of(frame)) == kept and content(frame) == theirs
    side_of(frame).rename(frame.with_name("of_before.fits"))
    desk.library.reload()
    paint(desk.settle(), 5)
    save(desk)
    assert (load_mask(frame).mask == mask_of(desk.document)).all()


@pytest.mark.parametrize("beside", [False, True])
def test_a_mask_that_was_saved_before_the_file_changed_is_told_when_it_is_read_again(desk, frame,
                                                                                    beside):
    shown = work_on(desk.document)
    save(desk, beside=beside)
    desk.library.reload()
    desk.settle()
    assert not doubts(desk), "nothing has changed"
    for _ in range(2):
        pixels(frame)  # astropy keeps the mask's extensions
        desk.library.reload()
        document = desk.settle()
        assert (mask_of(document) == shown).all()
        notice, = doubts(desk)
        assert "was made for other pixels than the image has now: look whether" in notice
    desk.library.reload()
    desk.settle()
    assert doubts(desk), "it was not looked at"
    save(desk, beside=beside)
    assert not doubts(desk)
    desk.library.reload()
    desk.settle()
    assert not doubts(desk)


def test_an_image_that_changed_is_told_of_and_no_other_of_its_file(desk_of, tmp_path):
    frame = make(tmp_path / "frame.fits", extensions=2)
    desk = desk_of(frame)
    desk.show(0)
    images = desk.document.images
    for image in images:
        desk.library.show_image(image, 0)
        desk.settle()
        paint(desk.document, 5)
        save(desk)
    pixels(frame)  # of the first
    desk.library.reload()
    desk.settle()
    assert desk.document.image.name == images[1].name and not doubts(desk)
    desk.library.show_image(desk.document.images[0], 0)
    desk.settle()
    assert len(doubts(desk)) == 1
    save(desk)
    assert not doubts(desk)


@pytest.mark.parametrize("what", ["pixels", "removed"])
@pytest.mark.parametrize("method", ["append", "copy"])
def test_in_the_window_a_file_that_changed_is_saved_beside_by_every_method(desk, frame, method,
                                                                          what):
    desk.workspace.saving = Saving(method=method)
    foresight = Foresight(desk.workspace, desk.jobs)
    shown = work_on(desk.document)
    CHANGES[what](frame)
    theirs = content(frame)
    foresight.of(desk.document)
    desk.settle()
    assert (foresight.of(desk.document).path, foresight.of(desk.document).method) == (
        side_of(frame), "beside")
    for _ in range(2):
        save(desk)
        how = "removed" if what == "removed" else "changed by another program"
        assert f"(side file: frame.fits was {how} since it was opened)" in desk.workspace.told
        assert desk.library.unsaved == [] and content(frame) == theirs
    assert (fits.getdata(side_of(frame), "CR_MASK") == shown).all()
    if what == "removed":
        return
    desk.library.reload()
    assert (mask_of(desk.settle()) == shown).all() and len(doubts(desk)) == 1
    save(desk)
    assert "frame.fits (extension)" in desk.workspace.told and not desk.workspace.notices


@pytest.mark.parametrize("method", ["append", "copy"])
def test_it_goes_beside_a_file_that_changes_while_it_is_saved(desk, frame, method, monkeypatch):
    desk.workspace.saving, parts = Saving(method=method), Job.parts
    shown = work_on(desk.document)

    def late(*arguments):
        monkeypatch.setattr(Job, "parts", parts)
        found = parts(*arguments)
        make(frame, SCENE + 1)
        return found

    monkeypatch.setattr(Job, "parts", late)
    save(desk)
    assert "frame.fits.glview.fits (side file: " in desk.workspace.told
    assert (fits.getdata(side_of(frame), "CR_MASK") == shown).all()
    assert early_cards(side_of(frame))[0] is True
    assert (fits.getdata(frame, "SCI") == SCENE + 1).all()


@pytest.mark.parametrize("what", CHANGES)
def test_the_mask_is_saved_though_the_image_to_be_cleaned_has_changed(desk, frame, what):
    shown, there = work_on(desk.document), what in KEEPS_OPEN
    CHANGES[what](frame)
    save(desk, clean=True)
    saved = "the mask and the CR-cleaned image" if there else "the mask"
    assert desk.workspace.told.startswith(f"Saved {saved} in frame.fits.glview.fits (side file: ")
    assert desk.library.unsaved == [] and not any("NOT" in one for one in desk.workspace.notices)
    assert any("The CR-cleaned image was not saved: frame.fits changed on disk" in one
               for one in desk.workspace.notices) == (not there)
    assert desk.document.cleaned == (side_of(frame) if there else None)
    with fits.open(side_of(frame)) as hdus:
        assert ("CR_CLEANED" in hdus) == there and (hdus["CR_MASK"].data == shown).all()


def test_the_mask_is_saved_though_a_part_of_the_image_cannot_be_unpacked(desk_of, frame):
    values = np.zeros(SHAPE, np.int16) + 7
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(values, compression_type="GZIP_1",
                                                       tile_shape=(5, 60))]).writeto(
        frame, overwrite=True)
    with fits.open(frame, disable_image_compression=True) as hdus:
        place = hdus[1]._theap + hdus[1].fileinfo()["datLoc"]
    with open(frame, "r+b") as file:
        file.seek(place)
        file.write(bytes(30))
    desk = desk_of(frame)
    shown = work_on(desk.show(0))
    desk.workspace.notices.clear()
    save(desk, clean=True)
    assert desk.workspace.told.startswith("Saved the mask in frame.fits (extension)")
    told, = desk.workspace.notices
    assert "The CR-cleaned image was not saved: frame.fits: tile 1 of HDU 1" in told
    assert (load_mask(frame).mask == shown).all() and desk.document.cleaned is None


def test_a_mask_that_came_with_the_change_is_not_doubted(desk, frame):
    paint(desk.document, 5)
    save(desk)
    pixels(frame)
    new = np.zeros(SHAPE, bool)
    new[3, 4] = True
    save_mask(frame, new)
    desk.library.reload()
    assert (mask_of(desk.settle()) == new).all() and not desk.workspace.notices


@pytest.mark.parametrize("what", ["pixels", "other size", "removed"])
def test_nothing_of_it_is_brought_back_after_a_crash(sit, frame, tmp_path, what):
    robot = sit(frame)
    robot.key("B")
    robot.drag(robot.of_pixel(9, 5), robot.of_pixel(9, 17))
    CHANGES[what](frame)
    robot.key("Ctrl+S")
    robot.settle()
    assert robot.reads("frame.fits.glview.fits (side file: frame.fits was ")
    shown = mask_of(robot.document)
    assert shown.any() and not robot.document.changed
    crash(robot, tmp_path)
    if what == "removed":
        make(frame)
    robot = sit(frame)
    assert robot.desk.autosave.question(robot.document) is None
    assert robot.reads("an earlier version of the image")
    robot.key("Ctrl+Q")
    robot.until(lambda: robot.desk.done)
    robot.desk.close()
    if what != "other size":  # there it cannot be known yet whether anything is still wanted
        assert (mask_of(robot.document) == shown).all()
        assert not list((tmp_path / "unsaved").iterdir())


# while a save is under way


@pytest.fixture
def held(desk, monkeypatch):
    """A save that waits until `go` is called; `begun` is called when it is under way."""
    import threading

    go, write, made = threading.Event(), saving.write, []

    def wait(image, detection, settings, edits, stamp, beside=False, **more):
        assert go.wait(20)
        made.append((beside, more["clean"]))
        return write(image, detection, settings, edits, stamp, beside, **more)

    monkeypatch.setattr(saving, "write", wait)
    yield go, made
    go.set()


def test_reading_again_waits_for_a_save_that_changes_the_file(desk, frame, held):
    go, _ = held
    paint(desk.document, 5)
    go.set()
    save(desk)
    go.clear()
    desk.library.save()
    desk.library.reload()
    assert desk.workspace.told == "A mask is being saved; then Ctrl+R reads frame.fits again"
    assert desk.document is not None and not desk.document.changed
    go.set()
    desk.settle()
    desk.library.reload()
    paint(desk.settle(), 15)
    save(desk)
    assert "frame.fits (extension)" in desk.workspace.told and not desk.workspace.notices
    assert (load_mask(frame).mask == mask_of(desk.document)).all()


def test_each_way_to_save_that_waits_is_kept(desk, frame, held):
    go, made = held
    paint(desk.document, 5)
    desk.library.save()
    for _ in range(2):
        desk.library.save(beside=True)
        desk.library.save()
        desk.library.save(clean=True)
    assert desk.library.unsaved == ["frame.fits"]
    go.set()
    desk.settle()
    assert made == [(False, False), (True, False), (False, False), (False, True)]
    assert side_of(frame).exists() and desk.library.unsaved == []
    with fits.open(frame) as hdus:
        assert "CR_CLEANED" in hdus
