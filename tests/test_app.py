"""The program around the panels: failing parts, the end of a run, and when it draws at all."""

import numpy as np
from robot import Robot

from glview.gl.textures import GLError
from glview.settings import log_file

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
