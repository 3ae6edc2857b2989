"""A search that is killed goes on where it was: its tiles are on disk as they come."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from detections import DONE, READY, SHIPPED, crash, found, tile

from glview import recording
from glview.core import plane
from glview.files import confidence, open_images
from glview.files.unsaved import Place

ROOT = Path(__file__).parent.parent
SHAPE = (120, 160)
RAYS = [(10, 10), (60, 70)]
OTHER = READY | {"ready": "decam", "sha256": "def",
                 "provenance": {"model": "decam", "weights_sha256": "def"}}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(recording, "PAUSE", 0.0)


@pytest.fixture
def sit(sit, frame, children):
    return lambda: sit(frame, model=SHIPPED)


def tiles(frame):
    return Place.of(frame.parent / "unsaved", open_images(frame)[0]).tiles


def recorded(frame):
    """Boxes of the search that is on disk."""
    path = tiles(frame)
    return confidence.read_torn(path, SHAPE)[2] if path.exists() else []


def begin(robot, children, ready=READY, rows=72):
    """A search of which so many rows have come and are on disk."""
    robot.key("D")
    children[-1].events = [ready, tile(0, 0, rows - 12, 160, [RAYS[0]]),
                           tile(rows - 12, 0, rows, 160, [(60, 70)]), {"progress": rows / 120}]
    robot.until(lambda: len(recorded(Path(robot.document.image.path))) == 2)
    robot.until(lambda: not any(name.startswith("record ") for name in robot.desk.jobs.busy))


def finish(robot, children, ray=(100, 5)):
    """Press Continue, and let the rest come."""
    robot.click("Continue")
    assert children[-1].request["known"] == ((0, 0, 72, 160),)
    children[-1].events = [READY, tile(72, 0, 120, 160, [ray]), {"progress": 1.0}, DONE]
    robot.settle()
    return found(robot)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_search_that_was_cut_off_is_offered_and_goes_on(sit, frame, children, sparse,
                                                          monkeypatch):
    if sparse:
        monkeypatch.setattr(plane, "DENSE_PIXELS", 1000)
    robot = sit()
    begin(robot, children)
    crash(robot, frame.parent)
    robot = sit()
    assert robot.reads(f"frame.fits: a search with {SHIPPED} (60 % done) of ")
    assert found(robot) is None
    robot.click("restore:show")
    assert found(robot) == RAYS
    robot.click("restore:show")
    assert found(robot) is None
    robot.click("restore:restore")
    detection = robot.document.detection
    assert found(robot) == RAYS and detection.covered == 0.6 and robot.document.changed
    assert detection.gaps.boxes == [(0, 0, 72, 160)] and "Continue goes on at 60 %" in \
        detection.status
    assert finish(robot, children) == [*RAYS, (100, 5)] and detection.covered == 1.0
    robot.settle()
    robot.desk.autosave.sync()
    assert not tiles(frame).exists(), "all of it is kept elsewhere"


def test_one_that_would_have_replaced_another_does_not(sit, frame, children):
    """As when it is given up, the earlier one is shown, and it can go on."""
    robot = sit()
    robot.key("D")
    children[-1].events = [OTHER, tile(0, 0, *SHAPE, [(1, 2)]), DONE]
    robot.settle()
    robot.key("Ctrl+S")
    robot.settle()
    begin(robot, children)
    crash(robot, frame.parent)
    robot = sit()
    robot.click("restore:show")
    assert "Continue" in robot.in_sight()
    robot.click("restore:show")
    assert "Continue" not in robot.in_sight() and not robot.document.changed
    robot.click("restore:restore")
    assert found(robot) == [(1, 2)] and robot.document.detection.covered == 1.0
    assert "Continue goes on at 60 %" in robot.document.detection.status
    assert finish(robot, children) == [*RAYS, (100, 5)]
    robot.key("Ctrl+Z")
    assert found(robot) == [(1, 2)]


def test_a_second_crash_after_it_went_on_loses_nothing(sit, frame, children):
    robot = sit()
    begin(robot, children)
    crash(robot, frame.parent)
    robot = sit()
    robot.click("restore:restore")
    robot.settle()
    robot.click("Continue")
    children[-1].events = [READY, tile(72, 0, 96, 160, [(90, 9)]), {"progress": 0.8}]
    robot.until(lambda: (72, 0, 96, 160) in recorded(frame))
    crash(robot, frame.parent)
    robot = sit()
    assert robot.reads("(80 % done)")
    robot.click("restore:restore")
    assert found(robot) == [*RAYS, (90, 9)] and robot.document.detection.covered == 0.8


@pytest.mark.parametrize("whole", [False, True])
def test_what_is_saved_already_is_not_offered(sit, frame, children, whole):
    """A crash right after the save, before what was recorded is removed."""
    robot = sit()
    begin(robot, children)
    data = tiles(frame).read_bytes()
    if whole:
        children[-1].events = [tile(72, 0, 120, 160), {"progress": 1.0}, DONE]
    else:
        robot.key("Escape")
    robot.settle()
    robot.key("Ctrl+S")
    robot.settle()
    crash(robot, frame.parent)
    tiles(frame).write_bytes(data)
    robot = sit()
    assert robot.desk.autosave.question(robot.document) is None
    assert found(robot) == RAYS and not robot.document.changed
    robot.desk.autosave.sync()
    assert not tiles(frame).exists()


@pytest.mark.parametrize("end", ["discard", "done", "closed"])
def test_nothing_is_left_of_one_that_nobody_needs(sit, frame, children, end):
    robot = sit()
    begin(robot, children)
    if end == "discard":
        crash(robot, frame.parent)
        robot = sit()
        robot.click("restore:discard")
    elif end == "done":
        children[-1].events = [tile(72, 0, 120, 160), {"progress": 1.0}, DONE]
    if end != "closed":
        robot.settle()
        robot.desk.autosave.sync()
        assert not tiles(frame).exists()
    else:
        robot.key("Escape")
    robot.key("Ctrl+S")
    robot.settle()
    robot.desk.close()
    assert not list((frame.parent / "unsaved").iterdir())
    robot = sit()
    assert robot.desk.autosave.question(robot.document) is None


def test_a_file_that_is_torn_anywhere_gives_what_is_whole(sit, frame, children):
    robot = sit()
    begin(robot, children)
    data, place = tiles(frame).read_bytes(), tiles(frame)
    robot.desk.close()
    image = open_images(frame)[0]
    where = Place.of(frame.parent / "unsaved", image)
    counts = []
    for cut in (*range(0, len(data), 23), len(data)):
        place.write_bytes(data[:cut])
        one = recording.look(where, SHAPE)
        counts.append(0 if one is None else len(confidence.read_torn(place, SHAPE)[2]))
        if one is not None:
            assert one.finding.part.boxes in (((0, 0, 60, 160),), ((0, 0, 72, 160),))
            assert one.finding.confidence[10, 10] == np.float32(0.9)
    assert sorted(set(counts)) == [0, 1, 2] and counts == sorted(counts)
    place.write_bytes(data)
    assert recording.look(where, (160, 120)) is None, "another picture's"


def test_it_is_written_now_and_then_and_never_for_most_of_the_time(sit, frame, children,
                                                                   monkeypatch):
    robot = sit()
    begin(robot, children)
    recorder = next(iter(robot.desk.autosave._kept.values())).recorder
    clock = [1000.0]
    monkeypatch.setattr(recording, "PAUSE", 3.0)
    monkeypatch.setattr(recording.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(recording.os, "fsync", lambda fd: clock.__setitem__(0, clock[0] + 2.0))
    run = robot.document.detection.run
    recorder.write([(72, 0, 73, 160)], lambda: False)
    run.boxes += [(72, 0, 73, 160), (73, 0, 74, 160)]
    assert clock[0] == 1002.0 and recorder.due() == []
    clock[0] = 1009.9
    assert recorder.due() == []
    clock[0] = 1010.1
    assert recorder.due() == [(73, 0, 74, 160)]
    recorder.stop()
    assert recorder.due() == []


def test_a_disk_without_room_is_told_once_and_the_search_goes_on(sit, frame, children,
                                                                 monkeypatch):
    monkeypatch.setattr(confidence, "MOST_BYTES", 10)
    robot = sit()
    robot.key("D")
    children[-1].events = [READY, tile(0, 0, 60, 160, RAYS[:1])]
    robot.until(lambda: robot.workspace.notices)
    children[-1].events = [tile(60, 0, 72, 160), tile(72, 0, 120, 160), {"progress": 1.0}, DONE]
    robot.settle()
    assert found(robot) == RAYS[:1]
    assert [one for one in robot.workspace.notices if "cannot be kept against a crash" in one] == \
        robot.workspace.notices[:1] == robot.workspace.notices


SEARCHING = """
import os, sys
from pathlib import Path
import pytest
from detections import READY, SHIPPED, stand_ins, tile
from robot import Robot
from glview import recording

recording.PAUSE, recording.SHARE = 0.0, 1.0
log = os.open(sys.argv[3], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
write, kept = recording.Recorder.write, []

def told(recorder, boxes, cancelled):
    write(recorder, boxes, cancelled)
    kept.append(boxes[-1][2])
    os.write(log, b"kept %d\\n" % kept[-1])

recording.Recorder.write = told
children = stand_ins(pytest.MonkeyPatch())
robot = Robot(Path(sys.argv[1]), model=SHIPPED, unsaved=Path(sys.argv[2]), size=(200, 150))
robot.key("D")
children[-1].events = [READY]
for row in range(119):
    while len(kept) * 8 < row:
        robot.frame()
    children[-1].events.append(tile(row, 0, row + 1, 160, [(row, row)]))
    robot.frame()
    os.write(log, b"came %d\\n" % len(robot.document.detection.run.boxes))
while True:
    robot.frame()
"""


@pytest.mark.parametrize("times", [1, 9])
def test_killed_while_it_searches(frame, tmp_path, times):
    """Only what came since the last writing began may be lost."""
    log = tmp_path / "told"
    child = subprocess.Popen([sys.executable, "-c", SEARCHING, frame, tmp_path / "unsaved", log],
                             env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"})
    place, until = Place.of(tmp_path / "unsaved", open_images(frame)[0]), time.monotonic() + 120
    try:
        while not log.exists() or log.read_bytes().count(b"kept") < times:
            assert child.poll() is None and time.monotonic() < until
            time.sleep(0.002)
    finally:
        child.kill()
        child.wait()
    came, before, kept = 0, 0, 0
    for word, number in map(str.split, log.read_text().splitlines()):
        if word == "came":
            came = int(number)
        else:
            assert int(number) >= before, "a writing takes all that came before the one before it"
            kept, before = int(number), came
    search = recording.look(place, SHAPE)
    (box,), rows = search.finding.part.boxes, search.finding.part.boxes[0][2]
    assert box == (0, 0, rows, 160) and rows == round(120 * search.finding.covered)
    assert kept <= rows <= came + 1
    assert np.array_equal(np.argwhere(search.finding.confidence), [(y, y) for y in range(rows)])
