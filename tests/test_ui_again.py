"""Detect again in view: only that is searched and replaced, and undo brings the earlier back."""

import os

import numpy as np
import pytest
from astropy.io import fits
from detections import (
    DONE,
    READY,
    SHIPPED,
    frame,
    only_linux,
    saved,
    tile,
    until,
)
from detections import children as children_of
from robot import Robot

from glview.core import plane
from glview.core.history import Searched
from glview.core.plane import Plane
from glview.core.view import View, fitted
from glview.detecting.found import Region, regions_of, with_region
from glview.files.editlog import packed, unpacked
from glview.models import init_model

SHAPE = (200, 300)
BOX = (40, 50, 140, 170)
OTHER = READY | {"ready": "decam", "sha256": "def", "threshold": 0.3,
                 "provenance": {"model": "decam", "weights_sha256": "def"}}


@pytest.fixture
def robot(children):
    picture = np.random.default_rng(0).normal(100, 5, SHAPE).astype(np.float32)
    with Robot(picture, model=SHIPPED, fit=False) as made:
        yield made


def show(robot, box):
    """Let the panes show just that box."""
    robot.workspace.fit = False
    size = robot.seen().size
    zoom = min(size[0] / (box[2] - box[0]), size[1] / (box[3] - box[1]))
    robot.workspace.view = View((box[0] + box[2]) / 2, (box[1] + box[3]) / 2, zoom)
    robot.frame(2)


def found(robot):
    return robot.document.detection


def regions(robot):
    return regions_of(found(robot).provenance)


def known(robot, pixel=(10, 10)):
    """A frame that the shipped model has searched: one ray in a corner, one in the middle."""
    robot.key("D")
    robot.desk.detector._run.remote.events = [
        READY, tile(0, 0, *SHAPE, [pixel, (100, 100)]), {"progress": 1.0}, DONE]
    robot.settle()
    robot.workspace.model = "decam"


def ask(robot, children):
    """Ask for the view; returns (the child, the box that it is asked for)."""
    show(robot, BOX)
    robot.key("Ctrl+D")
    return children[-1], children[-1].request["box"]


def at(box, pixel, value=0.75):
    return tile(*box, [pixel], value)


@pytest.mark.parametrize("how", ["key", "button", "menu"])
def test_only_the_view_is_asked_for_and_replaced(robot, children, how):
    known(robot)
    show(robot, BOX)
    {"key": lambda: robot.key("Ctrl+D"), "button": lambda: robot.click("In view"),
     "menu": lambda: robot.command("Mask", "Detect in view again with the chosen model")}[how]()
    child, box = children[-1], children[-1].request["box"]
    assert child.name == "decam" and len(children) == 2
    assert all(np.abs(np.subtract(box, BOX))[[1, 3]] <= 1), "as wide as the view"
    assert 0 <= box[0] <= 40 and 140 <= box[2] < 200
    child.events = [OTHER, at(box, (120, 120)), {"progress": 1.0}, DONE]
    robot.settle()
    assert np.argwhere(found(robot).confidence > 0.5).tolist() == [[10, 10], [120, 120]]
    assert found(robot).covered == 1.0 and robot.document.changed
    assert robot.document.mask.threshold == 0.5, "other pixels go by it"
    assert "suggests the threshold 0.3" in found(robot).status
    assert found(robot).provenance["model"] == SHIPPED
    assert regions(robot) == [Region(box, "decam", "def")]


def test_undo_brings_the_earlier_confidence_back_and_redo_the_new_one(robot, children):
    known(robot)
    before = found(robot).confidence.copy()
    child, box = ask(robot, children)
    child.events = [OTHER, at(box, (120, 120)), DONE]
    robot.settle()
    assert robot.reads("2 objects, ")
    after = found(robot).confidence.copy()
    robot.key("Ctrl+Z")
    robot.settle()
    assert np.array_equal(found(robot).confidence, before)
    assert "regions" not in found(robot).provenance
    robot.key("Ctrl+Shift+Z")
    robot.settle()
    assert np.array_equal(found(robot).confidence, after) and robot.reads("2 objects, ")
    assert len(regions(robot)) == 1


def test_a_whole_detection_that_replaces_another_can_be_undone_too(robot, children):
    known(robot)
    first = found(robot).confidence
    robot.key("D")
    children[-1].events = [OTHER, tile(0, 0, *SHAPE, [(7, 8)]), DONE]
    robot.settle()
    assert found(robot).provenance["model"] == "decam"
    robot.key("Ctrl+Z")
    assert found(robot).confidence is first and found(robot).provenance["model"] == SHIPPED


@pytest.mark.parametrize("end", ["cancel", "failure"])
def test_what_does_not_end_keeps_the_earlier_confidence(robot, children, end):
    known(robot)
    before, steps = found(robot).confidence.copy(), len(robot.document.history.done)
    child, box = ask(robot, children)
    child.events = [OTHER, at(box, (120, 120)), {"progress": 0.5}]
    robot.until(lambda: found(robot).confidence[120, 120] > 0.5)
    if end == "cancel":
        robot.key("Escape")
    else:
        child.events = [{"error": "it fell over"}]
    robot.settle()
    assert np.array_equal(found(robot).confidence, before)
    assert "regions" not in found(robot).provenance and found(robot).covered == 1.0
    assert len(robot.document.history.done) == steps and found(robot).part is None
    assert "found in view was dropped" in found(robot).status


def test_what_came_before_escape_stays_if_nothing_was_there_as_one_step(robot, children):
    child, (y0, x0, _, x1) = ask(robot, children)
    tiles = [(y0, x0, y0 + 50, x0 + 40), (y0, x0 + 40, y0 + 50, x1)]
    child.events = [OTHER, *(at(box, (box[0] + 5, box[1] + 5)) for box in tiles)]
    robot.until(lambda: found(robot).covered > 0 and not robot.desk.detector.behind)
    robot.key("Escape")
    robot.settle()
    masked = [[y0 + 5, x0 + 5], [y0 + 5, x0 + 45]]
    assert np.argwhere(found(robot).confidence > 0.5).tolist() == masked
    searched = (y0, x0, y0 + 50, x1)
    assert regions(robot) == [Region(searched, "decam", "def")] and robot.document.changed
    assert found(robot).gaps.boxes == [searched]
    assert "found in view was kept" in found(robot).status
    robot.key("Ctrl+Z")
    assert found(robot).confidence is None and not robot.document.has_mask
    robot.key("Ctrl+Shift+Z")
    assert np.argwhere(found(robot).confidence > 0.5).tolist() == masked
    assert [one.box for one in regions(robot)] == [searched]


def test_an_undo_meanwhile_stops_the_search_and_is_kept(robot, children):
    known(robot)
    before = found(robot).confidence.copy()
    child, box = ask(robot, children)
    child.events = [OTHER, at(box, (120, 120)), DONE]
    robot.settle()
    robot.key("D")
    children[-1].events = [READY, tile(0, 0, 100, 300, [(7, 8)])]
    robot.until(lambda: found(robot).confidence[7, 8] > 0.5)
    robot.key("Ctrl+Z")
    children[-1].events = [tile(100, 0, 200, 300, [(150, 8)])]
    robot.settle()
    assert np.array_equal(found(robot).confidence, before) and not found(robot).running
    assert children[-1].closed == 1 and "undo brought back" in found(robot).status


def test_without_an_earlier_detection_only_the_view_is_known(robot, children):
    child, box = ask(robot, children)
    child.events = [READY | {"threshold": 0.4}, at(box, (120, 120)), DONE]
    robot.settle()
    share = (box[2] - box[0]) * (box[3] - box[1]) / (SHAPE[0] * SHAPE[1])
    assert found(robot).covered == pytest.approx(share)
    assert found(robot).provenance["model"] == SHIPPED
    assert robot.document.mask.threshold == 0.4
    robot.key("Ctrl+Z")
    assert found(robot).confidence is None and not robot.document.has_mask
    robot.key("Ctrl+Shift+Z")
    assert found(robot).confidence[120, 120] == np.float32(0.75)


def test_what_another_model_found_in_view_stays_when_a_detection_goes_on(robot, children):
    robot.key("D")
    children[-1].events = [READY, tile(0, 0, 100, 300, [(60, 100)]), {"progress": 0.5}]
    robot.frame(2)
    robot.key("Escape")
    robot.workspace.model = "decam"
    child, box = ask(robot, children)
    child.events = [OTHER, at(box, (120, 120)), DONE]
    robot.settle()
    assert found(robot).covered == pytest.approx(0.5 + (box[2] - 100) * (box[3] - box[1]) / 60000)
    robot.workspace.model = SHIPPED
    robot.frame(2)
    robot.click("Continue")
    assert children[-1].request["known"] == ((0, 0, 100, 300),)
    children[-1].events = [READY, tile(100, 0, 200, 300, [(120, 121), (190, 5)]), DONE]
    robot.settle()
    assert np.argwhere(found(robot).confidence > 0.5).tolist() == [[120, 120], [190, 5]]
    assert [one.box for one in regions(robot)] == [box]
    assert found(robot).covered == 1.0


def test_all_of_the_frame_in_view_is_a_whole_detection(robot, children):
    robot.workspace.view = fitted(SHAPE, robot.seen().size)
    robot.frame(2)
    robot.key("Ctrl+D")
    assert children[-1].request["box"] is None


def test_a_view_beside_the_image_says_so(robot, children):
    robot.workspace.view = View(-5000, -5000, 4.0)
    robot.frame(2)
    robot.key("Ctrl+D")
    assert not children and "Nothing of the image" in robot.workspace.told


def test_a_large_frame_shares_what_did_not_change(robot, children, monkeypatch):
    monkeypatch.setattr(plane, "DENSE_PIXELS", 1000)
    known(robot)
    robot.until(lambda: not found(robot).running)
    before = found(robot).confidence
    child, box = ask(robot, children)
    child.events = [OTHER, at(box, (120, 120)), DONE]
    robot.settle()
    assert isinstance(found(robot).confidence, Plane) and found(robot).confidence is not before
    assert found(robot).confidence[120, 120] == np.float32(0.75)
    assert found(robot).confidence[100, 100] == 0 and before[100, 100] == np.float32(0.9)
    robot.key("Ctrl+Z")
    assert found(robot).confidence is before


def test_the_panel_says_how_long_it_will_take(robot, children, monkeypatch):
    robot.key("D")
    clock = [100.0]
    monkeypatch.setattr("glview.detecting.pace.time.monotonic", lambda: clock[0])
    children[-1].events = [READY, {"progress": 0.1}, tile(0, 0, 20, 300)]
    robot.frame(2)
    clock[0] = 110.0
    children[-1].events = [{"progress": 0.35}, tile(20, 0, 70, 300)]
    robot.frame(2)
    assert robot.reads("about 25 s left, 0.0015 Mpx/s")


def test_the_child_is_asked_for_the_precision_of_the_command_line(children):
    with Robot(np.zeros((60, 80), np.float32), model=SHIPPED, precision="bfloat16") as robot:
        robot.key("D")
        assert children[-1].request["precision"] == "bfloat16"


# with the real child


def test_the_view_gets_just_what_a_search_of_the_whole_frame_gives(tmp_path):
    path = tmp_path / "frame.fits"
    fits.writeto(path, frame((700, 690)))
    with Robot(path, model="decam") as robot:
        robot.key("D")
        robot.settle()
        first = found(robot).confidence
        robot.workspace.model = SHIPPED
        show(robot, (301, 203, 522, 417))
        low, high = np.floor(robot.document.seen[:2]), np.ceil(robot.document.seen[2:])
        y0, x0, y1, x1 = box = tuple(int(edge) for edge in (*low, *high))
        robot.key("Ctrl+D")
        robot.settle()
        assert not robot.workspace.notices
        mixed = found(robot).confidence
        wanted = init_model(SHIPPED, "cpu").detect_cr(frame((700, 690)))
        assert np.abs(mixed[y0:y1, x0:x1] - wanted[y0:y1, x0:x1]).max() < 2e-6
        assert regions(robot)[0].box == box
        outside = np.ones(first.shape, bool)
        outside[y0:y1, x0:x1] = False
        assert np.array_equal(mixed[outside], first[outside])


def test_the_header_says_where_another_model_was_asked(children, tmp_path):
    path = tmp_path / "frame.fits"
    fits.writeto(path, frame(SHAPE))
    with Robot(path, model=SHIPPED, fit=False) as robot:
        known(robot)
        child, box = ask(robot, children)
        child.events = [OTHER, at(box, (120, 120)), DONE]
        robot.settle()
        robot.key("Ctrl+S")
        robot.settle()
        y0, x0, y1, x1 = box
        with fits.open(path) as hdus:
            header = hdus["CR_MASK"].header
        assert header["CRREGION"] == f"[{x0 + 1}:{x1},{y0 + 1}:{y1}] decam def"
        assert header["CRMODEL"] == SHIPPED
        said = "".join(header["HISTORY"])
        assert f"by {SHIPPED}, inside [{x0 + 1}:{x1},{y0 + 1}:{y1}] decam def, prob" in said
    with Robot(path) as robot:
        assert regions(robot) == [Region(box, "decam", "def")]


def test_regions_are_told_in_words_that_can_be_read_back():
    first, second = (2, 3, 50, 60), (40, 3, 70, 60)
    told = with_region({"model": "a"}, first, {"model": "my net; v2.pth", "weights_sha256": "0a"})
    told = with_region(told, second, {"model": "lacosmic"})
    assert regions_of(told) == [Region(first, "my net; v2.pth", "0a"),
                                Region(second, "lacosmic", "")]
    assert told["model"] == "a" and regions_of({}) == []
    covered = with_region(told, (0, 0, 50, 70), {"model": "decam", "weights_sha256": "1+2"})
    assert [one.model for one in regions_of(covered)] == ["lacosmic", "decam"]


def test_the_log_names_the_files_of_what_a_search_replaced():
    for step in (Searched((1, 2, 30, 40), 7, 0), Searched((1, 2, 30, 40))):
        assert unpacked(packed(step), SHAPE) == step
    assert unpacked({"searched": [1, 2, 30, 40]}, SHAPE) == Searched((1, 2, 30, 40))
    for box in ((0, 0, 201, 10), (-1, 0, 5, 5), (9, 9, 8, 20)):
        with pytest.raises(ValueError, match="outside"):
            unpacked(packed(Searched(box)), SHAPE)
    for numbers in ([1], [-1, 0], ["a", 0], [0.5, 0], [1, 2, 3]):
        with pytest.raises(ValueError):
            unpacked({"searched": [1, 2, 30, 40, *numbers]}, SHAPE)


@only_linux
def test_nothing_is_started_where_no_window_stays_open(tmp_path):
    before = children_of(os.getpid())
    with Robot(saved(tmp_path).path, model="ACS-WFC") as robot:
        robot.move("##model")
        robot.frame(3)
        assert children_of(os.getpid()) == before
        robot.desk.detector.ahead = True
        robot.frame(3)
        until(lambda: len(children_of(os.getpid())) == len(before) + 1)
        robot.frame(3)
        robot.key("D")
        robot.settle()
        until(lambda: len(children_of(os.getpid())) == len(before) + 1)
    until(lambda: children_of(os.getpid()) == before)
