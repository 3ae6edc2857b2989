"""What a reviewer does to an object, judged by scipy's labels of the mask before and after."""

import numpy as np
import pytest
from drawing import document_of
from scipy import ndimage

from glview import judging
from glview.core.mask import EDIT_ADD, EDIT_DELETE, MASKED, mask_state
from glview.core.objects import find_objects
from glview.core.plane import Plane

EIGHT = np.ones((3, 3))
PICTURE = """
..........................
.aaaa.....................
.a..a...b.................
.aaaa..bbb................
........b.........ccc.....
..................ccccccc.
..................ccc.....
..........................
d.........................
dd........................
"""


def scene(picture=PICTURE):
    """(H, W) float32: 0.9 where there is a letter."""
    rows = picture.split()
    return np.array([[0.9 * (letter != ".") for letter in row] for row in rows], np.float32)


def document_with(confidence, **settings):
    return document_of(np.ones(confidence.shape, np.float32), confidence, **settings)


@pytest.fixture
def document():
    return document_with(scene())


def mask_now(document):
    """(H, W) bool."""
    return MASKED[mask_state(document.detection.confidence, document.mask,
                             document.edits.plane)].astype(bool)


def rows(document):
    """The objects as they are counted now."""
    return find_objects(document.detection.confidence, document.mask, document.edits.plane)


def row_at(document, y, x):
    """The row of the object whose box holds a pixel."""
    return next(row for row in rows(document)
                if row["y0"] <= y < row["y1"] and row["x0"] <= x < row["x1"])


def object_at(document, y, x):
    """(H, W) bool: the object there, by scipy."""
    labels, _ = ndimage.label(mask_now(document), EIGHT)
    assert labels[y, x]
    return labels == labels[y, x]


def do(document, act, y, x, cursor=None):
    """Do it to the object there; returns the masks before and after."""
    before, row = mask_now(document), row_at(document, y, x)
    assert judging.apply(document, act(judging.look_at(document, cursor), row))
    return before, mask_now(document)


def taken_back(document, before, said):
    """One step of undo leads back to a mask and to verdicts."""
    assert document.history.undo(document)
    assert (mask_now(document) == before).all() and document.verdicts == said
    assert document.history.redo(document)


def test_accepting_keeps_the_mask_and_is_remembered_by_a_pixel_of_the_object(document):
    before, after = do(document, judging.accept, 3, 8)
    assert (before == after).all()
    (pixel, said), = document.verdicts.items()
    assert said == "accepted" and object_at(document, 3, 8)[pixel]
    taken_back(document, before, {})
    look = judging.look_at(document)
    assert not judging.apply(document, judging.accept(look, row_at(document, 3, 8)))


def test_rejecting_deletes_just_the_object_and_undo_brings_both_back(document):
    member = object_at(document, 1, 1)
    before, after = do(document, judging.reject, 1, 1)
    assert (after == before & ~member).all()
    assert ((document.edits.plane[:, :] == EDIT_DELETE) == member).all()
    (pixel, said), = document.verdicts.items()
    assert said == "rejected" and member[pixel]
    taken_back(document, before, {})


def test_the_second_verdict_takes_the_place_of_the_first(document):
    do(document, judging.accept, 4, 19)
    document.change(threshold=0.4)
    do(document, judging.reject, 4, 19)
    assert list(document.verdicts.values()) == ["rejected"]
    document.history.undo(document)
    assert list(document.verdicts.values()) == ["accepted"]


def test_a_rejected_object_can_come_back(document):
    said_before = do(document, judging.reject, 1, 1)[0]
    deleted = find_objects(None, document.mask, (document.edits.plane[:, :] == EDIT_DELETE)
                           .astype(np.uint8))
    judging.apply(document, judging.restore(judging.look_at(document), deleted[0]))
    assert (mask_now(document) == said_before).all() and not document.edits.any
    assert list(document.verdicts.values()) == ["accepted"]


def test_what_was_drawn_by_hand_and_rejected_comes_back_too(document):
    document.edits.draw((8, 10), (8, 14), 1, EDIT_ADD)
    before, _ = do(document, judging.reject, 8, 12)
    deleted = find_objects(None, document.mask, (document.edits.plane[:, :] == EDIT_DELETE)
                           .astype(np.uint8))
    judging.apply(document, judging.restore(judging.look_at(document), deleted[0]))
    assert (mask_now(document) == before).all()


@pytest.mark.parametrize("place", [(1, 1), (3, 8), (4, 19), (8, 0)])
def test_growing_is_a_dilation_of_the_one_object(document, place):
    member = object_at(document, *place)
    before, after = do(document, judging.grow, *place)
    assert (after == before | ndimage.binary_dilation(member, EIGHT)).all()
    taken_back(document, before, {})


def test_shrinking_is_an_erosion_that_leaves_what_lies_at_the_frames_edge():
    confidence = np.zeros((12, 12), np.float32)
    confidence[0:5, 2:9] = confidence[8:11, 3:6] = 0.9
    document = document_with(confidence)
    member = object_at(document, 0, 2)
    before, after = do(document, judging.shrink, 0, 2)
    eroded = ndimage.binary_erosion(np.pad(member, ((9, 0), (0, 0)), "edge"), EIGHT)[9:]
    assert (after == before & ~member | eroded).all()
    taken_back(document, before, {})


def test_what_is_too_thin_is_not_shrunk(document):
    look = judging.look_at(document)
    with pytest.raises(judging.JudgingError, match="too thin"):
        judging.shrink(look, row_at(document, 1, 1))


BLOCK = "......... ......... ...aaa... ...aaa... ......... ........."


def test_grown_and_shrunk_again_a_solid_object_is_no_edit():
    document = document_with(scene(BLOCK))
    before, _ = do(document, judging.grow, 2, 3)
    _, after = do(document, judging.shrink, 2, 3)
    assert (after == before).all() and not document.edits.any


def test_growing_twice_does_not_wait_for_the_count():
    document = document_with(scene(BLOCK))
    row, before = row_at(document, 2, 3), mask_now(document)
    for _ in range(2):
        judging.apply(document, judging.grow(judging.look_at(document), row))
    assert (mask_now(document) == ndimage.binary_dilation(before, EIGHT, 2)).all()


def test_the_verdict_follows_an_object_that_loses_its_surest_pixel():
    confidence = np.zeros((9, 9), np.float32)
    confidence[2:7, 2:7] = 0.8
    confidence[2, 2] = 0.9
    document = document_with(confidence)
    do(document, judging.accept, 2, 2)
    assert list(document.verdicts) == [(2, 2)]
    before, _ = do(document, judging.shrink, 2, 2)
    (pixel, said), = document.verdicts.items()
    assert said == "accepted" and object_at(document, 4, 4)[pixel]
    taken_back(document, before, {(2, 2): "accepted"})


def test_merging_makes_one_object_of_the_nearest_two(document):
    _, count = ndimage.label(mask_now(document), EIGHT)
    before, after = do(document, judging.merge, 3, 8)
    assert ndimage.label(after, EIGHT)[1] == count - 1
    assert (after & before == before).all()
    assert object_at(document, 3, 8)[1, 1]
    assert (after & ~before).sum() == 2  # columns 5 and 6 lie between
    taken_back(document, before, {})


def test_what_was_said_of_the_selected_one_holds_for_both(document):
    do(document, judging.accept, 1, 1)
    do(document, judging.merge, 3, 8)
    assert document.verdicts == {}
    document.history.undo(document)
    do(document, judging.merge, 1, 1)
    assert list(document.verdicts.values()) == ["accepted"]


def test_nothing_is_merged_over_a_wide_sky():
    confidence = np.zeros((5, 200), np.float32)
    confidence[2, 2] = confidence[2, 190] = 0.9
    document = document_with(confidence)
    with pytest.raises(judging.JudgingError, match="32 pixels"):
        judging.merge(judging.look_at(document), row_at(document, 2, 2))


@pytest.mark.parametrize("cursor", [None, (5, 22), (0, 0)])
def test_cutting_makes_two_objects_that_are_not_judged(document, cursor):
    do(document, judging.accept, 5, 18)
    _, count = ndimage.label(mask_now(document), EIGHT)
    said = dict(document.verdicts)
    before, after = do(document, judging.cut, 5, 18, cursor)
    assert ndimage.label(after, EIGHT)[1] == count + 1
    assert not (after & ~before).any() and (before & ~after).sum() == 1
    if cursor == (5, 22):
        assert not after[cursor]
    assert document.verdicts == {}
    taken_back(document, before, said)


def test_what_is_one_pixel_is_not_cut(document):
    document = document_with(scene("...\n.a.\n..."))
    with pytest.raises(judging.JudgingError, match="cannot be cut"):
        judging.cut(judging.look_at(document), row_at(document, 1, 1))


def test_an_object_that_is_gone_is_told(document):
    row = row_at(document, 3, 8)
    do(document, judging.reject, 3, 8)
    with pytest.raises(judging.JudgingError, match="counted again"):
        judging.accept(judging.look_at(document), row)


def test_an_object_inside_anothers_box_is_left_alone():
    confidence = np.zeros((20, 20), np.float32)
    confidence[2:18, 2] = confidence[17, 2:18] = 0.9
    confidence[5:8, 10:12] = 0.8
    document = document_with(confidence)
    inner = object_at(document, 5, 10)
    _, after = do(document, judging.reject, 10, 2)
    assert (after == inner).all()


@pytest.mark.parametrize("settings", [{}, {"dilation": 2, "shape": "disk"}])
def test_an_object_of_a_sparse_frame_is_rejected_in_pieces(settings):
    confidence = np.zeros((1500, 1400), np.float32)
    confidence[100:1300, 200] = confidence[1299, 200:1300] = 0.9
    document = document_with(confidence, **settings)
    document.detection.confidence = Plane.from_array(confidence)
    before, after = do(document, judging.reject, 700, 200)
    assert not after.any()
    patches = document.history.last.steps[0].patches
    assert sum(patch.after.size for patch in patches) < 5 * 512**2
    taken_back(document, before, {})


def test_what_is_too_large_is_refused(document, monkeypatch):
    monkeypatch.setattr(judging, "MOST", 8)
    with pytest.raises(judging.JudgingError, match="too large"):
        judging.reject(judging.look_at(document), row_at(document, 3, 8))
