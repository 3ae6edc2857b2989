"""The first moments of a file, in which what was saved or kept of it is still being read."""

import threading
import time

import numpy as np
import pytest
from astropy.io import fits
from drawing import OVERLAY
from robot import Robot

from glview import autosave, finishing
from glview.files import ReadError, open_images
from glview.files.save import load_mask, save_mask
from glview.files.unsaved import Claim, Place
from glview.library import mask_of

SHAPE = (60, 80)
READING = "What was saved with the file is still being read"


@pytest.fixture
def frame(tmp_path):
    """A picture with 36 pixels that somebody drew, and a verdict."""
    path = tmp_path / "frame.fits"
    fits.writeto(path, np.random.default_rng(4).normal(50, 3, SHAPE).astype(np.float32))
    drawn = np.zeros(SHAPE, bool)
    drawn[3:9, 3:9] = True
    save_mask(path, drawn, edits=drawn.astype(np.uint8), provenance={"added": 36},
              review={(4, 4): "accepted"})
    return path


@pytest.fixture
def slow(monkeypatch):
    """What was saved is read when the gate is opened, and no sooner; gate.error: it fails so."""
    real, gate = finishing._saved, threading.Event()
    gate.error = None

    def saved(image, cancelled):
        assert gate.wait(20)
        if gate.error is not None:
            raise gate.error
        return real(image, cancelled)

    monkeypatch.setattr(finishing, "_saved", saved)
    yield gate
    gate.set()


@pytest.fixture
def robot(frame, slow, tmp_path):
    made = Robot(frame, ready=False, overlay=OVERLAY, unsaved=tmp_path / "unsaved")
    made.until(lambda: made.document is not None and made.desk.frames > 4)
    yield made
    slow.set()
    made.desk.close()


def attempt(robot, y=30, x=40):
    """All by which an impatient user would get another mask onto the disk; returns what is told."""
    told = []
    robot.key("B")
    robot.drag(robot.of_pixel(y, x), robot.of_pixel(y, x + 8))
    told.append(robot.workspace.told)
    robot.key("D")
    robot.frame()
    told.append(robot.workspace.told)
    robot.key("Ctrl+S")
    robot.frame(2)
    return told


def test_work_that_begins_before_a_saved_mask_is_there_does_not_take_its_place(robot, frame, slow):
    centre = robot.view.y, robot.view.x
    assert attempt(robot) == [READING, READING]
    assert robot.document.detection.confidence is None and robot.desk.detector.running is None
    assert not robot.document.edits.any
    assert robot.reads(READING) and not robot.workspace.notices
    assert (robot.view.y, robot.view.x) != centre, "the picture can be moved meanwhile"
    slow.set()
    robot.settle()
    assert mask_of(robot.document).sum() == 36 and not robot.reads(READING)
    robot.drag(robot.of_pixel(30, 40), robot.of_pixel(30, 48))
    robot.key("Ctrl+S")
    robot.settle()
    saved = load_mask(frame)
    assert saved.mask.sum() > 36 and saved.mask[3:9, 3:9].all()
    assert saved.review == {(4, 4): "accepted"}


@pytest.mark.parametrize("error", [ReadError("frame.fits cannot be read: Input/output error"),
                                   MemoryError()])
def test_a_saved_mask_that_cannot_be_read_is_not_written_over(robot, frame, slow, error):
    before = frame.read_bytes()
    slow.error = error
    slow.set()
    robot.settle()
    (told,) = robot.workspace.notices
    assert told.startswith("What was saved with frame.fits could not be read (")
    assert (str(error) or "MemoryError") in told and "Ctrl+R" in told
    attempt(robot)
    robot.key("Shift+]")
    robot.settle()
    assert frame.read_bytes() == before and not robot.desk.library.unsaved
    assert not mask_of(robot.document).any() and robot.document.mask.dilation == 0
    slow.error = None
    robot.key("Ctrl+R")
    robot.settle()
    assert mask_of(robot.document).sum() == 36 and not robot.workspace.notices


def test_until_it_is_known_what_was_kept_of_it_nothing_can_be_changed(robot, slow, monkeypatch):
    gate, look = threading.Event(), autosave.recovering.look

    def late(*arguments):
        assert gate.wait(20)
        return look(*arguments)

    monkeypatch.setattr(autosave.recovering, "look", late)
    slow.set()
    robot.until(lambda: robot.document.has_mask)
    assert attempt(robot) == [READING, READING]
    assert mask_of(robot.document).sum() == 36
    gate.set()
    robot.settle()
    robot.drag(robot.of_pixel(30, 40), robot.of_pixel(30, 48))
    assert mask_of(robot.document).sum() > 36


def test_the_second_window_saves_nothing_even_at_its_end(frame, tmp_path):
    first = Claim(tmp_path / "unsaved", Place.of(tmp_path, open_images(frame)[0]).name)
    before, then = frame.read_bytes(), []
    with Robot(frame, unsaved=tmp_path / "unsaved") as robot:
        assert robot.document.readonly
        robot.know(np.full(SHAPE, 0.9, np.float32))
        assert not robot.desk.library.unsaved
        robot.desk.library.save_all(lambda: then.append(1))
        robot.settle()
        assert then == [1] and frame.read_bytes() == before
    first.release()


def test_a_mask_that_the_calling_program_gave_is_shown_and_the_earlier_one_is_told_of(frame):
    from glview import library, opening

    entry = library.entry_for(frame)
    library.fill(entry, opening.look_into(entry.path, entry.ext))
    detection = entry.document.detection
    detection.confidence, detection.covered = np.ones(SHAPE, np.float32), 1.0
    detection.stamps.touch((0, 0, *SHAPE))
    with Robot(frame, ready=False) as robot:
        robot.workspace.entries[:] = [entry]
        robot.desk.finisher.start(entry.document)
        robot.settle()
        assert mask_of(robot.document).all()
        assert any("earlier; it is not shown" in one for one in robot.workspace.notices)


def test_a_slow_restore_does_not_hold_up_a_frame(robot, slow):
    began = time.perf_counter()
    robot.frame(10)
    assert time.perf_counter() - began < 5, "the gate of the reader is closed for 20 s"
