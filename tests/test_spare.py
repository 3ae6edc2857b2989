"""A process that waits for the next detection: when there is one, and that none is left over."""

import threading

import pytest
from detections import boxes, frame, joined, only_linux, saved, until, wait

from glview.detecting.spare import Spare
from glview.models import init_model
from glview.models.child import Child
from glview.models.remote import Detection

pytestmark = only_linux


@pytest.fixture(autouse=True)
def ended():
    """A detection's thread closes what it has after its last event."""
    yield
    until(lambda: not [one for one in threading.enumerate() if one.name == "glview-detect"])


def test_it_does_the_next_detection(tmp_path):
    spare = Spare()
    spare.start()
    spare.start()
    child = spare.take()
    assert spare.take() is None
    image = frame()
    events = wait(Detection(saved(tmp_path, image), "ACS-WFC", {"device": "cpu"}, None, child))
    assert len(boxes(events)) == 1 and not child.alive
    wanted = init_model("ACS-WFC", "cpu").detect_cr(image)
    assert abs(joined(events, image.shape) - wanted).max() < 2e-6
    spare.close()


def test_pixels_that_are_no_file_need_a_process_of_their_own():
    child = Child()
    events = wait(Detection(frame(), "ACS-WFC", {"device": "cpu"}, None, child))
    assert "done" in events[-1] and not child.alive


def test_one_that_died_is_replaced(tmp_path):
    child = Child()
    child.process.kill()
    child.process.wait()
    assert "done" in wait(Detection(saved(tmp_path), "ACS-WFC", None, None, child))[-1]


def test_one_that_is_cancelled_before_it_is_asked_ends(tmp_path, monkeypatch):
    child = Child()
    start = Detection._start

    def late(self, block):
        self.cancel()
        start(self, block)

    monkeypatch.setattr(Detection, "_start", late)
    assert "cancelled" in wait(Detection(saved(tmp_path), "ACS-WFC", None, None, child))[-1]
    until(lambda: not child.alive)
