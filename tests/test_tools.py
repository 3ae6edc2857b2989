"""The tools' table, pencil, pick and regions: one gesture, one step, whatever happens meanwhile."""

import time

import numpy as np
import pytest
from drawing import far_document, tell
from scipy import ndimage

from glview import opening
from glview.core.image import from_array
from glview.core.mask import EDIT_ADD, EDIT_DELETE, EDIT_NONE
from glview.jobs import Jobs
from glview.library import mask_of
from glview.tools import TOOLS, region, tool_named
from glview.tools.pencil import Pencil
from glview.tools.pick import Pick, TooLargeError, bright, masked, reach_at
from glview.tools.region import Region


def new_document(shape=(40, 50), pixels=None):
    image = from_array(np.zeros(shape, np.float32) if pixels is None else pixels)
    return opening.document_of(opening.look_at((image,), image))


class Helper:
    """Does what the tools leave to workers, and hears what they tell."""

    def __init__(self):
        self.jobs, self.told = Jobs(), []

    def settle(self):
        """Wait for all of it; returns the last sentence."""
        until = time.monotonic() + 30
        while self.jobs.busy:
            assert time.monotonic() < until, self.jobs.busy
            self.jobs.collect()
            time.sleep(0.001)
        return self.told[-1] if self.told else None

    def click(self, document, pixel, remove=False, reach=1):
        """Click with the pick tool and wait for what it tells."""
        Pick().click(document, pixel, reach, remove, self.jobs, self.told.append)
        return self.settle()

    def drag(self, document, *points, value=EDIT_ADD, lasso=False):
        """Draw a region from point to point and wait for what it tells."""
        tool = Region()
        tool.press(document, points[0], value, lasso)
        for point in points[1:]:
            tool.drag(document, point)
        tool.release(self.jobs, self.told.append)
        return self.settle()


@pytest.fixture
def helper():
    made = Helper()
    yield made
    made.jobs.close()


def places(document):
    """{(y, x): code} of all edited pixels."""
    plane = document.edits.plane[:, :]
    return {(int(y), int(x)): int(plane[y, x]) for y, x in np.argwhere(plane)}


def test_tools_have_names_and_keys_of_their_own():
    assert len({tool.name for tool in TOOLS}) == len({tool.key for tool in TOOLS}) == len(TOOLS)
    assert all(tool_named(tool.name) is tool for tool in TOOLS)
    assert tool_named("hand").edit is None
    assert [tool.name for tool in TOOLS if tool.kind == "pencil"] == ["add", "delete", "restore"]


@pytest.mark.parametrize(("name", "codes"), [
    ("add", (EDIT_ADD, EDIT_DELETE, EDIT_ADD)), ("pick", (EDIT_ADD, EDIT_DELETE, EDIT_ADD)),
    ("rectangle", (EDIT_ADD, EDIT_DELETE, EDIT_NONE)),
    ("lasso", (EDIT_ADD, EDIT_DELETE, EDIT_NONE))])
def test_what_is_written_with_no_key_alt_and_ctrl(name, codes):
    tool = tool_named(name)
    assert (tool.code(False, False), tool.code(True, False), tool.code(False, True)) == codes


@pytest.mark.parametrize(("name", "edit", "inverse"), [
    ("add", EDIT_ADD, EDIT_DELETE), ("delete", EDIT_DELETE, EDIT_ADD),
    ("restore", EDIT_NONE, EDIT_NONE)])
def test_what_pencils_write(name, edit, inverse):
    assert (tool_named(name).edit, tool_named(name).inverse) == (edit, inverse)


def test_a_drag_is_one_step_and_has_no_gaps():
    document, pencil = new_document(), Pencil()
    pencil.press(document, (5, 5), 1, EDIT_ADD)
    pencil.drag(document, (5, 9), 1)
    pencil.drag(document, (5, 9), 1)
    pencil.drag(document, (8, 12), 1)
    pencil.release(document)
    expected = {(5, x) for x in range(5, 10)} | {(6, 10), (7, 11), (8, 12)}
    assert places(document) == dict.fromkeys(expected, EDIT_ADD)
    assert len(document.history.done) == 1
    document.history.undo(document)
    assert not places(document)
    document.history.redo(document)
    assert set(places(document)) == expected


def test_a_stroke_that_changes_nothing_is_no_step():
    document, pencil = new_document(), Pencil()
    for pixel, code in (((-90, -90), EDIT_ADD), ((3, 3), EDIT_NONE)):
        pencil.press(document, pixel, 3, code)
        pencil.release(document)
    assert document.history.last is None and not document.changed


def test_moving_without_a_press_draws_nothing():
    document, pencil = new_document(), Pencil()
    pencil.drag(document, (5, 5), 3)
    pencil.press(document, (1, 1), 1, EDIT_ADD)
    pencil.release(document)
    pencil.drag(document, (9, 9), 3)
    assert places(document) == {(1, 1): EDIT_ADD}


def test_shift_joins_two_strokes_by_a_straight_line():
    document, pencil = new_document(), Pencil()
    pencil.press(document, (2, 2), 1, EDIT_ADD, straight=True)  # there is nothing to join yet
    pencil.release(document)
    assert set(places(document)) == {(2, 2)}
    pencil.press(document, (2, 6), 1, EDIT_DELETE, straight=True)
    pencil.release(document)
    assert places(document) == {(2, x): EDIT_DELETE for x in range(2, 7)}
    assert len(document.history.done) == 2


def test_shift_does_not_join_strokes_of_two_pictures():
    first, second, pencil = new_document(), new_document(), Pencil()
    pencil.press(first, (2, 2), 1, EDIT_ADD)
    pencil.release(first)
    pencil.press(second, (2, 20), 1, EDIT_ADD, straight=True)
    pencil.release(second)
    assert set(places(second)) == {(2, 20)}


def test_a_stroke_stays_in_the_picture_it_began_in():
    first, second, pencil = new_document(), new_document(), Pencil()
    pencil.press(first, (2, 2), 1, EDIT_ADD)
    pencil.drag(second, (30, 30), 1)
    pencil.release(second)
    assert not places(second) and second.history.last is None
    assert set(places(first)) == {(2, 2)}
    first.history.undo(first)
    assert not places(first)


def test_undo_in_the_middle_of_a_drag_keeps_the_history_true():
    document, pencil = new_document(), Pencil()
    pencil.press(document, (2, 2), 3, EDIT_DELETE)
    pencil.release(document)
    before = places(document)
    pencil.press(document, (2, 2), 1, EDIT_ADD)
    pencil.drag(document, (2, 5), 1)
    document.history.undo(document)
    assert places(document) == before
    pencil.drag(document, (2, 9), 1)
    pencil.release(document)
    assert {place for place, code in places(document).items() if code == EDIT_ADD} == {
        (2, x) for x in range(5, 10)}
    while document.history.undo(document):
        pass
    assert not places(document)


def test_saving_in_the_middle_of_a_drag_leaves_the_rest_unsaved():
    document, pencil = new_document(), Pencil()
    pencil.press(document, (2, 2), 1, EDIT_ADD)
    document.history.mark_saved(document.history.last)
    assert not document.changed
    pencil.drag(document, (2, 5), 1)
    pencil.release(document)
    assert document.changed


# the pick tool

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
    assert found.inside.sum() == 40 and found.inside[:, 7].all()


def test_the_mask_of_a_large_frame_is_looked_at_round_the_click_only():
    document = far_document((60_000, 60_000))
    document.edits.put(30_000, 29_000, np.ones((2, 900), np.uint8))
    now = None, document.mask, document.edits.plane
    found = masked(*now, (30_001, 29_450))
    assert found.inside.sum() == 1800 and found.inside.shape == (1025, 1025)
    assert masked(*now, (5, 5)) is None


def test_where_pixels_are_small_a_click_need_not_be_exact():
    assert [reach_at(zoom) for zoom in (20, 3, 1, 0.5, 0.01)] == [1, 1, 3, 6, 12]


def test_what_a_click_would_take_is_shown_and_forgotten(helper):
    document, pick = new_document(pixels=starry()), Pick()
    pick.look(document, (50, 60), 1, False, helper.jobs)
    helper.settle()
    place, inside = pick.shown
    shown = {(y + place[0], x + place[1]) for y, x in np.argwhere(inside).tolist()}
    assert shown == {(44 + k, 54 + k) for k in range(14)} and not document.edits.any
    pick.look(document, (50, 60), 1, True, helper.jobs)
    helper.settle()
    assert pick.shown is None and pick.removes
    pick.look(document, (50, 60), 1, False, helper.jobs)
    pick.forget()
    helper.settle()
    assert pick.shown is None


# rectangle and lasso

def test_a_rectangle_takes_every_pixel_it_touches(helper):
    document = new_document()
    assert helper.drag(document, (8.9, 12.1), (30.0, 3.0), (5.2, 10.99)) == "12 pixels added"
    assert places(document) == {(y, x): EDIT_ADD for y in range(5, 9) for x in range(10, 13)}
    helper.drag(document, (-50.0, -50.0), (6.5, 500.0), value=EDIT_NONE)
    assert set(places(document)) == {(y, x) for y in (7, 8) for x in range(10, 13)}
    assert helper.drag(document, (7.1, 11.1), (7.2, 11.2), value=EDIT_DELETE) == "1 pixel deleted"
    assert places(document)[7, 11] == EDIT_DELETE and len(document.history.done) == 3
    while document.history.undo(document):
        pass
    assert not places(document)


def test_a_lasso_takes_the_pixels_whose_centres_are_inside(helper):
    document = new_document()
    corners = (2.0, 2.0), (2.0, 30.0), (20.0, 2.0)
    said = helper.drag(document, *corners, lasso=True)
    expected = {(y, x) for y in range(2, 20) for x in range(2, 30)
                if (y + 0.5 - 2) / 18 + (x + 0.5 - 2) / 28 < 1}
    assert set(places(document)) == expected and said == f"{len(expected)} pixels added"
    said = helper.drag(document, (5.6, 5.6), (5.9, 5.6), (5.6, 5.9), lasso=True)
    assert said == "No pixel of the picture has its centre in that outline"


def test_a_region_that_changes_nothing_is_no_step(helper):
    document = new_document()
    for points in (((-9.0, -9.0), (-1.5, 90.0)), ((1.0, 1.0), (9.0, 9.0))):
        helper.drag(document, *points, value=EDIT_NONE)
    assert document.history.last is None and helper.told[1].startswith("Nothing changed")


def test_an_outline_is_abandoned_by_hand_and_in_another_picture(helper):
    first, second, tool = new_document(), new_document(), Region()
    tool.press(first, (1.0, 1.0), EDIT_ADD, False)
    tool.drag(first, (9.0, 9.0))
    assert len(tool.outline) == 4 and tool.abandon() and not tool.abandon()
    tool.press(first, (1.0, 1.0), EDIT_ADD, True)
    tool.drag(second, (9.0, 9.0))
    tool.release(helper.jobs, helper.told.append)
    assert not helper.told and not places(first) and not places(second)


def test_a_wide_region_is_written_by_a_worker_as_one_step(helper):
    document = far_document((20_000, 100_000))
    document.edits.put(15_000, 70, np.full((1, 1), EDIT_DELETE, np.uint8))
    assert helper.drag(document, (14_990.0, 0.5), (15_200.0, 99_999.9)) == (
        "21,100,000 pixels added")
    assert document.edits.added == 21_100_000 and document.edits.plane[15_000, 70] == EDIT_ADD
    assert len(document.history.done) == 1
    document.history.undo(document)
    assert (document.edits.added, document.edits.deleted) == (0, 1)
    assert document.edits.plane[15_000, 70] == EDIT_DELETE
    assert helper.drag(document, (0.0, 0.0), (19_999.0, 99_999.0), value=EDIT_NONE).startswith(
        "2,000,000,000 pixels left to the model")
    assert not document.edits.any
    said = helper.drag(document, (0.0, 0.0), (19_999.0, 99_999.0))
    assert said.startswith("Nothing added: 2,000 megapixels are more than 67 at once")
    assert not document.edits.any


def test_what_is_drawn_while_a_worker_fills_a_region_is_kept(helper, monkeypatch):
    monkeypatch.setattr(region, "AT_ONCE", 1)
    document, tool, pencil = new_document(), Region(), Pencil()
    tool.press(document, (5.0, 5.0), EDIT_ADD, False)
    tool.drag(document, (9.5, 9.5))
    tool.release(helper.jobs, helper.told.append)
    pencil.press(document, (20, 20), 1, EDIT_DELETE)
    pencil.release(document)
    assert helper.settle() == "25 pixels added"
    assert places(document)[20, 20] == EDIT_DELETE and len(places(document)) == 26
    document.history.undo(document)
    assert places(document) == {(20, 20): EDIT_DELETE}
