"""What is kept while one works: killed at any moment, torn anywhere, saved, and taken up again."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from headless import SHAPE, Tiles
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from killed import state_of

from glview import recovering
from glview.autosave import Autosave
from glview.core.history import Stroke, Together, Verdict
from glview.core.mask import MaskSettings
from glview.files import open_images
from glview.files.unsaved import Claim, ClaimedError, Place, sweep
from glview.finishing import Finisher
from glview.jobs import Jobs
from glview.library import Library, entry_for
from glview.logwriter import SYNC_SECONDS, Log, Writer
from glview.settings import Settings
from glview.tools.pencil import Pencil
from glview.workspace import Workspace

ROOT = Path(__file__).parent.parent
TOGETHER, ROUNDS = 4, 3  # processes at a time; how often


@pytest.fixture
def frame(tmp_path):
    path = tmp_path / "frame.fits"
    fits.writeto(path, np.random.default_rng(4).normal(50, 3, (120, 160)).astype(np.float32))
    return path


# killed


def started(frame, folder, seed):
    told = folder / f"told{seed}"
    picture = folder / f"{seed}.fits"
    shutil.copy(frame, picture)
    child = subprocess.Popen(
        [sys.executable, ROOT / "tests" / "killed.py", picture, folder / "unsaved", str(seed),
         told], env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return child, picture, told


@pytest.fixture
def children():
    """A list for processes, which end with the test."""
    made = []
    yield made
    for child in made:
        child.kill()
        child.communicate()


def killed_at_some_moment(child, told, wait):
    """Kill it `wait` seconds after it began to work; returns when that was."""
    until = time.monotonic() + 60
    while not told.exists():
        assert child.poll() is None and time.monotonic() < until, child.stderr.read().decode()
        time.sleep(0.01)
    time.sleep(wait)
    child.kill()
    when = time.monotonic()
    child.wait()
    return when


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_killed_at_any_moment_at_most_the_last_second_is_lost(frame, tmp_path, turn, children):
    chance = random.Random(turn)
    works = [started(frame, tmp_path, turn * TOGETHER + number) for number in range(TOGETHER)]
    children.extend(work[0] for work in works)
    for child, picture, told in works:
        when = killed_at_some_moment(child, told, chance.uniform(0.0, 2.5))
        lines = [line.split() for line in told.read_text().splitlines()]
        known = [state for _, state in lines]
        sure = max((n for n, (then, _) in enumerate(lines) if float(then) < when - 1.0), default=0)
        image = open_images(picture)[0]
        found = recovering.look(Place.of(tmp_path / "unsaved", image), image.shape)
        desk = Desk(picture, tmp_path / "elsewhere")
        if found is not None:
            recovering.restore(desk.document, found)
        assert state_of(desk.document) in known[sure:]
        desk.close()


class Desk:
    """The library and the autosave of a window, without the window."""

    def __init__(self, path, folder):
        self.workspace, self.jobs = Workspace([entry_for(path)]), Jobs()
        self.finisher = Finisher(self.workspace, self.jobs)
        self.autosave = Autosave(self.workspace, self.jobs, folder,
                                 lambda document: not self.finisher.restoring(document))
        self.library = Library(self.workspace, self.jobs, Settings(), self.finisher,
                               Tiles().forget)
        self.library.show(0)
        self.settle()

    @property
    def document(self):
        return self.workspace.document

    def settle(self):
        """Frames until nothing is under way."""
        until, quiet = time.monotonic() + 20, 0
        while quiet < 2:
            assert time.monotonic() < until, self.jobs.busy
            self.jobs.collect()
            self.finisher.update()
            self.autosave.update()
            quiet = 0 if self.jobs.busy else quiet + 1
            time.sleep(0.0005)

    def close(self):
        self.autosave.close()
        self.jobs.close()
