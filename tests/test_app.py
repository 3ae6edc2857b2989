"""The program around the panels: failing parts, the end of a run, and when it draws at all."""

import sys
import threading
import time
from contextlib import nullcontext

import numpy as np
import pytest
from imgui_bundle import imgui
from robot import Robot

from glview import library, opening
from glview.app import DETECTING_SECONDS, FRAMES_AFTER_EVENT, Desk
from glview.core.crew import UNDISTURBED
from glview.detecting import Detector
from glview.gl.context import Offscreen
from glview.gl.textures import GLError
from glview.scene import Scene
from glview.settings import Settings, log_file
from glview.workspace import Workspace

SHAPE = (60, 80)


def noise(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).normal(100, 5, shape).astype(np.float32)


def stroke(robot):
    """Paint one stroke of the pencil; returns how many pixels are added by hand now."""
    robot.move("image")
    robot.key("B")
    robot.drag("image", robot.at("image", 0.7, 0.5))
    return robot.document.edits.added


def test_a_picture_that_cannot_be_drawn_costs_neither_window_nor_strokes(monkeypatch, capfd):
    with Robot(noise()) as robot:
        added = stroke(robot)
        assert added > 5

        def refuse(workspace):
            raise GLError("the driver is out of memory")

        with monkeypatch.context() as patch:
            patch.setattr(robot.desk.scene, "draw", refuse)
            robot.frame(5)
            assert robot.document.edits.added == added and robot.picture().std() > 5
        told, = robot.workspace.notices
        assert "the driver is out of memory" in told and str(log_file()) in told
        before = robot.part("image").copy()
        robot.key("Ctrl+Z")
        robot.settle()
        assert robot.document.edits.added == 0
        assert (robot.part("image") != before).any(), "the pictures come back"
    text = log_file().read_text()
    assert text.count("Traceback") == 1 and "refuse" in text
    assert capfd.readouterr().err == ""


def test_each_different_failure_is_told_and_written_once(monkeypatch):
    with Robot(noise()) as robot:
        for words in ("first", "second", "first"):
            with monkeypatch.context() as patch:
                patch.setattr(robot.desk.layout, "draw", lambda desk, words=words: 1 / 0
                              if words == "first" else [][0])
                robot.frame(2)
        assert len(robot.workspace.notices) == 2
        assert log_file().read_text().count("Traceback") == 2
        robot.frame(2)
        assert robot.in_sight() >= {"image", "mask"}


def test_a_log_that_cannot_be_written_is_no_further_failure(monkeypatch, home):
    (home / "state").rmdir()
    (home / "state").write_text("in the way")
    with Robot(noise()) as robot:
        monkeypatch.setattr(robot.desk.layout, "draw", lambda desk: 1 / 0)
        robot.frame(2)
        told, = robot.workspace.notices
        assert "ZeroDivisionError" in told and "glview.log" not in told


def test_a_beginning_that_fails_leaves_nothing(monkeypatch):
    def refuse(scene, ctx, nbytes):
        raise GLError("no memory left")

    closed, close, threads = [], Offscreen.close, set(threading.enumerate())
    monkeypatch.setattr(Offscreen, "close", lambda self: (closed.append(1), close(self)))
    with monkeypatch.context() as patch:
        patch.setattr(Scene, "__init__", refuse)
        with pytest.raises(GLError):
            Robot(noise())
    assert closed == [1]
    wait_for(lambda: set(threading.enumerate()) <= threads)
    with Robot(noise()) as robot:  # Dear ImGui's context was given back: another can be made
        assert robot.in_sight() >= {"image", "mask"}
    assert closed == [1, 1]


def wait_for(condition, seconds=5.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.002)


@pytest.mark.parametrize("part", ["remember", "hide", "detector"])
def test_one_failure_at_the_end_does_not_skip_the_rest(monkeypatch, part):
    closed, close, threads = [], Offscreen.close, set(threading.enumerate())
    monkeypatch.setattr(Offscreen, "close", lambda self: (closed.append(1), close(self)))
    robot = Robot(noise())
    owner = {"remember": robot.desk.settings, "hide": robot.platform,
             "detector": robot.desk.detector}[part]
    monkeypatch.setattr(owner, "close" if part == "detector" else part, lambda *_: 1 / 0)
    robot.desk._ending.callback(owner.close) if part == "detector" else None
    with pytest.raises(ZeroDivisionError) if part == "detector" else nullcontext():
        robot.desk.close()
    assert closed == [1]
    wait_for(lambda: set(threading.enumerate()) <= threads)


def test_the_end_does_not_wait_for_a_file_that_is_still_being_opened(monkeypatch):
    go, reading = threading.Event(), threading.Event()

    def slow(path, ext, coming, side):
        reading.set()
        assert go.wait(20)

    monkeypatch.setattr(opening, "look_into", slow)
    robot = Robot("large.fits.gz", ready=False)
    assert reading.wait(5)
    robot.frame(2)
    robot.desk.close()
    assert not go.is_set()
    go.set()


class Staged(Offscreen):
    """A window whose events are written down beforehand: "worker", "user", "nothing"; or what a
    worker does, to be called."""

    closing = False

    def play(self, desk, events, each=lambda: None):
        """Frames that follow each event; `each` is called after every frame."""
        self.desk, self.events, self.followed = desk, list(events), []
        desk.done = False
        desk.run(lambda desk: each())
        return self.followed[1:]

    def wait(self, seconds):
        if seconds == 0.0:
            return False
        if not self.events:
            self.desk.done = True
        self.followed.append(-self.desk.frames)
        if len(self.followed) > 1:
            self.followed[-2] += self.desk.frames
        event = self.events.pop(0) if self.events else "nothing"
        if event == "user":
            self.desk.platform.io.add_mouse_pos_event(*np.random.default_rng().random(2) * 300)
        elif event == "nothing" and seconds:
            time.sleep(seconds)
        elif callable(event):
            event()
        return event == "worker" or callable(event)


@pytest.fixture
def staged():
    platform = Staged((800, 600))
    entry = library.entry_of_array(noise())
    desk = Desk(platform, Workspace([entry]), Settings())
    desk.finisher.start(entry.document)
    assert desk.settle(30)
    yield platform, desk
    desk.close()


def test_a_worker_is_worth_one_frame_and_the_user_several(staged):
    platform, desk = staged
    platform.play(desk, ["nothing", "nothing"])  # a tooltip's
    frames = platform.play(desk, ["nothing", "worker", "worker", "worker", "user", "worker"])
    assert frames[:3] == [1, 1, 1]
    assert frames[3] > FRAMES_AFTER_EVENT


def test_what_a_worker_opens_gets_the_frames_that_a_new_window_takes(staged):
    platform, desk = staged
    def fail():
        desk.jobs.start("readout", lambda cancelled: 1 / 0, None, desk.finisher.read_failed)
        wait_for(lambda: not desk.jobs._results.empty())

    frames = platform.play(desk, ["nothing", "worker", fail, "worker"])
    assert frames[0] == 1 and frames[1] > FRAMES_AFTER_EVENT
    assert "division" in desk.workspace.notices[0]


def test_a_detection_has_the_cores_between_its_frames(staged, monkeypatch):
    platform, desk = staged
    monkeypatch.setattr(Detector, "running", property(lambda self: "somebody"))
    began, first = time.monotonic(), desk.frames
    platform.play(desk, ["nothing"] + ["worker"] * 300 + ["nothing"])
    assert desk.frames - first <= (time.monotonic() - began) / DETECTING_SECONDS + 8
    began, first = time.monotonic(), desk.frames
    platform.play(desk, ["nothing"] + ["user"] * 10)
    assert desk.frames - first >= 10 * FRAMES_AFTER_EVENT


def test_textures_that_are_lost_are_made_anew_and_the_pictures_come_back(monkeypatch):
    with Robot(noise()) as robot:
        added, before = stroke(robot), robot.part("image").copy()
        robot.settle()
        scene = robot.desk.scene
        monkeypatch.setattr(scene, "draw", lambda workspace: 1 / 0)
        robot.frame(3)
        assert robot.desk.scene is not scene and len(robot.workspace.notices) == 1
        robot.settle()
        assert robot.document.edits.added == added
        assert abs(robot.part("image").astype(int) - before).mean() < 10
        again = robot.desk.scene
        monkeypatch.setattr(again, "draw", lambda workspace: [][0])
        robot.frame(5)
        assert robot.desk.scene is again, "not over and over"


@pytest.mark.parametrize("name", ["new_frame", "render"])
def test_an_interface_that_breaks_off_in_the_middle_of_a_frame_comes_back(monkeypatch, name):
    with Robot(noise()) as robot:
        real, calls = getattr(imgui, name), []

        def fail():
            calls.append(1)
            if len(calls) == 1:
                raise RuntimeError("assertion failed")
            real()

        monkeypatch.setattr(imgui, name, fail)
        robot.frame(4)
        assert any("assertion failed" in notice for notice in robot.workspace.notices)
        assert robot.in_sight() >= {"image", "mask"} and stroke(robot) > 5


def test_threads_wait_for_the_lock_while_a_frame_is_made(monkeypatch):
    found = {}

    def looking(name, part):
        def look(*arguments):
            found[name] = sys.getswitchinterval()
            return part(*arguments)
        return look

    usual = sys.getswitchinterval()
    with Robot(noise()) as robot:
        desk = robot.desk
        for owner, name in ((desk, "_collect"), (desk, "_interface"), (desk, "_draw"),
                            (desk.platform, "finish_frame")):
            monkeypatch.setattr(owner, name, looking(name, getattr(owner, name)))
        robot.frame()
    assert found.pop("finish_frame") == usual == sys.getswitchinterval()
    assert found == pytest.approx(dict.fromkeys(("_collect", "_interface", "_draw"),
                                                UNDISTURBED))
