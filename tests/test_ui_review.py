"""The review: from object to object by keys, each decision one step, seen in every list."""

import threading

import numpy as np
import pytest
from drawing import OVERLAY
from robot import Robot
from scipy import ndimage

from glview import judging
from glview.core.mask import EDIT_DELETE
from glview.core.view import View
from glview.library import mask_of
from glview.ui.states import COLOURS

SHAPE = (160, 200)
EIGHT = np.ones((3, 3))
# y0, x0, y1, x1, confidence, all of different areas; the last two are 3 pixels apart
BOXES = ((10, 10, 20, 18, 0.9), (40, 60, 46, 70, 0.95), (90, 20, 95, 30, 0.8),
         (120, 150, 124, 160, 0.7), (60, 120, 63, 130, 0.85), (66, 121, 68, 129, 0.65))


def scene():
    confidence = np.zeros(SHAPE, np.float32)
    for y0, x0, y1, x1, sure in BOXES:
        confidence[y0:y1, x0:x1] = sure
    return np.zeros(SHAPE, np.float32), confidence


@pytest.fixture
def robot():
    image, confidence = scene()
    with Robot(image, overlay=OVERLAY) as made:
        made.know(confidence)
        made.move("image", 0.02, 0.02)
        yield made
        assert not made.workspace.notices


def place_of(robot):
    """(y0, x0) of the selected object."""
    listing = robot.desk.listing
    row = listing.rows[listing.selected]
    return int(row["y0"]), int(row["x0"])


def states(robot):
    """(y0, x0) -> what is said of the object there."""
    listing = robot.desk.listing
    return {(int(row["y0"]), int(row["x0"])): ("", "accepted", "rejected")[code]
            for row, code in zip(listing.rows, listing.codes, strict=True)}


def at(number):
    return BOXES[number][:2]


def press(robot, *names):
    for name in names:
        robot.key(name)
        robot.settle()


def test_what_was_rejected_is_put_in_its_place_once_and_not_in_every_frame(robot, monkeypatch):
    press(robot, "N", "X", "X", "A")
    calls = []
    for name in ("core.verdicts.judged", "core.verdicts.progress", "listing._together",
                 "listing.Listing._deleted"):
        monkeypatch.setattr(f"glview.{name}", lambda *_, name=name: calls.append(name))
    robot.frame(3)
    assert not calls and len(robot.desk.listing.rows) == 6


def test_accept_and_reject_go_on_to_the_next_and_count(robot):
    press(robot, "N")
    assert place_of(robot) == at(0)
    press(robot, "A")
    assert place_of(robot) == at(1) and robot.reads("1 of 6 reviewed")
    press(robot, "X", "A")
    assert place_of(robot) == at(3) and robot.reads("3 of 6 reviewed")
    assert states(robot) == {at(0): "accepted", at(1): "rejected", at(2): "accepted",
                             at(3): "", at(4): "", at(5): ""}
    y0, x0, y1, x1, _ = BOXES[1]
    assert not mask_of(robot.document)[y0:y1, x0:x1].any()
    texts = [text for text in robot.texts() if "objects" in text]
    assert len(texts) == 2 and all(text.startswith("5 objects, 1 rejected, ") for text in texts)


def test_every_object_keeps_its_number_when_some_are_rejected(robot):
    def numbers():
        return {(row["y0"], row["x0"]): row["id"] for row in robot.desk.listing.rows}

    before = numbers()
    press(robot, "N", "A", "X", "X")
    assert numbers() == before and sorted(before.values()) == [1, 2, 3, 4, 5, 6]
    second = next(place for place, number in before.items() if number == 2)
    assert states(robot)[second] == "rejected"
    robot.desk.listing.go(robot.document, "2")
    robot.settle()
    assert place_of(robot) == second
    robot.desk.listing.go(robot.document, "5")
    robot.settle()
    assert before[place_of(robot)] == 5
    press(robot, "Ctrl+Z", "Ctrl+Z")
    assert numbers() == before


def test_each_decision_is_one_step_of_undo(robot):
    before = mask_of(robot.document)
    press(robot, "N", "A", "X")
    assert len(robot.document.history.done) == 2
    press(robot, "Ctrl+Z")
    assert (mask_of(robot.document) == before).all() and place_of(robot) == at(1)
    assert states(robot) == {at(0): "accepted"} | {at(n): "" for n in range(1, 6)}
    press(robot, "Ctrl+Z")
    assert not robot.document.verdicts and robot.reads("0 of 6 reviewed")
    assert place_of(robot) == at(0), "what was taken back is looked at again"
    press(robot, "Ctrl+Shift+Z", "Ctrl+Shift+Z")
    assert states(robot)[at(0)] == "accepted" and states(robot)[at(1)] == "rejected"


def test_when_all_are_reviewed_that_is_said(robot):
    press(robot, "N", *"AXAXAX")
    assert robot.workspace.told == "All objects that are shown are reviewed"
    assert robot.reads("6 of 6 reviewed")
    assert sorted(robot.document.verdicts.values()) == ["accepted"] * 3 + ["rejected"] * 3


def test_what_was_rejected_is_taken_back(robot):
    before = mask_of(robot.document)
    press(robot, "N", "X", "P")
    assert place_of(robot) == at(0) and states(robot)[at(0)] == "rejected"
    press(robot, "G")
    assert "A takes it back" in robot.workspace.told
    press(robot, "A")
    assert (mask_of(robot.document) == before).all() and not robot.document.edits.any
    assert states(robot)[at(0)] == "accepted" and robot.reads("1 of 6 reviewed")


def test_a_verdict_follows_the_object_through_threshold_and_dilation(robot):
    press(robot, "N", "A")
    for settings in ({"threshold": 0.3}, {"dilation": 2}, {"threshold": 0.88}):
        robot.document.change(**settings)
        robot.settle()
        assert list(states(robot).values()).count("accepted") == 1, settings
    assert robot.reads("1 of 2 reviewed")
    robot.document.change(threshold=0.99)
    robot.settle()
    assert not states(robot) and robot.document.verdicts
    robot.document.change(threshold=0.5, dilation=0)
    robot.settle()
    assert states(robot)[at(0)] == "accepted"


def test_space_goes_on_if_it_is_tapped_and_pans_if_the_mouse_is_dragged(robot):
    press(robot, "Space")
    assert place_of(robot) == at(0)
    press(robot, "Space")
    assert place_of(robot) == at(1)
    view, steps = robot.view, len(robot.document.history.done)
    robot.key("B")
    robot.hold("Space")
    robot.drag(robot.at("image", 0.3, 0.3), robot.at("image", 0.6, 0.6))
    robot.hold("Space", False)
    robot.settle()
    assert robot.view != view and place_of(robot) == at(1)
    assert len(robot.document.history.done) == steps, "nothing was drawn"
    robot.hold("Space")
    robot.pause(1.0)
    robot.hold("Space", False)
    assert place_of(robot) == at(1), "held for long it is no tap"


def test_grow_shrink_merge_and_cut_by_their_keys(robot):
    def judged(y, x):
        labels, _ = ndimage.label(mask_of(robot.document), EIGHT)
        return labels == labels[y, x]

    press(robot, "N")
    member = judged(10, 10)
    press(robot, "G")
    assert (judged(10, 10) == ndimage.binary_dilation(member, EIGHT)).all()
    press(robot, "Shift+G", "Shift+G")
    assert (judged(15, 14) == ndimage.binary_erosion(member, EIGHT)).all()
    press(robot, "Ctrl+Z", "Ctrl+Z", "Ctrl+Z")
    assert (judged(10, 10) == member).all()
    press(robot, *["N"] * 4)
    assert place_of(robot) == at(4) and not judged(60, 120)[66, 121]
    press(robot, "Shift+C")
    assert not judged(60, 120)[60, 129], "cut at the cursor, in the middle"
    press(robot, "Ctrl+Z", "Shift+M")
    assert judged(60, 120)[66, 121] and place_of(robot) == at(4)
    assert len(robot.document.history.done) == 1


def test_what_comes_next_does_not_depend_on_the_shape_that_was_given(robot):
    press(robot, "N", "A", "G", "G")  # the second is the largest now
    assert robot.desk.listing.place == 0
    press(robot, "A")
    assert place_of(robot) == at(2)
    press(robot, "Shift+C")  # and its pieces are the smallest but one
    assert robot.desk.listing.place > 2
    press(robot, "N")
    assert place_of(robot) == at(3)


def test_a_click_in_the_picture_selects_and_the_lists_scroll_there(robot):
    robot.workspace.fit = True
    robot.settle()
    robot.wheel(-3, robot.at("objects", 0.5, 0.5))
    robot.frame(2)
    assert "thumbnail:1" not in robot.in_sight()
    robot.click(robot.of_pixel(43, 65))
    robot.settle()
    assert place_of(robot) == at(1) and "thumbnail:1" in robot.in_sight()
    robot.click(robot.of_pixel(66, 125))
    robot.settle()
    assert place_of(robot) == at(5) and "thumbnail:5" in robot.in_sight()
    press(robot, "A")
    assert states(robot)[at(5)] == "accepted" and place_of(robot) == at(0)


def test_what_cannot_be_done_is_said_and_changes_nothing(robot):
    press(robot, "A")
    assert "Choose an object first" in robot.workspace.told
    robot.document.change(threshold=0.92)
    robot.settle()
    press(robot, "N", "Shift+M")
    assert "No other object" in robot.workspace.told
    assert len(robot.document.history.done) == 1


def test_the_outline_has_the_colour_of_the_state(robot):
    def outlined(pane):
        y0, x0, y1, x1, _ = BOXES[0]
        top, left = robot.of_pixel(y1 + 1, x0 - 2, pane)[1], robot.of_pixel(y0, x0 - 2, pane)[0]
        down, right = robot.of_pixel(y0 - 2, x0, pane)[1], robot.of_pixel(y0, x1 + 1, pane)[0]
        part = robot.picture()[int(top) : int(down), int(left) : int(right)].reshape(-1, 3)
        return {tuple(colour) for colour in part.astype(int).tolist()}

    def is_drawn(state, pane):
        wanted = np.array(COLOURS[state]) * 255
        return any(np.abs(np.array(colour) - wanted).max() < 40 for colour in outlined(pane))

    press(robot, "N")
    for state, keys in (("", []), ("accepted", ["A", "P"]), ("rejected", ["X", "P"])):
        press(robot, *keys)
        robot.frame(2)
        assert place_of(robot) == at(0)
        for pane in ("image", "mask"):
            assert is_drawn(state, pane)
            assert not any(is_drawn(other, pane) for other in COLOURS if other != state)


def test_thumbnails_show_what_was_said(robot):
    def framed(place, state):
        robot.show(f"thumbnail:{place}")
        shown = robot.part(f"thumbnail:{place}").astype(int)
        return (np.abs(shown - np.array(COLOURS[state]) * 255).max(-1) < 30).sum() > 100

    press(robot, "N", "A", "X", "N")
    assert framed(0, "accepted") and framed(1, "rejected")
    assert not framed(2, "accepted") and not framed(2, "rejected")


def test_a_large_object_is_judged_by_a_worker(robot, monkeypatch):
    monkeypatch.setattr("glview.deciding.AT_ONCE", 10)
    press(robot, "N", "X")
    assert not mask_of(robot.document)[10:20, 10:18].any() and place_of(robot) == at(1)
    gate = threading.Event()

    def slow(look, row):
        assert gate.wait(10)
        return judging.reject(look, row)

    robot.desk.decider.do(robot.document, slow)
    robot.document.change(threshold=0.3)
    gate.set()
    robot.settle()
    assert "changed meanwhile" in robot.workspace.told
    assert (robot.document.edits.plane[:, :] == EDIT_DELETE).sum() == 80


def test_the_review_goes_on_while_a_detection_brings_more(robot):
    press(robot, "N", "A")
    detection = robot.document.detection
    detection.running = True
    more = detection.confidence.copy()
    more[130:150, 20:50] = 0.9  # larger than all others
    detection.confidence = more
    detection.stamps.touch((0, 0, *SHAPE))
    robot.frame(5)
    assert place_of(robot) == at(1)
    press(robot, "A")
    detection.running = False
    robot.settle()
    assert [pixel for pixel, said in states(robot).items() if said] == [at(0), at(1)]
    assert states(robot)[130, 20] == ""


def test_the_frame_of_the_view_stays_where_only_what_is_in_view_is_listed(robot):
    robot.workspace.fit, robot.workspace.view = False, View(63, 125, 4.0)
    robot.settle()
    robot.desk.listing.rules = robot.desk.listing.rules.__class__(in_view=True)
    robot.frame()
    assert len(robot.desk.listing.order) < 6
    view = robot.view
    press(robot, "N")
    assert place_of(robot) == at(4) and robot.view == view


@pytest.mark.parametrize("keys", [("N", "N"), ("N", "X", "P")], ids=["in the mask", "rejected"])
def test_reading_the_file_again_keeps_the_object_and_the_view(tmp_path, keys):
    image, confidence = scene()
    np.save(tmp_path / "frame.npy", image)
    with Robot(tmp_path / "frame.npy", overlay=OVERLAY) as robot:
        robot.know(confidence)
        press(robot, *keys, "-", "Ctrl+S")
        robot.wheel(2, robot.at("image", 0.3, 0.3))
        before, row, view = robot.document, place_of(robot), robot.view
        assert robot.desk.listing.is_gone(robot.desk.listing.selected) == ("X" in keys)
        press(robot, "Ctrl+R")
        assert robot.document is not before and robot.view == view
        assert place_of(robot) == row and robot.desk.listing.selected >= 0
        assert not robot.document.changed
