"""The tools' table and the pencil: one gesture, one step, whatever happens meanwhile."""

import gc
import weakref

import pytest
from gestures import new_document, places

from glview.core.mask import EDIT_ADD, EDIT_DELETE, EDIT_NONE
from glview.tools import TOOLS, tool_named
from glview.tools.pencil import Pencil


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


def test_a_pencil_keeps_no_closed_document():
    document, pencil = new_document(), Pencil()
    pencil.press(document, (2, 2), 1, EDIT_ADD)
    pencil.release(document)
    kept = weakref.ref(document)
    del document
    gc.collect()
    assert kept() is None


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
