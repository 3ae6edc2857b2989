"""A packed file while it is being unpacked: how far it is, what can be seen of it, and how to stop.
"""

import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from robot import Robot

from glview import files
from glview.core.image import from_array
from glview.core.mask import EDIT_ADD
from glview.gl.panes import PALETTE
from glview.library import entry_for
from glview.screenshot import run_screenshot
from glview.session import Options

pytestmark = pytest.mark.gl
SHAPE = (300, 400)


@pytest.fixture
def unpacking(monkeypatch):
    """`open_images` tells `parts` one by one, each after a turn of `go`, then gives the whole."""
    whole = np.random.default_rng(5).normal(100, 10, SHAPE).astype(np.float32)
    go, told = threading.Semaphore(0), []

    def open_images(path, ext=None, progress=None):
        for share in (0.25, 0.5):
            assert go.acquire(timeout=30)
            here = whole.copy()
            here[int(share * SHAPE[0]):] = np.nan
            part = replace(from_array(here, "part"), path=path)
            progress(share, lambda part=part: (part,))
            told.append(share)
        assert go.acquire(timeout=30)
        progress(0.99, tuple)
        return [replace(from_array(whole, "whole"), path=None)]

    monkeypatch.setattr(files, "open_images", open_images)
    return whole, go, told


def test_a_screenshot_of_the_first_picture_does_not_wait_for_the_rest(unpacking, tmp_path):
    _, go, told = unpacking
    path = tmp_path / "frame.fits.gz"
    path.touch()
    go.release()
    options = Options(screenshot=tmp_path / "a.png", first=True, pane="image", size=(300, 200))
    run_screenshot([entry_for(path)], options)
    assert told == [0.25]
    with Image.open(tmp_path / "a.png") as picture:
        colours = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(colours, axis=0)) > 20
    go.release(2)


def test_the_part_that_is_there_is_shown_and_the_rest_follows(unpacking, tmp_path):
    whole, go, told = unpacking
    path = tmp_path / "frame.fits.gz"
    path.touch()
    with Robot(str(path), ready=False) as robot:
        robot.frame(3)
        assert robot.document is None and "opening" in robot.desk.busy_words
        go.release()
        robot.until(lambda: robot.document is not None)
        robot.frame(3)
        first = robot.document
        assert not first.whole and first.image.name == "part"
        assert np.isfinite(first.image[0:1, :]).all() and np.isnan(first.image[200:201, :]).all()
        assert "unpacking frame.fits.gz: 25 %" in robot.desk.busy_words
        robot.document.stretch = replace(robot.document.stretch, kind="log")
        go.release()
        robot.until(lambda: robot.document is not first)
        assert robot.document.stretch.kind == "log" and not robot.document.whole
        go.release()
        robot.until(lambda: robot.document.whole)
        robot.settle()
        assert robot.document.stretch.kind == "log" and robot.workspace.entry.partial is None
        assert np.array_equal(robot.document.image[:, :], whole) and told == [0.25, 0.5]
        assert robot.desk.busy_words == "" and not robot.workspace.notices


def test_rows_that_are_still_to_come_look_unread_and_are_not_counted_as_nan(unpacking, tmp_path):
    _, go, _ = unpacking
    path = tmp_path / "frame.fits.gz"
    path.touch()
    with Robot(str(path), ready=False) as robot:
        for part in (True, False, False):
            go.release()
            if part:
                robot.until(lambda: robot.document is not None)
                robot.frame(20)
                robot.click(robot.tab("Display"))
                assert np.isnan(robot.document.image[200:201, :]).all()
                assert not purple(robot).any()
                assert robot.reads("NaN: not counted") and not robot.reads("No NaN")
        robot.until(lambda: robot.document.whole)
        robot.settle()
        assert robot.reads("No NaN, no Inf") and not robot.reads("not counted")


def purple(robot):
    """Where the image pane shows the colour of NaN."""
    wanted = np.rint(np.array(PALETTE.nan) * 255)
    return (np.abs(robot.part("image").astype(int) - wanted) <= 1).all(-1)


def test_a_part_is_not_painted_on_nor_searched(unpacking, tmp_path):
    _, go, _ = unpacking
    path = tmp_path / "frame.fits.gz"
    path.touch()
    with Robot(str(path), ready=False) as robot:
        go.release()
        robot.until(lambda: robot.document is not None)
        robot.frame(3)
        robot.key("B")
        before = robot.view
        robot.drag(robot.at("image"), robot.at("image", 0.6, 0.6))
        assert not robot.document.edits.any and robot.view != before
        robot.key("D")
        robot.click("Detect")
        assert robot.desk.detector.running is None
        robot.desk.library.show_image(robot.document.image, 0)
        assert "still being unpacked" in robot.workspace.told and robot.workspace.entry.coming
        for _ in range(3):
            go.release()
        robot.until(lambda: robot.document.whole)
        robot.settle()
        assert not robot.workspace.notices
        robot.drag(robot.at("image"), robot.at("image", 0.6, 0.6))
        assert robot.document.edits.any and EDIT_ADD in robot.document.edits.plane[:, :]


@pytest.fixture
def stopped(unpacking, tmp_path):
    """A robot in front of a part of the picture: Esc stopped the unpacking at 25 %."""
    _, go, told = unpacking
    path = tmp_path / "frame.fits.gz"
    path.touch()
    with Robot(str(path), ready=False, cache=True) as robot:
        go.release()
        robot.until(lambda: robot.document is not None)
        robot.frame(2)
        robot.document.stretch = replace(robot.document.stretch, kind="log")
        robot.key("Escape")
        go.release()  # the worker learns of it now
        robot.settle()
        assert told == [0.25]
        yield robot


def test_escape_keeps_the_part_that_is_there_and_says_so(stopped, unpacking, tmp_path):
    whole, document = unpacking[0], stopped.document
    assert document.image.name == "part" and document.stretch.kind == "log"
    assert np.array_equal(document.image[:75, :], whole[:75])
    notice, = stopped.workspace.notices
    assert notice.startswith("part: unpacking was stopped at 25 % of the file")
    assert "Ctrl+R" in notice and stopped.desk.busy_words == ""
    assert document.pyramid.complete and document.sample.nan == 225 * 400, "it is sharp"
    assert not [one.name for one in tmp_path.iterdir() if one.name != "frame.fits.gz"], "no cache"


def test_the_part_that_is_there_stays_as_it_is_until_it_is_read_again(stopped, unpacking):
    whole, go, _ = unpacking
    stopped.workspace.notices.clear()
    for key in ("B", "D"):
        stopped.key(key)
    stopped.drag(stopped.at("image"), stopped.at("image", 0.6, 0.6))
    stopped.settle()
    assert not stopped.document.edits.any and not stopped.document.has_mask
    assert ["Ctrl+R" in notice for notice in stopped.workspace.notices] == [True]
    for _ in range(3):
        go.release()
    stopped.key("Ctrl+R")
    stopped.until(lambda: stopped.document is not None and stopped.document.whole)
    stopped.settle()
    assert np.array_equal(stopped.document.image[:, :], whole)
    assert stopped.document.stretch.kind == "log" and not stopped.workspace.notices
    stopped.drag(stopped.at("image"), stopped.at("image", 0.6, 0.6))
    assert stopped.document.edits.any


def test_escape_before_anything_can_be_seen_says_so(unpacking, tmp_path):
    _, go, _ = unpacking
    path = tmp_path / "frame.fits.gz"
    path.touch()
    with Robot(str(path), ready=False) as robot:
        robot.workspace.entry.coming.fraction = 0.01
        robot.key("Escape")
        assert robot.document is None and "Ctrl+R" in robot.workspace.entry.error
        go.release()
        robot.settle()
        assert robot.document is None and not robot.workspace.notices
