"""Rectangle and lasso: one outline, one step, whatever happens meanwhile."""

import threading

import numpy as np
import pytest
from drawing import far_document
from gestures import Helper, new_document, places

from glview.core.lasso import runs_of
from glview.core.mask import EDIT_ADD, EDIT_DELETE, EDIT_NONE
from glview.tools import region
from glview.tools.pencil import Pencil
from glview.tools.region import Region


@pytest.fixture
def helper():
    with Helper() as made:
        yield made


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


@pytest.mark.parametrize("limit", ["AT_ONCE", "LONG"])
def test_two_quick_regions_are_both_done(helper, monkeypatch, limit):
    monkeypatch.setattr(region, limit, 1)
    document, tool = new_document(), Region()
    for start, end in (((5.0, 5.0), (9.5, 9.5)), ((20.0, 5.0), (22.5, 9.5))):
        tool.press(document, start, EDIT_ADD, False)
        tool.drag(document, end)
        tool.release(helper.jobs, helper.told.append)
    helper.settle()
    assert sorted(helper.told) == ["15 pixels added", "25 pixels added"]
    assert document.edits.added == 40 and len(document.history.done) == 2
    document.history.undo(document)
    document.history.undo(document)
    assert not document.edits.any


def test_a_long_outline_is_filled_by_a_worker(helper, monkeypatch):
    document, threads = far_document((50_000, 50_000)), []
    monkeypatch.setattr(region, "runs_of", lambda *given: (
        threads.append(threading.current_thread()), runs_of(*given))[1])
    comb = [(100.0 + 9000 * (k % 2), 100.0 + k) for k in range(40)]
    assert helper.drag(document, *comb, lasso=True).endswith("pixels added")
    assert threads[0] is not threading.main_thread()
    helper.drag(document, (5.0, 5.0), (9.0, 5.0), (9.0, 9.0), lasso=True)
    assert threads[1] is threading.main_thread(), "a small one is there in the same frame"


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
