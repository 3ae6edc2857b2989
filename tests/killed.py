"""A process that works on a picture until it is killed: python killed.py PICTURE FOLDER SEED TOLD

FOLDER: where edits are kept.  TOLD: a file that gets a line in every frame: when it was, what the
mask was then, and how it was displayed.
"""

import hashlib
import os
import sys
import time
from dataclasses import replace

import numpy as np

from glview.core import looks


def state_of(document):
    """The settings and edits of a document, and how far it can be undone, in a few letters."""
    edits = document.edits.plane[:, :].tobytes()
    steps = len(document.history.done), len(document.history.undone)
    return hashlib.sha256(f"{document.mask}{steps}".encode() + edits).hexdigest()[:16]


def paint(robot, rng):
    (y, x), (v, u) = rng.integers(4, 100, (2, 2))
    robot.key(rng.choice(["B", "E", "R"]))
    robot.drag(robot.of_pixel(y, x), robot.of_pixel(v, u), steps=int(rng.integers(1, 6)))


def settle_threshold(robot, rng):
    robot.document.change(threshold=float(rng.choice([0.1, 0.2, 0.3])))


def display(robot, rng):
    look = replace(robot.document.stretch, kind=str(rng.choice(["log", "asinh", "sqrt"])),
                   contrast=float(rng.uniform(0.5, 2.0)))
    robot.document.stretch = look
    robot.frame()


DEEDS = (paint, paint, settle_threshold, display, lambda robot, rng: robot.key("Ctrl+Z"),
         lambda robot, rng: robot.key("Ctrl+Shift+Z"), lambda robot, rng: robot.key("Shift+]"),
         lambda robot, rng: robot.command("Edit", "Take back all edits"))


def main(picture, folder, seed, told):
    from pathlib import Path

    from robot import Robot

    rng = np.random.default_rng(int(seed))
    log = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    robot = Robot(Path(picture), unsaved=Path(folder))
    update = robot.desk.autosave.update

    def tell():
        os.write(log, f"{time.monotonic()} {state_of(robot.document)} "
                      f"{looks.to_text(robot.document.stretch)}\n".encode())
        update()

    robot.desk.autosave.update = tell
    while True:
        DEEDS[rng.integers(len(DEEDS))](robot, rng)


if __name__ == "__main__":
    main(*sys.argv[1:])
