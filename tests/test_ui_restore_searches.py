"""Searches after a crash: undo and redo show the confidences of before and after, as they did."""

import numpy as np
import pytest
from astropy.io import fits
from detections import DONE, READY, SHIPPED, crash, found, tile

from glview.budget import Budget
from glview.core import plane

SHAPE = (120, 160)
BOX = (40, 50, 100, 150)
FIRST, SECOND = [(10, 10), (60, 70)], [(80, 90)]
OTHER = READY | {"ready": "decam", "sha256": "def",
                 "provenance": {"model": "decam", "weights_sha256": "def"}}


@pytest.fixture
def sit(sit, frame, children):
    return lambda **state: sit(frame, model=SHIPPED, **state)


def confidences(folder):
    return list((folder / "unsaved").glob("*.conf"))


def search(robot, children, ready=READY, pixels=FIRST, box=None):
    """A detection from its start to its end."""
    robot.desk.detector.start(robot.document, box=box)
    robot.until(lambda: robot.document.detection.run.ready.is_set())
    children[-1].events = [ready, tile(*(box or (0, 0, *SHAPE)), pixels), {"progress": 1.0}, DONE]
    robot.settle()


def stroke(robot):
    robot.key("B")
    robot.click(robot.of_pixel(20, 100))
    robot.settle()


def undo(robot):
    robot.key("Ctrl+Z")
    robot.settle()
    return found(robot)


def redo(robot):
    robot.key("Ctrl+Shift+Z")
    robot.settle()
    return found(robot)


MIXED = [FIRST[0], *SECOND]  # after a search in the box


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("save", [False, True])
def test_undo_after_a_crash_shows_the_earlier_confidence(sit, frame, children, save, sparse,
                                                         monkeypatch):
    if sparse:
        monkeypatch.setattr(plane, "DENSE_PIXELS", 1000)
    robot = sit()
    search(robot, children)
    if save:  # then the file is what undo goes back to
        robot.key("Ctrl+S")
        robot.settle()
    search(robot, children, OTHER, SECOND, BOX)
    assert found(robot) == MIXED
    crash(robot, frame.parent)
    robot = sit()
    assert found(robot) == (FIRST if save else None)
    robot.click("restore:restore")
    assert found(robot) == MIXED and "decam" in robot.document.detection.provenance["regions"]
    assert undo(robot) == FIRST and "regions" not in robot.document.detection.provenance
    assert redo(robot) == MIXED and robot.document.changed
    robot.key("Ctrl+S")
    robot.settle()
    assert list(map(tuple, np.argwhere(fits.getdata(frame, "CR_MASK")))) == MIXED


def test_what_was_undone_before_the_crash_can_be_done_again(sit, frame, children):
    robot = sit()
    search(robot, children)
    search(robot, children, OTHER, SECOND)
    assert undo(robot) == FIRST
    crash(robot, frame.parent)
    robot = sit()
    robot.click("restore:restore")
    assert found(robot) == FIRST and redo(robot) == SECOND and undo(robot) == FIRST
    crash(robot, frame.parent)
    robot = sit()
    robot.click("restore:restore")
    assert found(robot) == FIRST and redo(robot) == SECOND


def test_a_search_that_was_saved_can_be_undone_after_a_crash(sit, frame, children):
    robot = sit()
    search(robot, children)
    search(robot, children, OTHER, SECOND)
    robot.key("Ctrl+S")
    robot.settle()
    stroke(robot)
    crash(robot, frame.parent)
    robot = sit()
    assert robot.reads("frame.fits: 1 edit of ") and found(robot) == SECOND
    robot.click("restore:restore")
    assert undo(robot) == SECOND and not robot.document.changed
    assert undo(robot) == FIRST and robot.document.changed and redo(robot) == SECOND


def test_undo_to_no_confidence_at_all(sit, frame, children):
    robot = sit()
    search(robot, children, OTHER, SECOND, BOX)
    crash(robot, frame.parent)
    robot = sit()
    robot.click("restore:restore")
    detection = robot.document.detection
    assert found(robot) == SECOND and detection.covered == pytest.approx(6000 / 19200)
    assert detection.gaps.boxes == [BOX], "it is known where it was"
    assert undo(robot) is None and redo(robot) == SECOND


def test_a_step_that_cannot_be_taken_back_is_not_and_says_why(sit, frame, children):
    robot = sit()
    search(robot, children)
    first = set(confidences(frame.parent))
    search(robot, children, OTHER, SECOND)
    stroke(robot)
    crash(robot, frame.parent)
    assert len(first) == 1 and len(confidences(frame.parent)) == 2
    first.pop().write_bytes(b"broken")
    robot = sit()
    robot.click("restore:restore")
    steps = robot.document.history.length
    assert found(robot) == SECOND and undo(robot) == SECOND  # the stroke
    assert len(robot.document.history.done) == steps - 1
    assert undo(robot) == SECOND and len(robot.document.history.done) == steps - 1
    assert robot.reads("What the model had found before this search was lost when glview ended")
    redo(robot)
    assert len(robot.document.history.done) == steps


def test_files_of_steps_that_are_forgotten_are_removed(sit, frame, children):
    robot = sit()
    search(robot, children)
    search(robot, children, OTHER, SECOND)
    search(robot, children, READY, MIXED)
    assert len(confidences(frame.parent)) == 3
    robot.key("Ctrl+Z", times=2)
    stroke(robot)
    robot.desk.autosave.sync()
    assert found(robot) == FIRST and len(confidences(frame.parent)) == 1
    robot.key("Ctrl+S")
    robot.settle()
    robot.desk.autosave.sync()
    assert not confidences(frame.parent)


def test_a_search_that_was_taken_back_is_not_missed_after_a_crash(sit, frame, children):
    robot = sit()
    search(robot, children, OTHER, SECOND, BOX)
    assert undo(robot) is None
    stroke(robot)  # now it is forgotten
    crash(robot, frame.parent)
    robot = sit()
    assert robot.reads("frame.fits: 1 edit of ") and not robot.reads("cannot be restored")
    robot.click("restore:restore")
    assert found(robot) is None and robot.document.edits.any


def test_what_goes_on_after_a_search_in_view_is_written_once_and_redone_after_a_crash(
        sit, frame, children):
    robot = sit()
    robot.key("D")
    children[-1].events = [READY, tile(0, 0, 50, 160, FIRST[:1]), {"progress": 0.4}]
    robot.until(lambda: robot.document.detection.covered > 0.3)
    robot.key("Escape")
    search(robot, children, OTHER, SECOND, BOX)
    both = confidences(frame.parent)
    robot.desk.detector.start(robot.document, resume=True)
    robot.until(lambda: robot.document.detection.run.ready.is_set())
    children[-1].events = [READY]
    for y in range(50, 120, 10):
        children[-1].events.append(tile(y, 0, y + 10, 160, [(y + 1, 20)]))
    robot.until(lambda: robot.document.detection.coverage.share == 1.0)
    robot.until(lambda: not [one for one in robot.desk.jobs.busy if one.startswith("keep")])
    assert confidences(frame.parent) == both
    children[-1].events = [DONE]
    robot.settle()
    whole = found(robot)
    crash(robot, frame.parent)
    assert len(confidences(frame.parent)) == 2 and len(whole) == 9
    robot = sit()
    robot.click("restore:restore")
    assert found(robot) == whole and undo(robot) == FIRST[:1] and redo(robot) == whole


def test_what_the_memory_has_no_room_for_is_lost_but_what_was_shown(sit, frame, children):
    robot = sit()
    search(robot, children)
    search(robot, children, OTHER, SECOND, BOX)
    crash(robot, frame.parent)
    robot = sit(budget=Budget(4 * SHAPE[0] * SHAPE[1]))
    robot.click("restore:restore")
    assert found(robot) == MIXED and robot.document.history.undo_bar
