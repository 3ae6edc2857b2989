"""Objects, counts and thumbnails are those of the mask in the very frame that changed it."""

import numpy as np
import pytest
from robot import Robot
from scipy import ndimage

from glview.core import counting
from glview.library import mask_of

pytestmark = pytest.mark.gl


@pytest.fixture
def robot(monkeypatch):
    monkeypatch.setattr(counting, "AT_ONCE", 60.0)  # however busy the machine is
    random = np.random.default_rng(2)
    confidence = ndimage.gaussian_filter(random.random((200, 240)), 2.0)
    confidence = (confidence - confidence.min()) / np.ptp(confidence)
    with Robot(np.zeros((200, 240), np.float32)) as made:
        made.know(confidence.astype(np.float32))
        made.heard = []
        yield made


def follows(robot):
    """Fails unless all that is known of the objects is true of the mask as it is now."""
    document = robot.document
    mask = mask_of(document)
    count = ndimage.label(mask, np.ones((3, 3)))[1]
    review = document.review
    assert review.key == (document.key, *document.mask_key)
    assert (len(review.objects), review.pixels) == (count, mask.sum())
    robot.heard.append(count)


def test_while_the_threshold_is_dragged(robot):
    robot.drag(robot.at("Threshold", 0.5), robot.at("Threshold", 0.3), steps=6,
               look=lambda: follows(robot))
    assert len(set(robot.heard)) >= 5


def test_while_a_pencil_draws_and_when_it_is_taken_back(robot):
    robot.key("E")
    robot.key("]", times=6)
    robot.drag(robot.of_pixel(20, 30), robot.of_pixel(180, 200), steps=8,
               look=lambda: follows(robot))
    assert len(set(robot.heard)) >= 4
    for keys in ("Ctrl+Z", "Ctrl+Shift+Z"):
        robot.key(keys)
        follows(robot)
