"""What the window says, and what its keys answer, while loops are being compiled."""

from functools import partial

import numpy as np
import pytest
from drawing import tell
from robot import Robot

from glview import app
from glview.compiling import Compiler
from glview.core import compiled

CHILD = """
import pathlib, sys, time
print("picture", flush=True)
for share in (0.1, 0.25):
    print("at", share, flush=True)
while not pathlib.Path({go!r}).exists():
    time.sleep(0.01)
"""
CONFIDENCE = np.zeros((60, 80), np.float32)
CONFIDENCE[10:13, 20:24] = CONFIDENCE[40:42, 50:51] = 0.9


@pytest.fixture
def go(monkeypatch, tmp_path):
    """A file that ends the compiling once it is there."""
    path = tmp_path / "go"
    (tmp_path / "actor.py").write_text(CHILD.format(go=str(path)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(compiled, "is_kept", lambda: False)
    monkeypatch.setattr(app, "Compiler", partial(Compiler, "actor"))
    yield path
    path.touch()


@pytest.fixture
def robot(go):
    with Robot(np.zeros(CONFIDENCE.shape, np.float32), size=(1300, 800), ready=False) as made:
        made.frame(3)
        tell(made.document, CONFIDENCE)
        made.until(lambda: made.desk.compiler.share == 0.25)
        yield made


def test_it_is_told_until_the_objects_are_counted(robot, go, monkeypatch):
    monkeypatch.setattr(robot.desk.compiler, "_after", "an update")
    words = "compiling, once after an update: 25 %, "
    for texts in (robot.texts(), robot.texts()):
        assert sum(words in text for text in texts) == 3, "foot line, thumbnails and table"
        assert not any("0 objects" in text for text in texts)
    assert "compiling" in robot.places, "the bar of the mask panel"
    go.touch()
    robot.settle()
    assert robot.reads("2 objects, by") and not robot.reads("compiling")
    assert "compiling" not in robot.in_sight() and robot.desk.compiler.words == ""


@pytest.mark.parametrize("key", ["N", "P", "A", "X", "G", "Shift+C", "Space"])
def test_a_key_that_needs_objects_says_why_nothing_happens(robot, go, key):
    robot.move("image")
    robot.key(key)
    assert robot.workspace.told.endswith(": the objects are not counted yet")
    go.touch()
    robot.settle()
    robot.frame()
    assert robot.workspace.told == "", "it holds no longer"


def test_a_click_on_an_object_says_it_too(robot, go):
    robot.click(robot.of_pixel(11, 22))
    assert robot.workspace.told == "No object can be chosen: the objects are not counted yet"
    go.touch()
    robot.settle()
    robot.click(robot.of_pixel(11, 22))
    assert robot.desk.listing.selected >= 0 and robot.workspace.told == ""


def test_without_a_mask_nothing_is_counted(go):
    go.touch()
    with Robot(np.zeros((9, 9), np.float32)) as robot:
        assert robot.reads("no mask yet; D detects") and not robot.reads("0 objects")
        robot.key("N")
        assert robot.workspace.told == "Next object: no mask yet; D detects"
