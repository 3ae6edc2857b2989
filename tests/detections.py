"""What the tests of detection share: frames with rays, ears for events, a child that obeys."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from glview.files import open_images
from glview.models import remote
from glview.models.remote import Detection

LAST = {"done", "error", "cancelled"}
only_linux = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks into /proc")


def until(true, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def frame(shape=(150, 131)):
    image = np.random.default_rng(5).normal(200.0, 12.0, shape).astype(np.float32)
    image[40, 30:50] += 3000.0
    image[90:93, 100] += 3000.0
    return image


def saved(folder, image=None):
    """The Image of a file that holds `image`."""
    path = folder / "frame.fits"
    fits.writeto(path, frame() if image is None else image)
    return open_images(path)[0]


def wait(detection, until=LAST, seconds=60.0):
    """All events until one has come that has one of those keys."""
    events, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        events += detection.poll()
        if any(until & set(event) for event in events):
            return events
        time.sleep(0.01)
    raise AssertionError(f"no {until} within {seconds} s: {events}")


def boxes(events):
    return [tuple(event["tile"]) for event in events if "tile" in event]


def joined(events, shape):
    """The confidence that tiles make up; a pixel that came twice or never is a failure."""
    confidence = np.full(shape, np.nan, np.float32)
    for event in events:
        if "tile" in event:
            y0, x0, y1, x1 = event["tile"]
            assert np.isnan(confidence[y0:y1, x0:x1]).all()
            confidence[y0:y1, x0:x1] = event["values"]
    assert not np.isnan(confidence).any()
    return confidence


def children(pid):
    """Process numbers of what any thread of a process started and did not wait for."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(one) for path in lists for one in path.read_text().split()]


def slow(tmp_path, model="ACS-WFC", request=(), side=800):
    """(detection of many small tiles, its path, events until the first tile)."""
    image = saved(tmp_path, frame((side, side)))
    settings = {"tile": 32, "device": "cpu", "centre": (0.0, 0.0), **dict(request)}
    detection = Detection(image, model, settings)
    return detection, image.path, wait(detection, {"tile"} | LAST)


# a child for the tests of the window

SHIPPED = "ACS-WFC"
READY = {"ready": SHIPPED, "sha256": "abc", "threshold": 0.5, "notes": ["expects electrons"],
         "provenance": {"model": SHIPPED, "weights_sha256": "abc"}}
DONE = {"done": True, "notes": [], "seconds": 1.5}


class Child:
    """Stands in for `remote.Detection`; says what the test puts into `events`."""

    def __init__(self, image, name, request, wake, spare):
        self.image, self.name, self.request, self.wake = image, name, request, wake
        self.events, self.closed, self.looks = [], 0, []

    def poll(self):
        events, self.events = self.events, []
        return events

    def look(self, centre):
        self.looks.append(centre)

    def close(self):
        self.closed += 1


def tile(y0, x0, y1, x1, pixels=(), value=0.9):
    """The event of a tile that is 0 but for some pixels (y, x) of the frame."""
    values = np.zeros((y1 - y0, x1 - x0), np.float32)
    for y, x in pixels:
        values[y - y0, x - x0] = value
    return {"tile": [y0, x0, y1, x1], "values": values}


def stand_ins(monkeypatch):
    """The list of the `Child`ren that take the place of `remote.Detection` from now on."""
    made = []

    def make(*arguments):
        made.append(Child(*arguments))
        return made[-1]

    monkeypatch.setattr(remote, "Detection", make)
    return made


def found(robot):
    """Pixels (y, x) that a model found, in order; None without a confidence."""
    values = robot.document.detection.confidence
    return None if values is None else list(map(tuple, np.argwhere(values[:, :] > 0.5).tolist()))


def crash(robot, folder):
    """Leave in folder/unsaved what is there a moment after the robot's last frame, which ends."""
    robot.frame()
    robot.desk.autosave.sync()
    shutil.copytree(folder / "unsaved", folder / "left")
    robot.desk.jobs.close()
    robot.desk.close()
    shutil.rmtree(folder / "unsaved")
    (folder / "left").rename(folder / "unsaved")
