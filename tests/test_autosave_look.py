"""How a picture was displayed survives a crash: with the edits, or silently if there are none."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from detections import crash, until

from glview import logwriter
from glview.core import looks
from glview.core.stretch import Stretch
from glview.files.editlog import entries_of
from glview.library import mask_of
from glview.logwriter import Log

ROOT = Path(__file__).parent.parent
SHAPE = (120, 160)
LOOK = Stretch("asinh", "user", 300.0, 1500.0, colormap="heat")
HEAD = {"glview": 1, "shape": list(SHAPE)}


def paint(robot, y=50, x=40):
    robot.key("B")
    robot.drag(robot.of_pixel(y, x), robot.of_pixel(y, x + 12))


def display(robot, look):
    robot.document.stretch = look
    robot.frame()


def asked(robot):
    return robot.desk.autosave.question(robot.document) is not None


def logs(tmp_path):
    return list((tmp_path / "unsaved").glob("*.glog"))


def looks_in(path):
    return [looks.from_text(one["look"]) for one in entries_of(path.read_bytes(), SHAPE)[0]
            if "look" in one]


def test_restore_brings_back_strokes_settings_and_the_way_it_looked(sit, frame, tmp_path):
    robot = sit(frame)
    display(robot, LOOK)
    paint(robot)
    robot.document.change(threshold=0.3, dilation=2)
    mask = mask_of(robot.document)
    crash(robot, tmp_path)
    robot = sit(frame)
    assert robot.reads("2 edits of "), "how it is displayed is no edit"
    assert robot.document.stretch == Stretch()
    robot.click("restore:restore")
    assert robot.document.stretch == LOOK and robot.document.mask.dilation == 2
    assert mask.any() and np.array_equal(mask_of(robot.document), mask)
    robot.key("Ctrl+Z", times=2)
    assert robot.document.stretch == LOOK and not robot.document.changed
    robot.key("Ctrl+Shift+Z", times=2)
    display(robot, replace(LOOK, invert=True))
    crash(robot, tmp_path)
    robot = sit(frame)
    robot.click("restore:restore")
    assert robot.document.stretch == replace(LOOK, invert=True)
    assert np.array_equal(mask_of(robot.document), mask)


def test_a_display_alone_comes_back_without_a_question(sit, frame, tmp_path):
    robot = sit(frame)
    display(robot, Stretch("sqrt"))
    display(robot, LOOK)
    for _ in range(2):  # and does so again, with nothing done in between
        crash(robot, tmp_path)
        robot = sit(frame)
        assert not asked(robot) and not robot.workspace.notices
        assert robot.document.stretch == LOOK and not robot.document.changed
        robot.frame()
    display(robot, Stretch())
    crash(robot, tmp_path)
    assert sit(frame).document.stretch == Stretch(), "the last one counts, the usual one too"


def test_what_is_displayed_as_usual_is_not_written(sit, frame, tmp_path):
    robot = sit(frame)
    robot.frame(3)
    robot.desk.autosave.sync()
    assert not logs(tmp_path)
    display(robot, LOOK)
    robot.desk.autosave.sync()
    robot.desk.close()
    assert not list((tmp_path / "unsaved").iterdir()), "nothing is lost, and nothing left"


def test_show_displays_it_hide_does_not_and_discard_throws_it_away(sit, frame, tmp_path):
    robot = sit(frame)
    display(robot, LOOK)
    paint(robot)
    crash(robot, tmp_path)
    robot = sit(frame)
    for look in (LOOK, Stretch(), LOOK):
        robot.click("restore:show")
        assert robot.document.stretch == look
    robot.click("restore:discard")
    assert robot.document.stretch == Stretch()
    crash(robot, tmp_path)
    robot = sit(frame)
    assert not asked(robot) and robot.document.stretch == Stretch()


@pytest.mark.parametrize("shown", [False, True])
def test_what_is_chosen_while_the_question_is_open_stays(sit, frame, tmp_path, shown):
    robot = sit(frame)
    display(robot, LOOK)
    paint(robot)
    crash(robot, tmp_path)
    robot = sit(frame)
    if shown:
        robot.click("restore:show")
    display(robot, Stretch("log"))
    robot.click("restore:restore")
    assert robot.document.stretch == Stretch("log") and mask_of(robot.document).any()
    crash(robot, tmp_path)
    robot = sit(frame)
    robot.click("restore:restore")
    assert robot.document.stretch == Stretch("log")


def test_a_file_opened_like_the_one_before_looks_so_again(sit, frame, tmp_path):
    """What is usual in this window may not be so in the next one."""
    other = tmp_path / "other.fits"
    other.write_bytes(frame.read_bytes())
    robot = sit(frame, other)
    display(robot, Stretch("asinh", colormap="heat"))
    robot.key("Tab")
    robot.settle()
    assert robot.document.stretch.kind == "asinh"
    paint(robot)
    crash(robot, tmp_path)
    robot = sit(other)
    assert robot.document.stretch.kind == "linear"
    robot.click("restore:restore")
    assert robot.document.stretch == Stretch("asinh", colormap="heat")


@pytest.mark.parametrize("size", [SHAPE, (60, 80)])
def test_a_file_that_is_another_one_by_now_is_displayed_as_usual(sit, frame, tmp_path, size):
    """Its values may be others; and nothing was lost that anyone would have to be told of."""
    robot = sit(frame)
    display(robot, LOOK)
    crash(robot, tmp_path)
    fits.writeto(frame, np.ones(size, np.float32), overwrite=True)
    robot = sit(frame)
    assert not asked(robot) and not robot.workspace.notices
    assert robot.document.stretch == Stretch()
    paint(robot, 30, 20)
    crash(robot, tmp_path)
    assert sit(frame).reads("1 edit of ")


def test_a_saved_mask_brings_its_look_and_what_came_after_it(sit, frame, tmp_path):
    robot = sit(frame)
    paint(robot)
    display(robot, LOOK)
    robot.key("Ctrl+S")
    robot.settle()
    display(robot, Stretch())
    crash(robot, tmp_path)
    robot = sit(frame)
    assert not asked(robot) and robot.document.stretch == Stretch()
    robot.key("Ctrl+S")
    robot.settle()
    display(robot, LOOK)  # the log that tells of it begins with the file as it is now
    crash(robot, tmp_path)
    robot = sit(frame)
    assert not asked(robot) and robot.document.stretch == LOOK


def test_a_log_without_looks_is_restored_as_it_is(sit, frame, tmp_path):
    robot = sit(frame)
    display(robot, LOOK)
    paint(robot)
    crash(robot, tmp_path)
    (log,) = logs(tmp_path)
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(line for line in lines if b'{"look"' not in line))
    robot = sit(frame)
    robot.click("restore:restore")
    assert mask_of(robot.document).any() and robot.document.stretch == Stretch()


def test_a_number_that_cannot_be_read_again_is_not_written(sit, frame, tmp_path):
    """It would end the log there, and what is done later could not be restored."""
    robot = sit(frame)
    display(robot, Stretch("log", contrast=float("inf")))
    paint(robot)
    crash(robot, tmp_path)
    robot = sit(frame)
    robot.click("restore:restore")
    assert mask_of(robot.document).any() and robot.document.stretch == Stretch()


# how often it is written


def test_a_drag_is_one_line_for_each_writing_to_the_disk(sit, frame, tmp_path, monkeypatch):
    robot = sit(frame)
    display(robot, LOOK)
    robot.desk.autosave.sync()
    (log,) = logs(tmp_path)
    count = len(looks_in(log))
    monkeypatch.setattr(logwriter, "SYNC_SECONDS", 3600.0)
    for step in range(50):
        display(robot, replace(LOOK, contrast=1.0 + step / 50))
    robot.desk.autosave.sync()
    assert len(looks_in(log)) == count + 1
    assert looks_in(log)[-1] == robot.document.stretch


def test_the_last_look_is_on_disk_with_the_next_sync_and_gone_with_the_log(tmp_path):
    log = Log(tmp_path / "a.glog", HEAD)
    for look in (Stretch("log"), LOOK):
        log.hold({"look": looks.to_text(look)})
        assert log.lacks
    log.sync()
    assert looks_in(log.path) == [LOOK] and not log.lacks
    log.hold({"look": looks.to_text(Stretch("sqrt"))})
    log.clear()
    assert not log.lacks
    log.sync()
    assert not log.path.exists()
    log.close()


# killed


@pytest.fixture
def killed(frame, tmp_path):
    """Somebody works on the frame and is killed; returns how it was displayed, time after time."""
    told = tmp_path / "told"
    child = subprocess.Popen(
        [sys.executable, ROOT / "tests" / "killed.py", frame, tmp_path / "unsaved", "7", told],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}, stderr=subprocess.PIPE)
    try:
        until(lambda: child.poll() is not None or any(
            look != Stretch() for log in logs(tmp_path) for look in looks_in(log)), 60.0)
    finally:
        child.kill()
        error = child.communicate()[1]
    lines = told.read_text().splitlines()
    assert child.returncode == -9, error.decode()
    return [looks.from_text(one.split(" ", 2)[2]) for one in lines]


def test_killed_it_looks_as_it_did_a_moment_before(sit, frame, killed):
    robot = sit(frame)
    if asked(robot):
        robot.click("restore:restore")
    assert robot.document.stretch in killed and robot.document.stretch != Stretch()
