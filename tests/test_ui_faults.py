"""Very many damaged parts: a frame costs no more than the screen, and each is seen."""

import time

import numpy as np
import pytest
from robot import Robot
from slow import GREY

from glview.core.image import Fault
from glview.core.view import View

SHAPE = (3000, 2400)
MOST = 0.05  # seconds that the hatching may add to a frame


def rows(step=1):
    return [Fault(0, (y, 0, y + 1, SHAPE[1]), "lost") for y in range(0, SHAPE[0], step)]


def squares():
    return [Fault(0, (y, x, y + 8, x + 8), "lost")
            for y in range(0, SHAPE[0], 20) for x in range(0, SHAPE[1], 20)]


@pytest.fixture
def robot():
    with Robot(np.zeros(SHAPE, np.uint8), size=(1000, 700)) as robot:
        robot.document.stretch = GREY
        yield robot


def frame_time(robot):
    robot.frame(2)
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        robot.frame()
        times.append(time.perf_counter() - begun)
    return sorted(times)[1]


def reds(robot):
    part = robot.part("image").astype(int)
    return part[..., 0] - part[..., 2] > 60


@pytest.mark.parametrize("made", [rows, squares])
@pytest.mark.parametrize("zoom", [None, 1.0])
def test_many_cost_no_more_than_the_screen(robot, made, zoom):
    robot.workspace.fit = zoom is None
    robot.workspace.view = View(1500.0, 1200.0, zoom or 1.0)
    usual = frame_time(robot)
    robot.document.image.faults.extend(made())
    assert frame_time(robot) < usual + MOST
    assert reds(robot).sum() > 3000


def test_one_that_is_smaller_than_a_screen_pixel_is_seen_where_it_is(robot):
    robot.document.image.faults.append(Fault(0, (700, 2000, 701, 2001), "lost"))
    robot.frame(2)
    y, x = np.nonzero(reds(robot))
    left, top = robot.places["image"][:2]
    px, py = robot.of_pixel(700, 2000)
    assert len(y) and abs(y.mean() + top - py) < 12 and abs(x.mean() + left - px) < 12
