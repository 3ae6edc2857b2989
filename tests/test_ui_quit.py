"""Quitting while a model searches anew: what was found before is asked about, saved, or kept."""

import numpy as np
import pytest
from astropy.io import fits
from detections import DONE, READY, SHIPPED, tile
from robot import Robot
from sky import write_noise

from glview.library import mask_of

SHAPE = (60, 80)
EARLIER = [(5, 6), (20, 30)]


@pytest.fixture
def frame(tmp_path):
    return write_noise(tmp_path / "frame.fits", SHAPE)


def sit(frame):
    return Robot(frame, model=SHIPPED, unsaved=frame.parent / "unsaved")


@pytest.fixture
def robot(frame, children):
    """A detection is done and not saved; of the next one, everywhere 1, half has come."""
    with sit(frame) as made:
        made.key("D")
        children[0].events = [READY, tile(0, 0, *SHAPE, EARLIER), DONE]
        made.settle()
        made.key("D")
        children[1].events = [READY, {"tile": [0, 0, 30, 80],
                                      "values": np.ones((30, 80), np.float32)}]
        made.until(lambda: mask_of(made.document).sum() == 2400)
        yield made


def test_a_search_under_way_does_not_hide_that_the_one_before_is_not_saved(robot, frame):
    assert robot.document.changed and robot.desk.library.unsaved
    robot.key("Ctrl+Q")
    robot.frame(2)
    assert not robot.desk.done and robot.reads("frame.fits")
    robot.click("unsaved:save")
    robot.until(lambda: robot.desk.done)
    assert np.argwhere(fits.getdata(frame, "CR_MASK")).tolist() == [list(one) for one in EARLIER]


def test_who_stays_has_the_search_go_on(robot, children):
    robot.key("Ctrl+Q")
    robot.frame(2)
    robot.click("unsaved:stay")
    children[1].events = [{"tile": [30, 0, 60, 80], "values": np.ones((30, 80), np.float32)}, DONE]
    robot.settle()
    assert mask_of(robot.document).all() and robot.document.changed


def test_a_window_that_is_gone_without_an_answer_has_kept_it(robot, frame, children):
    robot.desk.autosave.sync()
    robot.desk.close()
    again = sit(frame)
    again.click("restore:restore")
    assert np.argwhere(mask_of(again.document)).tolist() == [list(one) for one in EARLIER]
    again.desk.close()


def test_a_first_search_is_ended_without_a_question(frame, children):
    with sit(frame) as robot:
        robot.key("D")
        children[0].events = [READY, {"tile": [0, 0, 30, 80],
                                      "values": np.ones((30, 80), np.float32)}]
        robot.until(lambda: mask_of(robot.document).any())
        robot.key("Ctrl+Q")
        assert robot.desk.done
