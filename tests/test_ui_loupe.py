"""The loupe: what it shows of the pixels under the mouse, and of the chosen object."""

import threading

import numpy as np
import pytest
from drawing import OVERLAY
from PIL import Image
from robot import Robot

from glview.core.view import View
from glview.library import entry_of_array

SHAPE = (120, 160)
HALF = (255, 0, 255)  # OVERLAY's colour


@pytest.fixture
def robot():
    image = np.random.default_rng(1).normal(100, 5, SHAPE).astype(np.float32)
    image[60, 60:70] = 4000
    with Robot(image, size=(1300, 1000), overlay=OVERLAY, fit=False,
               view=View(60, 80, 5.0)) as made:
        made.click(made.tab("Loupe"))
        made.move(made.of_pixel(60, 65))
        made.settle()
        yield made
        assert not made.desk.faults


def cells(robot, cell=8):
    """(n, n, 3): the colour near the corner of every pixel in the loupe, row 0 on top."""
    shown = robot.part("loupe").astype(int)
    assert shown.shape[0] == shown.shape[1] and shown.shape[0] % (2 * cell) == cell
    return shown[2::cell, 2::cell]


def due(robot, count):
    """(n, n) grey levels that the pixels round the cursor must have, top row first."""
    (y, x), half = robot.workspace.cursor, count // 2
    low, high = robot.document.limits
    values = robot.document.image[y - half : y + half + 1, x - half : x + half + 1]
    return np.floor(np.clip((values - low) / (high - low), 0, 1) * 255 + 0.5)[::-1]


def test_it_shows_the_pixels_round_the_mouse_as_the_image_pane_does(robot):
    for y, x in ((60, 65), (63, 70), (40, 90)):
        robot.move(robot.of_pixel(y, x))
        robot.settle()
        shown = cells(robot)
        assert len(shown) >= 15
        expected = due(robot, len(shown))
        assert (np.ptp(shown, axis=-1) == 0).mean() > 0.85, "grey, but for the cross"
        alike = np.abs(shown[..., 0] - expected) <= 1
        middle = len(shown) // 2
        alike[middle] = alike[:, middle] = True
        assert alike.all(), f"{(~alike).sum()} pixels differ"


def test_the_value_and_the_cuts_are_told(robot):
    values = robot.document.image[60:61, 65:66]
    assert robot.reads("FITS 66, 61: 4e+03") or robot.reads(f"FITS 66, 61: {values[0, 0]:.0f}")
    half = len(cells(robot)) // 2
    column = robot.document.image[60 - half : 61 + half, 65:66]
    assert robot.reads(f"column {column.min():.3g} to 4000")


def test_the_edge_of_the_mask_is_drawn(robot):
    def edges():
        shown = robot.part("loupe").astype(int)
        return int((np.abs(shown - HALF) < 30).all(-1).sum())

    assert not edges()
    confidence = np.zeros(SHAPE, np.float32)
    confidence[60, 60:70] = 0.9
    robot.know(confidence)
    around = edges()
    assert 22 * 8 * 1.2 < around < 22 * 8 * 2.8, "22 edges of 8 screen pixels, 2 thick"
    robot.document.change(threshold=0.95)
    robot.settle()
    assert not edges()
    robot.key("Ctrl+Z")
    robot.settle()
    assert edges() == around
    robot.key("M")
    assert not edges(), "the mask is hidden"


def test_it_follows_the_chosen_object(robot):
    confidence = np.zeros(SHAPE, np.float32)
    confidence[20, 30] = confidence[90:92, 100] = 0.9
    robot.know(confidence)
    robot.move("Threshold")
    robot.key("N", times=2)
    robot.settle()
    assert robot.workspace.cursor == (20, 30)
    assert robot.reads("FITS 31, 21:")


def test_corners_of_the_frame_and_a_wheel(robot):
    robot.workspace.view = View(0, 0, 5.0)
    robot.move(robot.of_pixel(0, 0))
    robot.settle()
    shown = cells(robot)
    middle = len(shown) // 2
    expected = np.floor(np.clip((robot.document.image[3:4, 2:3] - robot.document.limits[0])
                                / np.ptp(robot.document.limits), 0, 1) * 255 + 0.5)
    assert abs(shown[middle - 3, middle + 2, 0] - expected[0, 0]) <= 1
    assert (shown[middle + 2 :] < 40).all(), "below the frame there is nothing"
    count = len(shown)
    robot.wheel(3, robot.at("loupe"))
    robot.settle()
    assert robot.workspace.cursor == (0, 0)
    assert robot.part("loupe").shape[0] // 16 < count - 5


def test_a_small_move_reads_nothing_and_what_is_read_late_is_not_waited_for(robot, monkeypatch):
    started = []
    start = robot.desk.jobs.start
    monkeypatch.setattr(robot.desk.jobs, "start",
                        lambda name, *rest: (started.append(name), start(name, *rest)))
    robot.move(robot.of_pixel(62, 67))
    robot.settle()
    assert "loupe" not in started and "readout" in started
    robot.move(robot.of_pixel(62, 109))
    robot.settle()
    assert started.count("loupe") == 1


@pytest.fixture
def slow(robot, monkeypatch):
    """(go, started): an event without which nothing is read for the loupe, and what was begun."""
    go, started, start = threading.Event(), [], robot.desk.jobs.start

    def slowly(name, work, *rest):
        if name == "loupe":
            started.append(name)
            start(name, lambda cancelled: (go.wait(30), work(cancelled))[1], *rest)
        else:
            start(name, work, *rest)

    monkeypatch.setattr(robot.desk.jobs, "start", slowly)
    return go, started


def test_a_slow_file_is_read_for_one_place_at_a_time(robot, slow):
    go, started = slow
    for y in (60, 20, 100, 60, 20, 100):
        robot.document.edits.draw((y, 5), (y, 5), 1, 1)  # what was read is another mask's
        robot.move(robot.of_pixel(y, 80))
    assert len(started) == 1
    go.set()
    robot.settle()
    assert len(started) == 2 and robot.reads("FITS 81, 101:") and not robot.reads("...")


def test_pixels_of_another_file_are_not_shown(robot, slow):
    robot.workspace.entries.append(entry_of_array(np.zeros(SHAPE, np.float32)))
    robot.workspace.current = 1
    assert robot.reads("FITS 66, 61") and not robot.reads("row ")
    slow[0].set()
    robot.settle()
    assert robot.reads("FITS 66, 61: 0")


def test_row_0_is_on_top_where_the_picture_has_it_there(tmp_path):
    values = np.arange(60 * 60, dtype=np.uint8).reshape(60, 60)
    values[30:33, 30:32] = 255
    Image.fromarray(values).save(tmp_path / "picture.png")
    with Robot(tmp_path / "picture.png", size=(1300, 1000), fit=False,
               view=View(30, 30, 8.0)) as robot:
        robot.click(robot.tab("Loupe"))
        robot.move(robot.of_pixel(30, 30))
        robot.settle()
        assert not robot.document.image.y_up
        shown = cells(robot)
        off = np.abs(shown[..., 0] - due(robot, len(shown))[::-1]) > 1
        middle = len(shown) // 2
        off[middle] = off[:, middle] = False  # the cross
        assert not off.any()


def test_without_a_cursor_or_a_picture_it_says_what_it_wants():
    with Robot(np.zeros((30, 40), np.float32), size=(1300, 1000)) as robot:
        robot.click(robot.tab("Loupe"))
        assert robot.workspace.cursor is None and robot.reads("Point at the picture")
    with Robot(size=(1300, 1000)) as robot:
        robot.click(robot.tab("Loupe"))
        assert robot.reads("Point at the picture") and not robot.desk.faults


def test_bad_pixels_have_their_colours():
    image = np.zeros((40, 40), ">f4")
    image[20, 20], image[21, 21], image[22, 22] = np.nan, np.inf, -np.inf
    with Robot(image, size=(1300, 1000), fit=False, view=View(20, 20, 8.0)) as robot:
        robot.click(robot.tab("Loupe"))
        robot.move(robot.of_pixel(17, 17))
        robot.settle()
        shown = cells(robot)
        middle = len(shown) // 2
        found = [tuple(shown[middle - k, middle + k]) for k in (3, 4, 5)]
        image_pane = [tuple(robot.colour_of(y, y)) for y in (20, 21, 22)]
        assert found == image_pane and len(set(found)) == 2
