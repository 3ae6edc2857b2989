"""What a window and its searches make of a trial: memory on the card, or the reason for none."""

import ctypes
import gc
import signal
import sys
import time
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from detections import DONE, READY, SHIPPED, tile
from drawing import cells
from fakecuda import stand_in
from robot import Robot

from glview.core.view import View
from glview.cuda import Borrowed, Driver
from glview.gl import sharing
from glview.gl.sharing import Sharing, place

pytestmark = pytest.mark.gl
SHAPE = (700, 900)
BOXES = [(0, 0, 512, 512), (0, 512, 512, 900), (512, 0, 700, 900)]


@pytest.fixture
def card(gl, monkeypatch):
    return stand_in(monkeypatch, gl)


# the window

def window(gl, is_window=True):
    return SimpleNamespace(ctx=gl, is_window=is_window)


@pytest.fixture
def success(gl, monkeypatch):
    """As if the window were drawn by NVIDIA's OpenGL and a trial had gone well; it may be changed.
    """
    found = {"ok": True, "why": "", "place": place(gl), "device": 1}
    monkeypatch.setattr(sharing, "MAKER", gl.info["GL_VENDOR"])
    monkeypatch.setattr(sharing, "tried", lambda words, started: found)
    return found


def prepared(platform):
    """A Sharing that knows what the trial said."""
    made = Sharing(platform)
    made.expect()
    if made._thread is not None:
        made._thread.join(20)
    return made


def test_a_window_that_another_maker_draws_never_looks_for_cuda(gl, card, monkeypatch):
    monkeypatch.setattr(sharing, "tried", lambda words, started: 1 / 0)
    for is_window, why in ((True, f"{gl.info['GL_VENDOR']} draws the window, not NVIDIA"),
                           (False, "there is no window")):
        made = prepared(window(gl, is_window))
        assert made.lend(SHAPE, None) is None and made._thread is None
        assert made.why == why
    assert not card.calls


def test_after_a_trial_that_went_wrong_nothing_is_loaded(gl, card, success):
    success.update(ok=False, why="cuInit: so")
    made = prepared(window(gl))
    assert made.lend(SHAPE, None) is None and made.why == "cuInit: so" and not card.calls


def test_a_trial_elsewhere_does_not_count(gl, card, success):
    success["place"] = "another card"
    made = prepared(window(gl))
    assert made.lend(SHAPE, None) is None and not card.calls
    assert made.why == "it was tried with another card"


def test_a_process_that_cannot_be_started_is_told(gl, card, success, monkeypatch):
    def refuse(words, started):
        raise OSError("no more processes")

    monkeypatch.setattr(sharing, "tried", refuse)
    made = prepared(window(gl))
    assert made.lend(SHAPE, None) is None and made.why == "no more processes"


def test_before_the_trial_has_ended_memory_serves(gl, card, success, monkeypatch):
    monkeypatch.setattr(sharing.threading.Thread, "start", lambda thread: None)
    made = Sharing(window(gl))
    assert made.lend(SHAPE, None) is None
    assert made.why == "whether it can be shown from the card was not tried yet"


def test_the_end_of_the_program_ends_a_trial(gl, success, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(sharing, "MAKER", gl.info["GL_VENDOR"])
    monkeypatch.setattr(sharing, "command",
                        lambda: [sys.executable, "-c", "import time; time.sleep(999)"])
    made = Sharing(window(gl))
    made.expect()
    while made._trial is None and made._thread.is_alive():
        time.sleep(0.01)
    made.close()
    made._thread.join(20)
    assert not made._thread.is_alive() and made._trial.returncode == -signal.SIGKILL
    assert made.lend(SHAPE, None) is None and "exit code -9" in made.why
    made.close()


@pytest.mark.parametrize("name", ["cuInit", "cuDeviceGet", "cuDevicePrimaryCtxRetain",
                                  "cuGLGetDevices_v2", "cuDeviceGetCount", "cuCtxSetCurrent",
                                  "cuMemGetInfo_v2", "cuMemAlloc_v2", "cuIpcGetMemHandle"])
def test_whatever_fails_in_the_window_is_told_and_nothing_lent(gl, card, success, name):
    card.failing = name
    made = prepared(window(gl))
    assert made.lend(SHAPE, None) is None
    assert made.why == f"{name}: CUDA_ERROR_OPERATING_SYSTEM (304)" and not card.memory


def test_another_card_that_draws_the_window_is_told(gl, card, success):
    card.cards = [0, 2]
    made = prepared(window(gl))
    assert made.lend(SHAPE, None) is None and made.why == "another card draws the window"
    assert not card.memory


def test_the_window_is_asked_once_and_again_when_it_was_made_anew(gl, card, success):
    made = prepared(window(gl))
    for _ in range(2):
        assert made.lend(SHAPE, None) is not None and made.why == ""
    assert card.count("cuGLGetDevices_v2") == 1 and len(card.memory) == 1
    made._platform.ctx = SimpleNamespace()
    assert made.lend(SHAPE, None) is not None
    assert card.count("cuGLGetDevices_v2") == 2 and len(card.memory) == 1


def test_what_is_in_use_is_not_taken_back(gl, card, success):
    made = prepared(window(gl))
    lent = made.lend(SHAPE, None)
    lent.user = SimpleNamespace(running=True)
    assert made.lend(SHAPE, None) is None and made.why == "the last search is still ending"
    made.close()
    assert card.count("cuMemFree_v2") == 0
    lent.user.running = False
    made.close()
    made.close()
    assert card.count("cuMemFree_v2") == 1 and not card.memory


# a search in the window

@pytest.fixture
def robot(children, card, success, monkeypatch):
    picture = np.random.default_rng(0).normal(100, 5, SHAPE).astype(np.float32)
    with Robot(picture, model=SHIPPED, fit=False, view=View(350, 450, 1.0)) as made:
        monkeypatch.setattr(card, "ctx", made.platform.ctx)
        success["place"] = place(made.platform.ctx)
        made.desk.detector._sharing = prepared(window(made.platform.ctx))
        yield made


def events():
    """Tiles with a confidence of their own in each pixel."""
    values = np.random.default_rng(1).random(SHAPE, np.float32)
    made = [tile(*box) | {"shared": True} for box in BOXES]
    for event, (y0, x0, y1, x1) in zip(made, BOXES, strict=True):
        event["values"] = np.ascontiguousarray(values[y0:y1, x0:x1])
    return made


def search(robot, card, children, tiles, more=()):
    """Detect; the child puts tiles on the card, if it may, and tells of them."""
    robot.key("D")
    child = children[-1]
    child.running = True
    ticket = child.request["share"]
    if ticket and "handle" in ticket:
        other, driver = Borrowed(ticket, SHAPE[1]), Driver()
        driver.use(1)
        for event in tiles:
            values, box = event["values"], event["tile"]
            mine = driver.take(values.nbytes)
            ctypes.memmove(mine, values.ctypes.data, values.nbytes)
            other.put(box, mine, 4 * values.shape[1])
            driver.free(mine)
        card.opened.clear()
    child.events = [READY, *tiles, *more]
    robot.settle() if more else robot.frame()
    return child


def shot(robot):
    """What the panes show and are drawn from."""
    robot.settle()
    scene = robot.desk.scene
    shown = [scene.panes[name].pixels() for name in ("image", "mask")]
    return np.concatenate([one.ravel().view(np.uint8) for one in (
        *shown, np.ascontiguousarray(cells(scene.main.confidence, scene.region)))])


def test_a_search_shows_the_same_through_memory_and_on_the_card(robot, children, card):
    shared = robot.desk.detector._sharing
    child = search(robot, card, children, events(), [DONE])
    child.running = False
    on_card = shot(robot)
    assert card.count("cuGraphicsMapResources") >= 4 and "memory" not in status(robot)
    copies = card.count("cuMemcpy2DUnaligned_v2")
    shared.close()
    robot.desk.detector._sharing = None
    child = search(robot, card, children, events(), [DONE])
    assert child.request["share"] is None and card.count("cuMemcpy2DUnaligned_v2") == copies
    assert np.array_equal(shot(robot), on_card)


def status(robot):
    return robot.document.detection.status


def test_what_fails_midway_is_said_and_the_picture_is_the_same(robot, children, card):
    card.failing = "cuGraphicsMapResources"
    search(robot, card, children, events(), [DONE]).running = False
    assert ("Confidence goes through memory now: cuGraphicsMapResources: "
            "CUDA_ERROR_OPERATING_SYSTEM (304)." in status(robot))
    found = robot.document.detection.confidence
    assert found[100, 100] == events()[0]["values"][100, 100]
    card.failing = ""
    robot.key("D")  # nor is it tried again
    assert children[-1].request["share"] == {
        "why": "cuGraphicsMapResources: CUDA_ERROR_OPERATING_SYSTEM (304)"}
    assert not card.memory


def test_tiles_that_come_through_memory_alone_are_not_looked_for(robot, children, card):
    tiles = [{**event, "shared": False} for event in events()]
    search(robot, card, children, tiles)
    run = weakref.ref(robot.desk.detector._run)
    children[-1].events = [DONE]
    robot.settle()
    gc.collect()
    assert robot.document.detection.lent is not None and not card.count("cuGraphicsMapResources")
    assert run() is None  # and what was there before is not kept for it


def test_a_search_of_what_is_in_view_or_a_large_frame_borrows_nothing(robot, children, monkeypatch):
    from glview.core import plane

    robot.desk.detector.again(robot.document)
    whole = children[-1].request["box"] is None
    assert (children[-1].request["share"] is not None) == whole
    robot.desk.detector.cancel()
    monkeypatch.setattr(plane, "DENSE_PIXELS", 1000)
    robot.key("D")
    assert children[-1].request["share"] is None


def test_why_nothing_is_lent_goes_to_the_child(robot, children, card):
    card.failing = "cuMemAlloc_v2"
    robot.key("D")
    assert children[-1].request["share"] == {
        "why": "cuMemAlloc_v2: CUDA_ERROR_OPERATING_SYSTEM (304)"}


def test_a_child_that_is_still_ending_keeps_what_was_lent(robot, children, card):
    search(robot, card, children, events(), [DONE])
    robot.key("D")
    assert children[-1].request["share"] == {"why": "the last search is still ending"}
    assert len(card.memory) == 1


def test_an_undone_search_shows_what_was_before(robot, children, card):
    search(robot, card, children, events(), [DONE]).running = False
    second = [{**event, "values": 1 - event["values"]} for event in events()]
    first = shot(robot)
    search(robot, card, children, second, [DONE]).running = False
    assert not np.array_equal(shot(robot), first)
    robot.key("Ctrl+Z")
    assert np.array_equal(shot(robot), first)
    robot.key("Ctrl+Shift+Z")
    assert robot.document.detection.lent.has(robot.document.detection.confidence, BOXES[0])


def test_at_the_end_all_is_freed(children, card, success):
    picture = np.zeros(SHAPE, np.float32)
    with Robot(picture, model=SHIPPED) as robot:
        card.ctx = robot.platform.ctx
        success["place"] = place(robot.platform.ctx)
        robot.desk.detector._sharing = prepared(window(robot.platform.ctx))
        search(robot, card, children, events(), [DONE]).running = False
        assert len(card.memory) == 1
    assert not card.memory and not card.buffers


def test_the_program_has_a_sharing_for_its_window(children):
    with Robot(np.zeros(SHAPE, np.float32), model=SHIPPED) as robot:
        robot.key("D")
        assert children[-1].request["share"] == {"why": "there is no window"}
