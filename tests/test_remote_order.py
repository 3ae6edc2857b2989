"""What a detection's child does first, what it leaves out, what it needs, and how it tells it."""

import io
import json
import os
import signal
import threading

import numpy as np
import pytest
from detections import LAST, boxes, frame, joined, only_linux, saved, slow, wait

from glview.detectchild import Orders
from glview.files import open_images
from glview.models import ModelError, init_model, remote
from glview.models.remote import Detection
from glview.models.wire import receive, send


def far(box, point):
    return np.hypot((box[0] + box[2]) / 2 - point[0], (box[1] + box[3]) / 2 - point[1])


def rises(values):
    return bool((np.diff(values) >= 0).all())


def test_the_child_turns_to_where_the_person_looks(tmp_path):
    detection, _, events = slow(tmp_path)
    seen = len(boxes(events))
    detection.look((799.0, 0.0))
    events += wait(detection)
    order = boxes(events)
    assert len(order) == 25 * 25
    wanted = init_model("ACS-WFC", "cpu").detect_cr(frame((800, 800)))  # small tiles take long
    assert np.abs(joined(events, (800, 800)) - wanted).max() < 2e-6
    turn = order.index((768, 0, 800, 32))
    assert seen <= turn < seen + 100, "it did not turn soon"
    assert rises([far(box, (0, 0)) for box in order[:turn]])
    assert rises([far(box, (799, 0)) for box in order[turn:]])


@pytest.mark.parametrize("moment", ["before", "meanwhile"])
def test_a_look_while_the_child_is_asked_counts(tmp_path, monkeypatch, moment):
    ask, dumps = Detection._ask, json.dumps

    def late(self, where):
        def look_too(request):
            monkeypatch.setattr(remote.json, "dumps", dumps)
            self.look((799.0, 799.0))
            return dumps(request)

        if moment == "before":
            self.look((799.0, 799.0))
        else:
            monkeypatch.setattr(remote.json, "dumps", look_too)
        ask(self, where)

    monkeypatch.setattr(Detection, "_ask", late)
    detection, _, events = slow(tmp_path)
    assert boxes(events)[0] == (768, 768, 800, 800)
    detection.close()


def test_looks_that_a_child_does_not_take_are_dropped(tmp_path):
    detection, _, _ = slow(tmp_path)
    pid = detection._process.pid
    os.kill(pid, signal.SIGSTOP)
    many = threading.Thread(target=lambda: [detection.look((n, n)) for n in range(20_000)])
    many.start()
    many.join(20)
    waiting = many.is_alive()
    os.kill(pid, signal.SIGKILL)
    many.join()
    assert not waiting
    assert "exit code -9" in wait(detection)[-1]["error"]
    detection.look((0, 0))


def test_orders_are_taken_whole_and_their_end_is_seen():
    out, into = os.pipe()
    orders = Orders(out)
    os.write(into, b'{"model": "x", "centre": [1, 2]}\n{"cen')
    assert orders.first() == {"model": "x", "centre": [1, 2]} and orders.centre == (1, 2)
    assert not orders.abandoned() and orders.centre == (1, 2)
    os.write(into, b'tre": [3, 4]}\n{"centre": [5, 6]}\n')
    assert not orders.abandoned() and orders.centre == (5, 6)
    os.close(into)
    assert orders.abandoned() and orders.centre == (5, 6)
    assert Orders(out).first() == {}
    os.close(out)


def test_known_tiles_are_left_out(tmp_path):
    image = saved(tmp_path)
    request = {"tile": 32, "device": "cpu"}
    first = wait(Detection(image, "ground_imaging", request))
    known = boxes(first)[3:20]
    events = wait(Detection(image, "ground_imaging", {**request, "known": known}))
    assert set(boxes(events)) == set(boxes(first)) - set(known)
    assert 0 < len(boxes(events)) == len(boxes(first)) - 17
    kept = [event for event in first if tuple(event.get("tile", ())) in known]
    assert np.array_equal(joined(kept + events, image.shape), joined(first, image.shape))
    shares = [event["progress"] for event in events if "progress" in event]
    assert rises(shares) and shares[-1] == 1.0


def peak(pid):
    """Largest resident size of a process in MB."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1000


@only_linux
@pytest.mark.parametrize("shape", [(12_000, 100_000), (1_000_000, 1200)])
def test_a_gigapixel_needs_little(tmp_path, shape):
    path = tmp_path / "mosaic.fits"
    header = fits_header(shape)
    with open(path, "wb") as file:
        file.write(header)
        file.truncate(len(header) + 4 * shape[0] * shape[1])
    image = open_images(path)[0]
    assert image.shape == shape
    middle = (shape[0] / 2, shape[1] / 2)
    detection = Detection(image, "ACS-WFC", {"centre": middle, "device": "cpu"})
    events = wait(detection, {"tile"} | LAST, 20.0)
    own = peak(os.getpid())
    assert far(boxes(events)[0], middle) < 240
    assert peak(detection._process.pid) < 600
    detection.close()
    assert wait(detection)[-1] == {"cancelled": True}
    assert peak(os.getpid()) <= own + 1


def fits_header(shape):
    cards = ["SIMPLE  =                    T", f"BITPIX  = {-32:20}", f"NAXIS   = {2:20}",
             f"NAXIS1  = {shape[1]:20}", f"NAXIS2  = {shape[0]:20}", "END"]
    return "".join(card.ljust(80) for card in cards).ljust(2880).encode()


# the wire


class Slow(io.RawIOBase):
    """Hands out one byte at a time, as a pipe may."""

    def __init__(self, data):
        self.data = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.data.readinto(memoryview(buffer)[:1])


EVENTS = [({"loading": "a\nb"}, None),
          ({"tile": [0, 1, 2, 4]}, np.float32([[1, 2, 3], [4, 5, 10]])),
          ({"progress": 0.5}, None), ({"tile": [2, 0, 3, 1]}, np.float32([[np.nan]]))]


def written(events):
    file = io.BytesIO()
    for event, values in events:
        send(file, event, values)
    return file.getvalue()


def heard(data):
    return list(receive(io.BufferedReader(Slow(data))))


def test_what_was_sent_is_received():
    found = heard(written(EVENTS))
    assert len(found) == len(EVENTS)
    for event, (sent, values) in zip(found, EVENTS, strict=True):
        came = event.pop("values", None)
        assert event == sent
        assert (came is None) == (values is None)
        assert values is None or np.array_equal(came, values, equal_nan=True)


def test_a_stream_may_break_off_anywhere():
    data = written(EVENTS)
    ends = [len(written(EVENTS[: count + 1])) for count in range(len(EVENTS))]
    for size in range(len(data)):
        assert len(heard(data[:size])) == sum(end <= size for end in ends)


@pytest.mark.parametrize("line", [b"Segmentation fault\n", b"[1, 2]\n", b"\xff\xfe\n"])
def test_what_is_no_event_is_told(line):
    with pytest.raises(ModelError, match="without sense"):
        heard(written(EVENTS) + line)
