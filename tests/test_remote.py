"""Detection in a child process: the round trip, and every way it can end early."""

import os
import signal
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from glview.core.image import Image, from_array
from glview.models import MODELS, ModelError, blocks, init_model
from glview.models.blocks import Block, attach
from glview.models.remote import Detection

LAST = {"done", "error", "cancelled"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Blocks in a folder of the test's own, which every test must leave empty."""
    place = tmp_path / "blocks"
    place.mkdir()
    monkeypatch.setattr(blocks, "_MEMORY", place)
    yield place
    assert list(place.iterdir()) == []


def _frame():
    image = np.random.default_rng(5).normal(200.0, 12.0, (150, 131)).astype(np.float32)
    image[40, 30:50] += 3000.0
    image[90:93, 100] += 3000.0
    return image


def _wait(detection, until=LAST, seconds=60.0):
    """All events up to the first that has one of those keys."""
    events, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        for event in detection.poll():
            events.append(event)
            if until & set(event):
                return events
        time.sleep(0.01)
    raise AssertionError(f"no {until} within {seconds} s: {events}")


def test_the_round_trip_equals_the_model_in_this_process(tmp_path, monkeypatch):
    noisy = tmp_path / "site"
    noisy.mkdir()
    (noisy / "sitecustomize.py").write_text(
        "import os, threading, time\n"
        "os.write(1, b'a banner\\n')\n"
        "def chatter():\n"
        "    while True: os.write(1, b'chatter\\n'); time.sleep(0.01)\n"
        "threading.Thread(target=chatter, daemon=True).start()\n"
    )
    old = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(noisy), old]))
    image, woken = _frame(), threading.Event()
    request = {"tile": 64, "device": "cpu", "centre": [149, 0]}
    detection = Detection(from_array(image), "ACS-WFC", request, woken.set)
    events = _wait(detection)
    detection.close()
    expected = init_model("ACS-WFC", "cpu", tile=64).detect_cr(image)
    assert expected[40, 35] > 0.5
    assert np.array_equal(detection.confidence, expected)
    assert woken.is_set() and not detection.running
    assert events[0] == {"loading": "ACS-WFC"}
    ready = next(event for event in events if "ready" in event)
    assert ready["sha256"] == MODELS["ACS-WFC"].sha256 and ready["threshold"] == 0.5
    assert ready["provenance"]["tiling"] == "seamless" and ready["notes"]
    tiles = [event["tile"] for event in events if "tile" in event]
    assert tiles[0] == [128, 0, 150, 64] and len(tiles) == 9
    assert [e["progress"] for e in events if "progress" in e][-1] == 1.0
    assert events[-1]["done"] and events[-1]["seconds"] > 0


def test_the_childs_error_is_the_models_own_sentence():
    detection = Detection(_frame(), "no such model")
    assert "there is no model 'no such model'" in _wait(detection)[-1]["error"]
    detection.close()


def test_a_child_that_is_killed_is_told():
    detection = Detection(_frame(), "ACS-WFC")
    _wait(detection, {"loading"})
    os.kill(detection._process.pid, signal.SIGKILL)
    assert "exit code -9" in _wait(detection)[-1]["error"]
    detection.close()


def test_a_child_that_cannot_start_shows_its_last_words(monkeypatch, tmp_path):
    (tmp_path / "json.py").write_text("raise ImportError('json is gone')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    detection = Detection(_frame(), "ACS-WFC")
    assert "json is gone" in _wait(detection)[-1]["error"]
    detection.close()


def test_a_child_that_dies_before_the_question_is_told(monkeypatch):
    fill = Detection._fill

    def late(self):
        fill(self)
        self._process.kill()
        self._process.wait()

    monkeypatch.setattr(Detection, "_fill", late)
    detection = Detection(_frame(), "ACS-WFC")
    assert "exit code -9" in _wait(detection)[-1]["error"]
    detection.close()


def test_cancel_ends_at_once():
    detection = Detection(_frame(), "ACS-WFC")
    _wait(detection, {"loading"})
    began = time.monotonic()
    detection.cancel()
    assert _wait(detection)[-1] == {"cancelled": True}
    assert time.monotonic() - began < 1.0
    detection.cancel()
    detection.close()
    assert detection.poll() == []
    assert not detection.confidence.any()


def test_close_at_once_leaves_nothing(folder):
    detection = Detection(_frame(), "ACS-WFC")
    detection.close()
    assert list(folder.iterdir()) == []
    assert _wait(detection)[-1] == {"cancelled": True}
    assert list(folder.iterdir()) == []


def test_close_does_not_wait_for_a_slow_read(folder):
    go, reading = threading.Event(), threading.Event()

    def read(plane, y0, y1, x0, x1):
        reading.set()
        assert go.wait(20)
        return np.zeros((y1 - y0, x1 - x0), np.float32)

    detection = Detection(Image("slow", (40, 40), np.dtype(np.float32), read), "ACS-WFC")
    assert reading.wait(20)
    process = detection._process
    detection.close()
    assert not go.is_set() and list(folder.iterdir()) == []
    assert process.wait(10) != 0, "the child is dead though the read goes on"
    go.set()
    assert _wait(detection)[-1] == {"cancelled": True}


def test_the_picture_is_read_off_the_callers_thread_and_its_errors_are_told():
    threads = []

    def read(plane, y0, y1, x0, x1):
        threads.append(threading.current_thread())
        raise ValueError("row 7 is torn")

    image = Image("torn", (40, 40), np.dtype(np.float32), read)
    detection = Detection(image, "ACS-WFC")
    assert "row 7 is torn" in _wait(detection)[-1]["error"]
    detection.close()
    assert threads and threading.main_thread() not in threads


def test_what_is_no_image_is_refused_before_anything_starts():
    with pytest.raises(ModelError, match="one plane"):
        Detection(np.ones((2, 8, 8)), "ACS-WFC")


def test_a_block_is_shared_and_outlives_its_name(folder):
    block = Block((3, 5))
    block.reserve()
    other = attach(block.path, (3, 5))
    other[2, 4] = 7.0
    assert block.array[2, 4] == 7.0 and block.array.sum() == 7.0
    block.unlink()
    block.unlink()
    block.array[0, 0] = 1.0
    assert other[0, 0] == 1.0


def test_no_room_is_told(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")
    monkeypatch.setattr(blocks, "_MEMORY", Path("/no/such/folder"))
    with pytest.raises(ModelError, match=r"no room for 0 MB.*TMPDIR"):
        Block((8, 8))
