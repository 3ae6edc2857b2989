"""Saving while a model searches: a file that holds a whole detection keeps it until there is one
to take its place."""

import numpy as np
import pytest
from astropy.io import fits
from detections import DONE, READY, SHIPPED, tile
from robot import Robot
from sky import write_noise

from glview.findings import standing
from glview.workspace import Saving

SHAPE = (60, 80)
EARLIER, LATER = [(5, 6), (20, 30)], [(40, 41)]


@pytest.fixture
def frame(tmp_path):
    return write_noise(tmp_path / "frame.fits", SHAPE)


@pytest.fixture
def robot(frame, children):
    """A whole detection is saved, and of the next one a half has come."""
    with Robot(frame, model=SHIPPED, fit=False) as made:
        made.key("D")
        children[-1].events = [READY, tile(0, 0, *SHAPE, EARLIER), DONE]
        made.settle()
        made.key("Ctrl+S")
        made.settle()
        made.key("D")
        children[-1].events = [READY, tile(0, 0, 30, 80), {"progress": 0.5}]
        made.until(lambda: made.document.detection.covered == 0.5)
        yield made


def on_disk(frame):
    """(masked pixels, share that was searched) in the file."""
    with fits.open(frame) as hdus:
        mask = hdus["CR_MASK"]
        return list(map(tuple, np.argwhere(mask.data).tolist())), mask.header.get("CRCOVER", 1.0)


def test_the_file_keeps_the_earlier_detection_until_the_search_is_done(robot, frame, children):
    before = frame.read_bytes()
    robot.key("Ctrl+S")
    robot.frame(5)
    assert robot.reads("frame.fits is saved when the search ends; until then it keeps the earlier "
                       "detection")
    assert "save" not in robot.desk.jobs.busy and frame.read_bytes() == before
    children[-1].events = [tile(30, 0, 60, 80, LATER), DONE]
    robot.settle()
    assert on_disk(frame) == (LATER, 1.0) and not robot.document.changed
    assert robot.workspace.told.startswith("Saved the mask in frame.fits")


@pytest.mark.parametrize("end", ["Escape", "failure"])
def test_a_search_that_comes_to_nothing_lets_the_earlier_detection_be_saved(robot, frame, children,
                                                                            end):
    robot.key("B")
    robot.click(robot.of_pixel(50, 60))
    robot.key("Ctrl+S")
    if end == "failure":
        children[-1].events = [{"error": "it fell over"}]
    else:
        robot.key("Escape")
    robot.settle()
    pixels, share = on_disk(frame)
    assert {*EARLIER, (50, 60)} <= set(pixels) and share == 1.0 and not robot.document.changed


def test_a_search_in_view_is_waited_for_too(robot, frame, children):
    robot.key("Escape")
    robot.desk.detector.start(robot.document, box=(0, 0, 50, 50))
    robot.until(lambda: robot.desk.detector._run.ready.is_set())
    children[-1].events = [READY, tile(0, 0, 25, 50, LATER[:0])]
    robot.until(lambda: robot.document.detection.confidence[5, 6] == 0)
    robot.key("Ctrl+S")
    robot.frame(5)
    assert on_disk(frame)[0] == EARLIER
    children[-1].events = [tile(25, 0, 50, 50, LATER), DONE]
    robot.settle()
    assert on_disk(frame) == (LATER, 1.0)


def test_what_replaces_nothing_is_saved_at_once(frame, children):
    with Robot(frame, model=SHIPPED) as robot:
        robot.key("D")
        children[-1].events = [READY, tile(0, 0, 30, 80, EARLIER), {"progress": 0.5}]
        robot.until(lambda: robot.document.detection.covered == 0.5)
        robot.key("Ctrl+S")
        robot.until(lambda: robot.workspace.told.startswith("Saved the mask"))
        assert robot.document.detection.running and on_disk(frame) == (EARLIER, 0.5)
        assert "only 50 % of the frame was searched" in robot.workspace.told
        robot.key("Escape")


def test_whoever_quits_before_the_search_ends_is_asked(robot, frame):
    robot.key("Ctrl+S")
    robot.key("Ctrl+Q")
    robot.frame(2)
    assert not robot.desk.done and robot.workspace.closing
    robot.click("unsaved:save")
    robot.until(lambda: robot.desk.done)
    assert on_disk(frame) == (EARLIER, 1.0)


@pytest.mark.parametrize("end", ["DONE", "Escape"])
def test_a_saved_search_in_view_that_is_taken_back_is_a_change_and_can_be_saved(frame, children,
                                                                               end):
    with Robot(frame, model=SHIPPED) as robot:
        robot.desk.detector.start(robot.document, box=(0, 0, 50, 50))
        robot.until(lambda: robot.desk.detector._run.ready.is_set())
        children[-1].events = [READY, tile(0, 0, 50, 50, EARLIER)]
        if end == "DONE":
            children[-1].events.append(DONE)
        robot.until(lambda: robot.document.detection.covered > 0
                    and robot.document.detection.running == (end == "Escape"))
        robot.key("Ctrl+S")
        robot.until(lambda: robot.workspace.told.startswith("Saved the mask"))
        assert on_disk(frame)[0] == EARLIER
        if end == "Escape":
            robot.key("Escape")
        robot.key("Ctrl+Z")
        robot.settle()
        assert robot.document.detection.confidence is None
        assert robot.document.changed and robot.desk.library.unsaved == ["frame.fits"]
        robot.key("Ctrl+S")
        robot.settle()
        assert on_disk(frame)[0] == [] and not robot.document.changed


def test_what_was_saved_without_its_confidence_is_kept_against_a_crash_meanwhile(frame, children):
    """The file has the mask alone, so the confidence is nowhere else until there is another."""
    with Robot(frame, model=SHIPPED) as robot:
        robot.workspace.saving = Saving("none")
        robot.key("D")
        children[-1].events = [READY, tile(0, 0, *SHAPE, EARLIER), DONE]
        robot.settle()
        robot.key("Ctrl+S")
        robot.settle()
        document, found = robot.document, robot.document.detection.confidence
        assert standing(document).confidence is found and not document.changed
        robot.key("D")
        children[-1].events = [READY, tile(0, 0, 30, 80), {"progress": 0.5}]
        robot.until(lambda: document.detection.covered == 0.5)
        assert standing(document).confidence is found and not document.changed
        robot.key("Escape")
        robot.settle()
        assert standing(document).confidence is found and not document.changed
