"""A review from the opened file to the saved one, on the frame that comes with the program."""

import gzip
import shutil
import threading
import time
from pathlib import Path

import numpy as np
from astropy.io import fits
from drawing import OVERLAY
from robot import Robot
from scipy import ndimage

import glview
from glview.core.counting import Counter

DEMO = Path(glview.__file__).parent / "data" / "demo.fits.gz"
EIGHT = np.ones((3, 3))
# Three are accepted, the third of them grown; two rejected, one skipped; the next one is accepted,
# and of another one, which is cut, a piece is rejected.
KEYS = ("N", "A", "X", "A", "G", "A", "X", "Space", "A", "Shift+C", "X")


def labelled(mask):
    return ndimage.label(mask, EIGHT)[0]


def said_in(path):
    """{(y, x): what was said}, by astropy."""
    with fits.open(path) as file:
        rows = file["CR_REVIEW"].data
        return {(int(row["Y"]) - 1, int(row["X"]) - 1): row["STATE"] for row in rows}


def test_a_saved_review_is_shown_when_it_is_counted_and_not_before(tmp_path, monkeypatch):
    path, gate, count = tmp_path / "frame.npy", threading.Event(), Counter.count
    np.save(path, np.zeros((60, 80), np.float32))
    confidence = np.zeros((60, 80), np.float32)
    confidence[10:14, 10:14] = confidence[30:33, 50:53] = 0.9
    with Robot(path, overlay=OVERLAY) as robot:
        robot.know(confidence)
        for key in ("N", "X", "A", "Ctrl+S"):
            robot.key(key)
            robot.settle()
        said = robot.document.verdicts
        assert len(said) == 2

    def slow(*arguments):
        assert gate.wait(20)
        return count(*arguments)

    monkeypatch.setattr(Counter, "quick", lambda self, question: False)
    monkeypatch.setattr(Counter, "count", slow)
    with Robot(path, overlay=OVERLAY, ready=False) as robot:
        robot.until(lambda: robot.document is not None and robot.document.verdicts)
        for _ in range(20):
            robot.frame()
            time.sleep(0.01)
        assert not len(robot.desk.listing.rows) and robot.desk.listing.reviewed == (0, 0)
        gate.set()
        robot.settle()
        assert robot.desk.listing.reviewed == (2, 2) and robot.document.verdicts == said
        assert not robot.workspace.notices


def test_from_open_to_saved(tmp_path):
    path = tmp_path / "frame.fits"
    with gzip.open(DEMO) as packed, open(path, "wb") as out:
        shutil.copyfileobj(packed, out)
    with Robot(path, overlay=OVERLAY, model="ACS-WFC") as robot:
        robot.key("D")
        robot.until(lambda: robot.document.detection.covered == 1.0, 100)
        robot.settle()
        robot.move("image", 0.02, 0.02)
        total = len(robot.document.review.objects)
        for key in KEYS:
            robot.key(key)
            robot.settle()
            assert not robot.workspace.told, f"{key}: {robot.workspace.told}"
        said = dict(robot.document.verdicts)
        assert sorted(said.values()) == ["accepted"] * 4 + ["rejected"] * 3
        done, of = robot.desk.listing.reviewed
        assert done == 7 and total <= of + 1  # growing may have joined two
        robot.key("Ctrl+S")
        robot.settle()
        assert not robot.document.changed and not robot.workspace.notices
    assert said_in(path) == said
    with fits.open(path) as file:
        mask, edits = file["CR_MASK"].data, file["CR_EDITS"].data
    labels = labelled(mask)
    accepted = [pixel for pixel, state in said.items() if state == "accepted"]
    rejected = [pixel for pixel, state in said.items() if state == "rejected"]
    assert all(labels[pixel] for pixel in accepted)
    assert len({labels[pixel] for pixel in accepted}) == len(accepted)
    assert not any(mask[pixel] for pixel in rejected) and {edits[p] for p in rejected} == {2}
    with Robot(path, overlay=OVERLAY) as robot:
        assert robot.document.verdicts == said
        assert robot.desk.listing.reviewed == (done, of)
        robot.key("N")
        robot.key("A")
        robot.settle()
        robot.key("Ctrl+Z")
        robot.settle()
        assert robot.document.verdicts == said
