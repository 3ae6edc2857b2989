"""Tiles in the window: large frames, few of them in a frame, where the user looks, and Continue."""

import os
import time
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from detections import (
    DONE,
    READY,
    SHIPPED,
    boxes,
    frame,
    joined,
    only_linux,
    tile,
    wait,
)
from detections import children as children_of
from robot import Robot

from glview import watching
from glview.core import plane
from glview.core.plane import FLOOR, Plane
from glview.core.view import View
from glview.detecting import detector
from glview.models import init_model, registry, remote
from glview.models.remote import Detection

SHAPE = (60, 80)
BOXES = [(0, 0, 30, 40), (0, 40, 30, 80), (30, 0, 60, 40), (30, 40, 60, 80)]
TILES = [tile(*box, [(box[0] + 5, box[1] + 5)]) for box in BOXES]


@pytest.fixture
def robot(children):
    picture = np.random.default_rng(0).normal(100, 5, SHAPE).astype(np.float32)
    with Robot(picture, model=SHIPPED, fit=False, view=View(30, 40, 3.0)) as made:
        yield made


def said(robot):
    return robot.document.detection.status


def masked(robot):
    found = robot.document.detection.confidence
    return np.argwhere(found[0:60, 0:80] > 0.5).tolist()


@pytest.fixture
def large(monkeypatch):
    """As if the frames of these tests were too large to hold every pixel."""
    monkeypatch.setattr(plane, "DENSE_PIXELS", 1000)


def test_a_large_frame_is_kept_sparsely_and_that_is_said(robot, children, large):
    robot.key("D")
    faint = tile(*BOXES[1], [(8, 50)], FLOOR / 2)
    children[0].events = [READY, TILES[0], faint, TILES[3]]
    detection = robot.document.detection
    robot.until(lambda: isinstance(detection.confidence, Plane) and masked(robot))
    robot.until(lambda: not robot.desk.detector.behind)
    assert masked(robot) == [[5, 5], [35, 45]]
    assert detection.confidence[8, 50] == 0.0 and detection.confidence[5, 5] == np.float32(0.9)
    assert "below 0.001 is kept as 0" in said(robot)
    assert detection.provenance["floor"] == FLOOR
    robot.key("Escape")
    assert masked(robot) == [[5, 5], [35, 45]] and detection.provenance["floor"] == FLOOR
    assert 0 <= detection.covered < 1 and robot.document.changed, "what was found can be saved"


def test_a_small_frame_is_kept_exactly(robot, children):
    robot.key("D")
    children[0].events = [READY, tile(*BOXES[1], [(8, 50)], FLOOR / 2), DONE]
    robot.settle()
    assert robot.document.detection.confidence[8, 50] == np.float32(FLOOR / 2)
    assert "floor" not in robot.document.detection.provenance and "kept as 0" not in said(robot)


def test_tiles_take_a_share_of_the_frame_and_the_rest_comes_later(robot, children, monkeypatch):
    monkeypatch.setattr(detector, "HANDLING", 0.0)  # one event a frame, then
    robot.key("D")
    woken = []
    robot.desk.detector._wake = lambda: woken.append(1)
    children[0].events = [READY, *TILES, DONE]
    robot.frame(3)
    assert masked(robot) == [[5, 5], [5, 45]] and robot.desk.detector.behind
    assert len(woken) == 3, "nothing else wakes the window for what is left"
    robot.settle()
    assert len(masked(robot)) == 4 and not robot.desk.detector.behind
    assert children[0].closed == 1


def test_what_is_left_of_a_cancelled_one_is_dropped(robot, children, monkeypatch):
    monkeypatch.setattr(detector, "HANDLING", 0.0)
    robot.key("D")
    children[0].events = [READY, *TILES, DONE]
    robot.frame(2)
    robot.key("Escape")
    found = masked(robot)
    robot.frame(3)
    assert masked(robot) == found and len(found) < 4, "what came is kept, and no more"
    robot.key("D")
    children[1].events = [READY, DONE]
    robot.settle()
    assert masked(robot) == []


def test_the_child_is_told_where_the_user_looks_but_not_too_often(robot, children, monkeypatch):
    robot.key("D")
    assert children[0].request["centre"] == (30, 40)
    for x in (100, 290):
        robot.workspace.view = View(30, x, 3.0)
        robot.frame()
    assert children[0].looks == [], "less than a tile"
    robot.workspace.view = View(30, 400, 3.0)
    robot.frame()
    assert children[0].looks == [(30, 400)]
    monkeypatch.setattr(detector, "PAUSE", 1e6)
    robot.workspace.view = View(900, 400, 3.0)
    robot.frame(2)
    assert children[0].looks == [(30, 400)]
    monkeypatch.setattr(detector, "PAUSE", 0.0)
    robot.frame(3)
    assert children[0].looks == [(30, 400), (900, 400)]


def test_a_pan_over_another_picture_tells_the_child_nothing(tmp_path, children):
    paths = [tmp_path / "first.fits", tmp_path / "second.fits"]
    for path in paths:
        fits.writeto(path, frame(SHAPE_OF_FRAME))
    with Robot(*paths, model=SHIPPED) as robot:
        robot.key("D")
        robot.key("Tab")
        robot.until(lambda: robot.document is not None)
        robot.workspace.view = View(9000, 9000, 1.0)
        robot.frame(3)
        assert children[0].looks == []


SHAPE_OF_FRAME = (400, 500)


def begun(robot, children, count=2):
    """A detection that was cancelled after `count` tiles."""
    robot.key("D")
    children[-1].events = [READY, *TILES[:count], {"progress": 0.25 * count}]
    robot.frame(2)
    robot.key("Escape")
    robot.frame(2)


def test_continue_asks_only_for_the_rest(robot, children):
    assert "Continue" not in robot.in_sight()
    begun(robot, children)
    assert len(masked(robot)) == 2, "there was nothing before: what was found is kept"
    assert "50 %" in said(robot)
    robot.click("Continue")
    detection = robot.document.detection
    assert set(children[1].request["known"]) == set(BOXES[:2])
    assert detection.running and detection.covered == 0.5
    children[1].events = [READY, {"progress": 0.1}, TILES[2]]
    robot.frame(2)
    assert masked(robot) == [[5, 5], [5, 45], [35, 5]] and detection.covered == 0.5
    children[1].events = [TILES[3], DONE]
    robot.settle()
    assert len(masked(robot)) == 4 and detection.covered == 1.0
    assert detection.part is None and "Continue" not in robot.in_sight()


def test_a_failure_can_be_continued_twice(robot, children):
    robot.key("D")
    assert children[0].request["known"] == ()
    children[0].events = [READY, TILES[0], {"error": "killed"}]
    robot.frame(2)
    robot.click("Continue")
    children[1].events = [READY, TILES[1], {"error": "killed once more"}]
    robot.frame(2)
    robot.click("Continue")
    assert set(children[2].request["known"]) == set(BOXES[:2])
    robot.key("Escape")
    robot.click("Detect")
    children[3].events = [READY, TILES[3]]
    robot.frame(2)
    robot.key("Escape")
    assert set(robot.document.detection.part.boxes) == set(BOXES[:2]), "less replaces not more"


def test_a_search_goes_on_with_its_own_model(robot, children):
    begun(robot, children)
    robot.workspace.model = "NRES"
    robot.frame(2)
    robot.click("Continue")
    assert set(children[1].request["known"]) == set(BOXES[:2])
    assert robot.desk.detector._run.model == SHIPPED
    robot.key("Escape")
    robot.click("Detect")
    assert children[2].request["known"] == () and robot.desk.detector._run.model == "NRES"
    robot.key("Escape")


@pytest.mark.parametrize("name", ["NRES", "/tmp/own.pt", "a+b", ""])
def test_only_a_model_that_is_there_goes_on(robot, children, monkeypatch, name):
    begun(robot, children)
    monkeypatch.setattr(registry, "installed", lambda name: False)
    robot.document.detection.part = replace(robot.document.detection.part, model=name)
    robot.frame(2)
    assert "Continue" not in robot.in_sight()


def test_other_weights_of_the_same_name_do_not_go_on(robot, children):
    begun(robot, children)
    robot.workspace.model = SHIPPED
    robot.frame(2)
    robot.click("Continue")
    children[1].events = [READY | {"sha256": "other"}]
    robot.frame(2)
    assert "not those that it began with" in robot.workspace.notices[0]
    assert robot.document.detection.part is None and not robot.document.detection.running
    robot.frame()
    assert "Continue" not in robot.in_sight()


# with the real child


def picture(tmp_path, side=700):
    path = tmp_path / "frame.fits"
    fits.writeto(path, frame((side, side)))
    return path


def test_cancelled_and_continued_is_the_same_as_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "Detection", lambda image, name, request, *rest: Detection(
        image, name, request | {"tile": 64}, *rest))
    with Robot(picture(tmp_path, 200), model=SHIPPED) as robot:
        with monkeypatch.context() as patch:
            patch.setattr(detector, "HANDLING", 0.0)  # one tile a frame, however quick the child
            robot.key("D")
            run = robot.desk.detector._run
            robot.until(lambda: len(run.boxes) >= 2)
            robot.key("Escape")
        known = robot.document.detection.part.boxes
        robot.frame(2)
        robot.click("Continue")
        run = robot.desk.detector._run
        robot.settle()
        found = robot.document.detection.confidence
        assert 2 <= len(known) < 9 and len(run.boxes) == 16, "those that were known and the rest"
    whole = init_model(SHIPPED, "cpu", tile=64).detect_cr(frame((200, 200)))
    assert np.array_equal(found, whole)


@pytest.mark.parametrize("change", ["written anew", "removed"])
def test_a_file_that_changed_since_it_was_opened_is_told(tmp_path, change, monkeypatch):
    monkeypatch.setattr(watching, "EVERY", 0.01)
    path, removed = picture(tmp_path), change == "removed"
    with Robot(path, model=SHIPPED) as robot:
        path.unlink()
        if not removed:
            fits.writeto(path, frame((700, 700)) + 1)
        robot.key("D")
        found, notices = robot.document.detection, robot.workspace.notices
        news = watching.sentence(path.name, removed)
        robot.until(lambda: not found.running and news in notices)
        # The file's own news come by themselves, sooner or later; D has an answer of its own.
        (answer,) = [notice for notice in notices if notice != news]
        wanted = "there is no file" if removed else "changed on disk"
        assert "Detection failed:" in answer and wanted in answer and len(notices) == 2
        assert found.confidence is None


def test_after_a_save_into_the_file_it_can_be_searched_again(tmp_path):
    path = picture(tmp_path, 200)
    with Robot(path, model=SHIPPED) as robot:
        robot.key("D")
        robot.settle()
        first = robot.document.detection.confidence
        robot.key("Ctrl+S")
        robot.settle()
        assert "CR_MASK" in fits.info(path, output=False)[1][1] and not robot.document.changed
        robot.key("D")
        robot.settle()
        assert not robot.workspace.notices
        assert robot.document.detection.confidence is not first
        assert np.array_equal(robot.document.detection.confidence, first)


@only_linux
@pytest.mark.parametrize("delay", [0.0, 0.5, 1.2])
def test_the_window_closes_at_any_moment(tmp_path, delay):
    before = children_of(os.getpid())
    with Robot(picture(tmp_path), model=SHIPPED) as robot:
        robot.key("D")
        remote = robot.desk.detector._run.remote
        until = time.monotonic() + delay
        while time.monotonic() < until:
            robot.frame()
    until = time.monotonic() + 5
    while remote.running:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert children_of(os.getpid()) == before


def test_the_real_one_streams_what_the_tests_say():
    """The tests above mean something only if the real child's tiles look like theirs."""
    events = wait(Detection(frame(), SHIPPED, {"tile": 64}))
    event = next(event for event in events if "tile" in event)
    assert event.keys() == TILES[0].keys()
    assert joined(events, frame().shape).dtype == TILES[0]["values"].dtype
    assert len(boxes(events)) == 9
    assert READY.keys() <= next(event for event in events if "ready" in event).keys()
