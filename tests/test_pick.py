"""The pick tool: a click is one step, whatever happens meanwhile; what it would take is shown."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from drawing import far_document, tell
from gestures import Helper, new_document, places
from scipy import ndimage

from glview.core.cancel import Cancelled
from glview.core.image import from_array
from glview.core.lasso import filled
from glview.core.mask import EDIT_ADD, EDIT_DELETE, EDIT_NONE, FinalMask
from glview.library import mask_of
from glview.tools import pick as pick_module
from glview.tools import region
from glview.tools.pick import Pick, TooLargeError, bright, masked, reach_at


@pytest.fixture
def helper():
    with Helper() as made:
        yield made


def starry(shape=(200, 220), seed=1):
    """Sky, a ray of 14 pixels round (50, 60) and one of 6 at the corner."""
    pixels = np.random.default_rng(seed).normal(100, 5, shape).astype(np.float32)
    for step in range(14):
        pixels[44 + step, 54 + step] = 900 + 7 * step
    pixels[0, 0:6] = 700
    return pixels


def test_a_click_adds_a_ray_and_one_undo_takes_it_back(helper):
    pixels = starry()
    document = new_document(pixels=pixels)
    assert helper.click(document, (50, 61)) == "14 pixels added"
    assert places(document) == {(44 + k, 54 + k): EDIT_ADD for k in range(14)}
    assert helper.click(document, (0, 1)) == "6 pixels added"
    assert len(document.history.done) == 2
    document.history.undo(document)
    document.history.undo(document)
    assert not places(document)


def test_a_click_on_sky_and_on_nothing_tells_so(helper):
    document = new_document(pixels=starry())
    assert helper.click(document, (150, 150)) == "Nothing stands out here"
    assert helper.click(new_document(pixels=np.full((9, 9), np.nan, np.float32)), (4, 4)) == (
        "Nothing stands out here")
    assert document.history.last is None
    helper.click(document, (50, 60))
    assert helper.click(document, (50, 60)) == "Nothing changed: it was like that already"
    assert len(document.history.done) == 1


def test_two_quick_clicks_are_both_done(helper):
    document, pick = new_document(pixels=starry()), Pick()
    for pixel in ((50, 60), (0, 3)):
        pick.click(document, pixel, 1, False, helper.jobs, helper.told.append)
    helper.settle()
    assert sorted(helper.told) == ["14 pixels added", "6 pixels added"]
    assert len(document.history.done) == 2


def test_alt_takes_the_whole_object_of_the_final_mask_out(helper):
    document = new_document(pixels=starry())
    confidence = np.zeros(document.image.shape, np.float32)
    confidence[20:23, 30:170] = 0.9
    confidence[100, 100] = 0.9
    tell(document, confidence)
    document.change(dilation=1)
    document.edits.put(24, 28, np.ones((1, 1), np.uint8))  # joined to it by hand, at a corner
    document.edits.put(18, 100, np.full((7, 1), EDIT_DELETE, np.uint8))  # and cut in two
    before = mask_of(document)
    labels, _ = ndimage.label(before, np.ones((3, 3)))
    assert helper.click(document, (21, 35), remove=True) == "356 pixels deleted"
    assert (mask_of(document) == (before & (labels != labels[21, 35]))).all()
    assert helper.click(document, (150, 20), remove=True) == "No object of the mask is here"
    document.history.undo(document)
    assert (mask_of(document) == before).all()


def test_an_object_without_end_is_refused(helper):
    pixels = starry((1400, 1400))
    pixels[700, 100:1300] = 5000
    document = new_document(pixels=pixels)
    assert "wider than 256 pixels" in helper.click(document, (700, 700))
    with pytest.raises(TooLargeError):
        bright(document.image, (700, 700), 1)
    assert document.history.last is None


def test_an_object_at_the_frames_edge_is_no_object_without_end():
    pixels = np.random.default_rng(1).normal(100, 5, (40, 30)).astype(np.float32)
    pixels[:, 7] = 900
    found = bright(from_array(pixels), (20, 7), 1)
    assert found.runs.tolist() == [[y, 7, 8] for y in range(40)]


def test_the_mask_of_a_large_frame_is_looked_at_round_the_click_only():
    document = far_document((60_000, 60_000))
    document.edits.put(30_000, 29_000, np.ones((2, 900), np.uint8))
    asked, mask = [], FinalMask(None, document.mask, document.edits.plane)
    found = masked(mask, (30_001, 29_450), lambda: asked.append(1))
    assert found.runs.tolist() == [[y, 29_000, 29_900] for y in (30_000, 30_001)]
    assert len(asked) == 2, "it is looked for once round the click and once farther off"
    assert masked(mask, (5, 5)) is None


def test_where_pixels_are_small_a_click_need_not_be_exact():
    assert [reach_at(zoom) for zoom in (20, 3, 1, 0.5, 0.01)] == [1, 1, 3, 6, 12]


def test_what_a_click_would_take_is_shown_and_forgotten(helper):
    document, pick = new_document(pixels=starry()), Pick()
    pick.look(document, (50, 60), 1, False, helper.jobs)
    helper.settle()
    assert pick.shown.runs.tolist() == [[44 + k, 54 + k, 55 + k] for k in range(14)]
    assert len(pick.shown.lines) == 14 * 4 and not document.edits.any
    assert pick.shown.lines.min(0).tolist() == [44, 54, 44, 54]
    pick.look(document, (50, 60), 1, True, helper.jobs)
    helper.settle()
    assert pick.shown is None and pick.removes
    pick.look(document, (50, 60), 1, False, helper.jobs)
    pick.forget()
    helper.settle()
    assert pick.shown is None


def test_what_is_shown_of_another_picture_goes_at_once_and_colours_change_with_it(helper):
    first, second, pick = new_document(pixels=starry()), new_document(pixels=starry()), Pick()
    pick.look(first, (50, 60), 1, False, helper.jobs)
    helper.settle()
    shown = pick.shown
    pick.look(first, (50, 60), 1, True, helper.jobs)
    assert pick.shown is shown and not pick.removes, "until the answer comes"
    pick.look(second, (50, 60), 1, False, helper.jobs)
    assert pick.shown is None


def test_an_object_is_taken_out_as_it_was_when_it_was_clicked(helper, monkeypatch):
    document, go = new_document(), threading.Event()
    document.edits.put(20, 20, np.full((1, 5), EDIT_ADD, np.uint8))
    search = pick_module.masked
    monkeypatch.setattr(pick_module, "masked", lambda *given: (go.wait(30), search(*given))[1])
    Pick().click(document, (20, 22), 1, True, helper.jobs, helper.told.append)
    document.edits.put(20, 20, np.full((1, 2), EDIT_NONE, np.uint8))
    go.set()
    assert helper.settle() == "5 pixels deleted"


def test_a_long_object_is_taken_out_by_a_worker(helper, monkeypatch):
    document = far_document((9000, 9000))
    document.edits.draw((500, 500), (3500, 3500), 1, EDIT_ADD)
    threads = []
    monkeypatch.setattr(region, "filled", lambda *given: (
        threads.append(threading.current_thread()), filled(*given))[1])
    assert helper.click(document, (2000, 2000), remove=True) == "3,001 pixels deleted"
    assert threads and threads[0] is not threading.main_thread()
    assert (document.edits.added, document.edits.deleted) == (0, 3001)
    document.history.undo(document)
    assert (document.edits.added, document.edits.deleted) == (3001, 0)


def test_a_search_that_nobody_waits_for_reads_no_farther():
    pixels = starry((1400, 1400))
    pixels[700, 100:1300] = 5000
    image, boxes = from_array(pixels), []
    image = replace(image, read=lambda plane, *box: (boxes.append(box), pixels[
        box[0] : box[1], box[2] : box[3]])[1])
    with pytest.raises(Cancelled):
        bright(image, (700, 700), 1, lambda: boxes)
    assert len(boxes) == 1
    with pytest.raises(Cancelled):
        masked(FinalMask(pixels / 5000, new_document().mask), (700, 700), lambda: True)


def test_an_error_is_told_as_it_was_said(helper):
    def read(plane, *box):
        raise OSError("the disk of /Data/M31.fits is gone")

    document = new_document()
    document.image = replace(document.image, read=read)
    assert helper.click(document, (5, 5)) == "The disk of /Data/M31.fits is gone"
