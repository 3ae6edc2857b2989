"""A document that needs no keeping any more leaves no file, whatever a worker is just writing."""

import threading

import numpy as np
import pytest
from detections import READY, SHIPPED, stand_ins, tile
from drawing import tell

from glview import recording
from glview.files import confidence

SHAPE = (120, 160)


@pytest.fixture
def held(monkeypatch):
    """Holds a worker up as it comes out of a function of a module: (it is there, let it go)."""
    reached, gate = threading.Event(), threading.Event()

    def hold(module, name):
        real = getattr(module, name)

        def slow(*arguments):
            result = real(*arguments)
            reached.set()
            gate.wait(20)
            return result

        monkeypatch.setattr(module, name, slow)
        return reached, gate

    yield hold
    gate.set()


def end(robot, gate, way):
    """End what is kept, and then let the worker go on to its end."""
    if way == "closed":
        robot.desk.autosave.drop()
    else:
        robot.document.saved = robot.document.detection.stamps.now  # as after a save
        robot.desk.autosave.forget(robot.document)
    robot.desk.close()
    gate.set()
    for thread in robot.desk.jobs._threads["background"]:
        thread.join(20)


@pytest.mark.parametrize("way", ["closed", "forgotten"])
@pytest.mark.parametrize("where", ["_fill", "sync_folder"])
def test_a_confidence(sit, frame, tmp_path, held, where, way):
    robot = sit(frame)
    reached, gate = held(confidence, where)
    tell(robot.document, np.full(SHAPE, 0.5, np.float32))
    robot.until(reached.is_set)
    end(robot, gate, way)
    assert not list((tmp_path / "unsaved").iterdir())


@pytest.mark.parametrize("way", ["closed", "forgotten"])
@pytest.mark.parametrize("module, where", [(confidence, "block"), (recording, "sync_folder")])
def test_the_tiles_of_a_search(sit, frame, tmp_path, monkeypatch, held, module, where, way):
    """Or the next start would offer a search that nobody wanted."""
    children = stand_ins(monkeypatch)
    robot = sit(frame, model=SHIPPED)
    reached, gate = held(module, where)
    robot.key("D")
    children[-1].events = [READY, tile(0, 0, 60, 160, [(10, 10)])]
    robot.until(reached.is_set)
    end(robot, gate, way)
    assert not list((tmp_path / "unsaved").iterdir())
