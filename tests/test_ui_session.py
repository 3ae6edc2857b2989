"""A review from the opened file to the saved one, on the frame that comes with the program."""

import gzip
import shutil
from pathlib import Path

import numpy as np
from astropy.io import fits
from drawing import OVERLAY
from robot import Robot
from scipy import ndimage

import glview

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
