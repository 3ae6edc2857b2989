"""Detection from the window: with the model that glview ships, and with a child that goes wrong."""

import inspect
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from detections import DONE, READY, SHIPPED, Child, tile
from drawing import OVERLAY
from robot import Robot

import glview
from glview.core.view import View
from glview.library import mask_of
from glview.models import MODELS, remote
from glview.models.registry import ModelError

DEMO = Path(glview.__file__).parent / "data" / "demo.fits.gz"
SHAPE = (60, 80)


def noise(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).normal(100, 5, shape).astype(np.float32)


@pytest.fixture
def robot(children):
    with Robot(noise(), overlay=OVERLAY, fit=False, view=View(30, 40, 3.0), model=SHIPPED) as made:
        made.move("image", 0.02, 0.02)
        yield made


EVERYWHERE = {"tile": [0, 0, *SHAPE], "values": np.ones(SHAPE, np.float32)}


def white(robot, y, x):
    return (robot.colour_of(y, x, "mask") > 250).all()


def test_results_appear_as_they_come(robot, children):
    robot.click("Detect")
    (child,) = children
    assert (child.name, child.image) == (SHIPPED, robot.document.image)
    assert child.request["centre"] == (30, 40)
    assert robot.document.detection.running and "Cancel" in robot.in_sight()
    assert robot.reads("the model is starting") and robot.reads("no mask yet: it is being searched")
    child.events = [{"loading": SHIPPED}, READY]
    robot.frame()
    child.events = [tile(0, 0, 30, 80, [(10, 20)]), {"progress": 0.5}]
    robot.frame(2)
    assert white(robot, 10, 20)
    assert robot.document.detection.covered == 0.5
    assert not white(robot, 40, 50)
    child.events = [tile(30, 0, 60, 80, [(40, 50)]), {"progress": 1.0}, DONE]
    robot.settle()
    assert white(robot, 40, 50)
    assert not robot.document.detection.running and "Detect" in robot.in_sight()
    assert child.closed == 1 and not robot.reads("starting") and not robot.reads("no mask yet")
    assert robot.document.changed and robot.reads("2 objects, 2 pixels")
    assert "1.5 s" in robot.document.detection.status
    assert "expects electrons" in robot.document.detection.status


def test_a_second_detection_is_not_started_while_one_runs(robot, children):
    robot.key("D")
    robot.key("D")
    robot.command("Mask", "Detect")
    assert len(children) == 1
    robot.key("Escape")
    robot.key("Escape")
    assert children[0].closed == 1
    robot.key("D")
    assert len(children) == 2, "after the end of the first one can start again"


@pytest.mark.parametrize("how", ["button", "key"])
def test_cancel_restores_what_was_there(robot, children, how):
    earlier = np.zeros(SHAPE, np.float32)
    earlier[20, 30] = 0.8
    robot.know(earlier)
    robot.key("D")
    child = children[0]
    child.events = [READY]
    robot.frame()
    child.events = [EVERYWHERE, {"progress": 0.7}]
    robot.frame(2)
    assert white(robot, 50, 60)
    robot.click("Cancel") if how == "button" else robot.key("Escape")
    robot.settle()
    assert child.closed == 1 and not robot.document.detection.running
    assert (robot.document.detection.confidence == earlier).all()
    robot.move("image", 0.02, 0.02)
    robot.frame()
    assert white(robot, 20, 30) and not white(robot, 50, 60)
    assert robot.reads("1 object, ")
    assert "cancelled" in robot.document.detection.status


def test_a_failure_restores_and_says_why(robot, children):
    robot.key("D")
    children[0].events = [READY, EVERYWHERE, {"error": "out of memory; close some"}]
    robot.frame(3)
    assert robot.workspace.notices == ["array: Detection failed: out of memory; close some"]
    assert robot.document.detection.confidence is None and not robot.document.changed
    assert not robot.document.detection.running and robot.desk.detector.running is None
    robot.key("B")
    robot.click(robot.of_pixel(20, 30))
    assert robot.document.edits.added == 1, "the work goes on"


def test_a_refusal_becomes_a_notice(robot, monkeypatch):
    def refuse(*arguments):
        raise ModelError("no room for this frame; close other programs")

    monkeypatch.setattr(remote, "Detection", refuse)
    robot.key("D")
    assert "close other programs" in robot.workspace.notices[0]
    assert robot.desk.detector.running is None


def test_edits_made_while_a_detection_runs_stay(robot, children):
    robot.key("D")
    children[0].events = [READY]
    robot.key("B")
    robot.click(robot.of_pixel(20, 30))
    robot.key("E")
    robot.click(robot.of_pixel(40, 50))
    children[0].events = [tile(0, 0, 60, 80, [(40, 50)], 0.99), DONE]
    robot.settle()
    assert np.argwhere(mask_of(robot.document)).tolist() == [[20, 30]]


def test_a_changed_threshold_is_kept_and_a_suggested_one_can_be_undone(robot, children):
    robot.key("D")
    children[0].events = [READY | {"threshold": 0.3}, DONE]
    robot.settle()
    assert robot.document.mask.threshold == 0.3
    robot.key("Ctrl+Z")
    assert robot.document.mask.threshold == 0.5
    robot.document.change(threshold=0.8)
    robot.key("D")
    children[1].events = [READY | {"threshold": 0.3}, DONE]
    robot.settle()
    assert robot.document.mask.threshold == 0.8


def test_the_file_can_be_changed_while_a_detection_runs(tmp_path, children):
    paths = [tmp_path / "first.fits", tmp_path / "second.fits"]
    for number, path in enumerate(paths):
        fits.writeto(path, noise(number, (60 + number, 80)))
    with Robot(*paths, overlay=OVERLAY, model=SHIPPED) as robot:
        first = robot.document
        robot.key("D")
        children[0].events = [READY]
        robot.frame()
        robot.key("Tab")
        robot.until(lambda: robot.document is not None)
        second = robot.document
        assert second is not first
        robot.key("D")
        assert len(children) == 1
        children[0].events = [tile(0, 0, 60, 80, [(5, 6)]), DONE]
        robot.settle()
        assert not second.has_mask and first.detection.confidence[5, 6] == np.float32(0.9)
        robot.key("Shift+Tab")
        robot.settle()
        assert robot.reads("1 object, ")
        assert white(robot, 5, 6) or robot.view.zoom < 1


def test_closing_while_a_detection_runs_ends_it(children):
    with Robot(noise(), model=SHIPPED) as robot:
        robot.key("D")
        robot.key("Ctrl+Q")
    assert children[0].closed == 1


@pytest.mark.parametrize("model", ["no such model", "/nowhere/weights.pth", ""])
def test_a_model_that_is_not_there_breaks_no_panel(children, model):
    with Robot(noise(), model=model) as robot:
        robot.move("##model")
        robot.pause()
        robot.frame(3)
        assert not robot.workspace.notices


def test_every_model_can_be_chosen_and_says_something(robot):
    for name in (*MODELS, "auto"):
        robot.choose("##model", name)
        assert robot.workspace.model == name
        assert len(robot.desk.detector.choice.hint(robot.document)) > 20


def test_two_models_can_work_together(robot, children):
    robot.choose("##together", f"{SHIPPED}+decam:vote")
    assert robot.workspace.model == f"{SHIPPED}+decam:vote"
    hint = robot.desk.detector.choice.hint(robot.document)
    assert "2 models together: the share" in hint and "ADU" in hint
    robot.click("Detect")
    assert children[0].name == f"{SHIPPED}+decam:vote"
    children[0].events = [READY, DONE]
    robot.settle()
    robot.choose("##together", SHIPPED)
    assert robot.workspace.model == SHIPPED
    robot.choose("##model", "auto")
    robot.frame()
    assert "##together" not in robot.in_sight()


def test_a_model_file_with_a_mistake_says_so(robot, tmp_path):
    path = tmp_path / "my.toml"
    path.write_text('architecture = "resnet"')
    robot.workspace.model = str(path)
    assert "architecture must be one of" in robot.desk.detector.choice.hint(robot.document)


# with the real child


def test_the_shipped_model_finds_the_rays_of_the_demo_frame():
    with Robot(DEMO, overlay=OVERLAY, model=SHIPPED) as robot:
        idle = frame_times(robot, 20)
        robot.key("D")
        began, times, shares = time.monotonic(), [], []
        while robot.document.detection.running:
            assert time.monotonic() < began + 100
            times += frame_times(robot, 1)
            shares.append(robot.document.detection.covered)
            time.sleep(0.005)
        took = time.monotonic() - began
        assert max(times) < max(50 * max(idle), took / 2), "the window stalled"
        assert shares == sorted(shares) and shares[-1] == 1.0
        robot.settle()
        assert not robot.workspace.notices
        found = mask_of(robot.document)
        assert 0.0005 < found.mean() < 0.2
        assert robot.document.detection.provenance["model"] == SHIPPED
        assert len(robot.document.detection.provenance["weights_sha256"]) == 64
        # Rays stand out: the masked pixels are far brighter than their surroundings.
        values = robot.document.image[:, :]
        assert np.median(values[found]) > np.percentile(values[~found], 95)
        robot.key("N")
        robot.settle()
        box = robot.document.review.objects[robot.document.review.order[0]]
        y, x = np.argwhere(found[box["y0"] : box["y1"], box["x0"] : box["x1"]])[0]
        robot.workspace.cursor = None
        robot.frame()
        assert white(robot, box["y0"] + y, box["x0"] + x)


def frame_times(robot, count):
    times = []
    for _ in range(count):
        start = time.perf_counter()
        robot.frame()
        times.append(time.perf_counter() - start)
    return times


def test_a_child_that_is_killed_is_told_and_can_be_started_again():
    with Robot(noise(), model=SHIPPED) as robot:
        robot.key("D")
        inner = robot.desk.detector._run.remote
        robot.until(lambda: inner._process is not None)
        os.kill(inner._process.pid, signal.SIGKILL)
        robot.until(lambda: not robot.document.detection.running)
        (notice,) = robot.workspace.notices
        assert notice.startswith("array: Detection failed:") and "memory" in notice
        assert "Traceback" not in notice
        assert robot.document.detection.confidence is None
        robot.key("D")
        assert robot.document.detection.running
        again = robot.desk.detector._run.remote
        robot.until(lambda: again._process is not None)
        process = again._process
        robot.key("Escape")
        assert not robot.document.detection.running
        robot.until(lambda: process.poll() is not None, seconds=5.0)


def test_weights_that_are_not_there_say_what_would_help(tmp_path):
    with Robot(noise(), model=str(tmp_path / "weights.pth")) as robot:
        robot.key("D")
        robot.until(lambda: not robot.document.detection.running)
        (notice,) = robot.workspace.notices
        assert "weights.pth" in notice and "Traceback" not in notice
        assert len(notice) < 400


def test_the_stand_in_is_called_like_the_real_one():
    """The tests above mean something only if `Child` can take the place of `remote.Detection`."""
    assert list(inspect.signature(Child).parameters) == list(
        inspect.signature(remote.Detection).parameters)
    with_real = {name for name in vars(remote.Detection) if not name.startswith("_")}
    assert {"poll", "close", "look"} <= with_real & set(vars(Child))
