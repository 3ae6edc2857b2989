"""Saving from the window: in a hurry, during edits, several files, and when it fails."""

import threading

import numpy as np
import pytest
from astropy.io import fits
from headless import SHAPE, paint, work_on
from sky import write_noise

from glview import saving
from glview.files.save import load_mask, save_mask
from glview.library import entry_of_array, mask_of


@pytest.fixture
def frame(tmp_path):
    return write_noise(tmp_path / "frame.fits", SHAPE)


@pytest.fixture
def held(monkeypatch):
    """Saving waits at its end until `go` is set; `began` tells that it has come there."""
    write = saving.write

    class Held:
        go, began, calls = threading.Event(), threading.Event(), 0

    def wait(*arguments, **keywords):
        Held.calls += 1
        result = write(*arguments, **keywords)
        Held.began.set()
        assert Held.go.wait(20)
        return result

    monkeypatch.setattr(saving, "write", wait)
    return Held


def test_save_and_open_again_shows_the_same(desk_of, frame):
    desk = desk_of(frame)
    document = desk.show(0)
    shown = work_on(document)
    assert document.changed and desk.library.unsaved == ["frame.fits"]
    desk.library.save()
    desk.settle()
    assert not document.changed and not desk.library.unsaved
    assert desk.workspace.told.startswith("Saved the mask in frame.fits (extension) at ")
    assert not desk.workspace.notices
    again = desk_of(frame).show(0)
    assert (mask_of(again) == shown).all() and not again.changed
    assert again.detection.confidence.tobytes() == document.detection.confidence.tobytes()
    assert again.mask == document.mask
    assert (again.edits.plane[:, :] == document.edits.plane[:, :]).all()


def test_undo_back_to_what_is_on_disk_is_no_change(desk_of, frame):
    desk = desk_of(frame)
    document = desk.show(0)
    work_on(document)
    desk.library.save()
    desk.settle()
    paint(document, 20)
    assert document.changed
    document.history.undo(document)
    assert not document.changed
    document.history.undo(document)
    assert document.changed
    document.history.redo(document)
    assert not document.changed


def test_saving_again_and_again(desk_of, frame):
    desk = desk_of(frame)
    document = desk.show(0)
    for row in (5, 10, 15):
        paint(document, row)
        desk.library.save()
        desk.settle()
        assert not document.changed
    assert not desk.workspace.notices and "frame.fits" in desk.workspace.told
    with fits.open(frame) as hdus:
        assert (hdus["CR_MASK"].data == mask_of(document)).all()


def test_edits_made_while_a_save_is_under_way_are_neither_saved_nor_lost(desk_of, frame, held):
    desk = desk_of(frame)
    document = desk.show(0)
    shown = work_on(document)
    desk.library.save()
    paint(document, 30)
    document.change(threshold=0.9)
    assert held.began.wait(20)
    held.go.set()
    desk.settle()
    assert (fits.getdata(frame, "CR_MASK") == shown).all()
    assert document.changed
    document.history.undo(document)
    document.history.undo(document)
    assert not document.changed


def test_saving_twice_in_a_hurry_saves_the_last_state_and_goes_on_working(desk_of, frame, held):
    desk = desk_of(frame)
    document = desk.show(0)
    work_on(document)
    desk.library.save()
    assert held.began.wait(20)
    paint(document, 30)
    for _ in range(3):
        desk.library.save()
    held.go.set()
    desk.settle()
    assert held.calls == 2 and not document.changed
    assert (fits.getdata(frame, "CR_MASK") == mask_of(document)).all()
    paint(document, 35)
    desk.library.save()
    desk.settle()
    assert not document.changed
    assert not [one for one in desk.workspace.notices if "NOT SAVED" in one]


def test_a_detection_that_ends_while_a_save_is_under_way_is_not_mixed_in(desk_of, frame, held):
    desk = desk_of(frame)
    document = desk.show(0)
    shown = work_on(document)
    desk.library.save()
    first = document.detection.confidence
    document.detection.confidence = np.zeros(SHAPE, np.float32)
    document.detection.stamps.touch((0, 0, *SHAPE))
    assert held.began.wait(20)
    held.go.set()
    desk.settle()
    assert (fits.getdata(frame, "CR_MASK") == shown).all()
    assert (fits.getdata(frame, "CR_PROBABILITY") == first).all()
    assert document.changed


def test_a_file_changed_by_another_program_is_not_overwritten(desk_of, frame):
    desk = desk_of(frame)
    document = desk.show(0)
    work_on(document)
    with fits.open(frame, mode="append") as hdus:
        hdus.append(fits.ImageHDU(np.ones((2, 2)), name="OTHER"))
    before = frame.read_bytes()
    desk.library.save()
    desk.settle()
    assert frame.read_bytes() == before and not document.changed
    assert "changed by another program" in desk.workspace.notices[0]


def test_save_all_saves_what_changed_and_then_goes_on(desk_of, frame, tmp_path):
    paths = [frame, *(tmp_path / f"frame{n}.fits" for n in (2, 3))]
    for path in paths[1:]:
        path.write_bytes(frame.read_bytes())
    desk, then = desk_of(*paths), []
    for number in range(3):
        desk.show(number)
        if number != 1:
            work_on(desk.document, number)
    untouched = paths[1].read_bytes()
    assert desk.library.unsaved == ["frame.fits", "frame3.fits"]
    desk.library.save_all(lambda: then.append(1))
    desk.settle()
    assert then == [1] and not desk.library.unsaved
    assert paths[1].read_bytes() == untouched
    for number in (0, 2):
        expected = mask_of(desk.workspace.entries[number].document)
        assert (fits.getdata(paths[number], "CR_MASK") == expected).all()


def test_save_all_stops_where_a_save_fails(desk_of, frame):
    desk, then = desk_of(frame), []
    work_on(desk.show(0))
    frame.unlink()
    frame.with_name("frame.fits.glview.fits").mkdir()
    desk.library.save_all(lambda: then.append(1))
    desk.settle()
    assert not then and desk.library.unsaved and "NOT SAVED" in desk.workspace.notices[0]


def test_save_all_waits_for_a_save_that_is_under_way(desk_of, frame, held):
    desk, then = desk_of(frame), []
    document = desk.show(0)
    work_on(document)
    desk.library.save()
    assert held.began.wait(20)
    desk.library.save_all(lambda: then.append(1))
    held.go.set()
    desk.settle()
    assert then == [1] and not document.changed and held.calls == 1
    assert not [one for one in desk.workspace.notices if "NOT SAVED" in one]


def test_settings_without_a_mask_are_nothing_to_save(desk_of, frame):
    desk, then = desk_of(frame), []
    desk.show(0).change(threshold=0.9)
    before = frame.read_bytes()
    assert not desk.library.unsaved
    desk.library.save_all(lambda: then.append(1))
    desk.settle()
    assert then == [1] and frame.read_bytes() == before
    desk.library.save()
    desk.settle()
    assert frame.read_bytes() == before and "NOT SAVED" not in desk.workspace.notices[0]


def test_an_array_is_handed_over_and_not_asked_about(desk_of):
    desk, then = desk_of(), []
    desk.workspace.entries.append(entry_of_array(np.zeros(SHAPE)))
    desk.finisher.start(desk.document)
    desk.settle()
    paint(desk.document, 5)
    assert desk.document.changed and not desk.library.unsaved
    desk.library.save()
    assert "no file" in desk.workspace.notices[0]
    desk.library.save_all(lambda: then.append(1))
    assert then == [1]
    assert mask_of(desk.document).sum() == desk.document.edits.added > 0


@pytest.mark.parametrize("beside", [False, True])
def test_the_work_on_a_file_that_changed_is_saved_beside_it(desk_of, frame, beside):
    desk = desk_of(frame)
    document = desk.show(0)
    shown = work_on(document)
    frame.write_bytes(frame.read_bytes())
    before = frame.read_bytes()
    desk.library.save(beside=beside)
    desk.settle()
    assert not document.changed
    assert frame.read_bytes() == before
    assert np.array_equal(fits.getdata(f"{frame}.glview.fits", "CR_MASK") > 0, shown)


def test_a_side_file_that_others_wrote_meanwhile_is_not_overwritten(desk_of, frame):
    desk, side = desk_of(frame, frame), frame.with_name("frame.fits.glview.fits")
    desk.show(1)  # the same file, twice in the list
    document = desk.show(0)
    shown = work_on(document)
    save_mask(frame, ~shown, method="beside")
    theirs = side.read_bytes()
    desk.library.save(beside=True)
    desk.settle()
    assert side.read_bytes() == theirs and document.changed
    notice, = desk.workspace.notices
    assert notice.startswith("NOT SAVED") and "frame.fits.glview.fits was changed" in notice
    assert "move it away" in notice
    side.rename(side.with_name("theirs.fits"))
    desk.library.save(beside=True)
    desk.settle()
    assert not document.changed and (load_mask(frame).mask == shown).all()
    for number in (1, 0):
        paint(desk.show(number), 30 + number)
        desk.library.save(beside=True)
        desk.settle()
        assert not desk.document.changed


def test_a_file_is_read_again_unless_that_would_lose_work(desk_of, frame):
    desk = desk_of(frame)
    document = desk.show(0)
    work_on(document)
    desk.library.reload()
    assert desk.document is document and "not read again" in desk.workspace.notices[0]
    desk.library.save()
    desk.settle()
    fits.setval(frame, "OBJECT", value="another program was here")
    desk.library.reload()
    again = desk.settle()
    assert again is not document and again.image.header["OBJECT"] == "another program was here"
    assert (mask_of(again) == mask_of(document)).all()
    paint(again, 30)
    desk.library.save()
    desk.settle()
    assert not again.changed
