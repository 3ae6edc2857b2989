"""What is kept while one works: killed at any moment, torn anywhere, saved, and taken up again."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from headless import SHAPE, Tiles
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from killed import state_of

from glview import recovering, saving
from glview.autosave import Autosave
from glview.core.history import Stroke, Together, Verdict
from glview.files import open_images
from glview.files.unsaved import Place
from glview.finishing import Finisher
from glview.jobs import Jobs
from glview.library import Library, entry_for
from glview.settings import Settings
from glview.tools.pencil import Pencil
from glview.workspace import Workspace

ROOT = Path(__file__).parent.parent
TOGETHER, ROUNDS = 4, 2  # processes at a time; how often


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


def killed_at_some_moment(works, chance):
    """Kill each some frames and a part of a second after its first one; returns when that was.

    Each as soon as its time has come: those that are left draw on, and take the cores for it.
    """
    moments = [(chance.choice([0, 20, 100, 200]), chance.uniform(0.0, 0.3)) for _ in works]
    until, due, when = time.monotonic() + 60, {}, {}
    while len(when) < len(works):
        for number, ((child, _, told), (frames, wait)) in enumerate(zip(works, moments,
                                                                        strict=True)):
            if number in when:
                continue
            now = time.monotonic()
            assert child.poll() is None and now < until, child.stderr.read().decode()
            if told.exists() and told.read_bytes().count(b"\n") >= frames:
                due.setdefault(number, now + wait)
            if due.get(number, until) <= now:
                child.kill()
                when[number] = time.monotonic()
                child.wait()
        time.sleep(0.01)
    return [when[number] for number in range(len(works))]


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_killed_at_any_moment_at_most_the_last_second_is_lost(frame, tmp_path, turn, children):
    chance = random.Random(turn)
    works = [started(frame, tmp_path, turn * TOGETHER + number) for number in range(TOGETHER)]
    children.extend(work[0] for work in works)
    counts = []
    for (_, picture, told), when in zip(works, killed_at_some_moment(works, chance), strict=True):
        image = open_images(picture)[0]
        found = recovering.look(Place.of(tmp_path / "unsaved", image), image.shape)
        desk = Desk(picture, tmp_path / "elsewhere")
        lines = [("0", state_of(desk.document)), *map(str.split, told.read_text().splitlines())]
        known = [line[1] for line in lines]
        sure = max(n for n, (then, *_) in enumerate(lines) if float(then) < when - 1.0)
        if found is not None:
            recovering.restore(desk.document, found)
        assert state_of(desk.document) in known[sure:]
        counts.append(desk.document.history.length)
        desk.close()
    assert max(counts) > 1, "nothing was done"


class Desk:
    """The library and the autosave of a window, without the window."""

    def __init__(self, path, folder):
        self._woken = threading.Event()
        self.workspace, self.jobs = Workspace([entry_for(path)]), Jobs(self._woken.set)
        self.finisher = Finisher(self.workspace, self.jobs)
        self.autosave = Autosave(self.workspace, self.jobs, folder,
                                 lambda document: not self.finisher.restoring(document))
        self.library = Library(self.workspace, self.jobs, Settings(), self.finisher,
                               Tiles().forget, before_save=self.autosave.catch_up)
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
            self._woken.clear()
            self.jobs.collect()
            self.finisher.update()
            self.autosave.update()
            quiet = 0 if self.jobs.busy else quiet + 1
            quiet or self._woken.wait(0.1)

    def close(self):
        self.autosave.close()
        self.jobs.close()


# a machine: edits, settings, undo, saves and crashes, against a plain list of states

pixels = st.tuples(st.integers(-3, 42), st.integers(-3, 62))
FRAME = np.zeros(SHAPE, np.float32)


class Working(RuleBasedStateMachine):
    """states: (settings, edits, verdicts) after each step; place: the one that is shown; written:
    (bytes of the log, states, place) after each thing that was done, since the log was begun."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "frame.fits"
        fits.writeto(self.path, FRAME)
        self.desk, self.pencil = None, Pencil()

    @initialize()
    def begin(self):
        self.sit_down()
        self.forget()

    def sit_down(self):
        self.desk = Desk(self.path, self.folder / "unsaved")

    def forget(self):
        self.states, self.place, self.written = [self.state()], 0, [(0, [self.state()], 0)]

    def state(self):
        document = self.desk.document
        return document.mask, document.edits.plane[:, :].tobytes(), dict(document.verdicts)

    def log(self):
        return next(iter(self.desk.autosave._kept.values())).log

    def done(self, new=None, place=None):
        """A thing was done: a step that made a new state, or going to another place."""
        if new is not None and new != self.states[self.place]:
            self.states = [*self.states[: self.place + 1], new]
            self.place += 1
        self.place = self.place if place is None else place
        self.desk.autosave.update()
        self.desk.autosave._writer.do(self.log(), self.log().flush)
        self.barrier()
        self.written.append((self.log().size, list(self.states), self.place))

    def barrier(self):
        reached = threading.Event()
        self.desk.autosave._writer.do(self.log(), reached.set)
        assert reached.wait(10)

    @rule(start=pixels, end=pixels, size=st.integers(1, 6), code=st.integers(0, 2),
          more=st.booleans())
    def stroke(self, start, end, size, code, more):
        document, before = self.desk.document, (self.states, self.place)
        self.pencil.press(document, start, size, code)
        if more:  # what is drawn in several frames is written in several parts
            self.done(self.state())
        self.pencil.drag(document, end, size)
        self.pencil.release(document)
        if self.state() != self.states[self.place]:
            self.states, self.place = before
        self.done(self.state())

    @rule(threshold=st.sampled_from([0.0, 0.3, 1.0]), dilation=st.integers(0, 3))
    def setting(self, threshold, dilation):
        self.desk.document.change(threshold=threshold, dilation=dilation)
        self.done(self.state())

    @rule(row=st.integers(0, 20))
    def judge_and_draw(self, row):
        document = self.desk.document
        before = document.verdicts.get((row, 0), "")
        said = Verdict(((row, 0, before, "" if before else "rejected"),))
        said.do(document)
        step = Together((said, Stroke(document.edits.draw((row, 0), (row, 9), 1, 2))))
        document.history.record(step)
        self.done(self.state())

    @rule()
    def take_back_all(self):
        document = self.desk.document
        patches = document.edits.cleared()
        if patches:
            document.history.record(Stroke(tuple(patches)))
            self.done(self.state())

    @rule(times=st.integers(1, 4))
    def undo(self, times):
        for _ in range(times):
            self.desk.document.history.undo(self.desk.document)
        self.done(place=max(0, self.place - times))

    @rule(times=st.integers(1, 4))
    def redo(self, times):
        for _ in range(times):
            self.desk.document.history.redo(self.desk.document)
        self.done(place=min(len(self.states) - 1, self.place + times))

    @rule()
    def sync(self):
        self.desk.autosave.sync()

    @rule()
    def save(self):
        if self.desk.document.edits.any:  # a mask of nothing is saved without its settings
            self.desk.library.save()
            self.desk.settle()
            assert not self.desk.document.changed, self.desk.workspace.notices
            self.done()

    def last_written(self, cut):
        """What a log of `cut` bytes can tell of, at the most."""
        return max((one for one in self.written if one[0] <= cut), key=lambda one: one[0])

    @rule(share=st.sampled_from([0.0, 0.2, 0.7, 0.99, 1.0, 1.0]), wanted=st.integers(0, 9))
    def crash(self, share, wanted):
        """The power goes: what is on the disk for sure stays, and a share of the rest."""
        log, unsaved = self.log(), self.folder / "unsaved"
        self.barrier()
        least, most = log._kept, log.size
        cut = round(least + share * (most - least))
        shutil.copytree(unsaved, self.folder / "left")
        self.desk.close()
        shutil.rmtree(unsaved)
        (self.folder / "left").rename(unsaved)
        if log.path.exists():
            os.truncate(log.path, cut)
        self.sit_down()
        question = self.desk.autosave.question(self.desk.document)
        if question is None:
            _, states, place = self.last_written(cut)
            assert self.state() == states[place], "something was lost, and nobody was asked"
            self.forget()
            return
        self.desk.autosave.answer(self.desk.document, restore=bool(wanted))
        if not wanted:
            self.forget()
            return
        _, self.states, self.place = self.last_written(cut)
        self.written = [one for one in self.written if one[0] <= cut]
        self.desk.settle()

    @invariant()
    def the_document_is_the_model(self):
        if self.desk is not None:
            assert self.state() == self.states[self.place]
            history = self.desk.document.history
            assert (len(history.done), history.length) == (self.place, len(self.states) - 1)

    def teardown(self):
        if self.desk is not None:
            history = self.desk.document.history
            while history.undo(self.desk.document):
                self.place -= 1
                assert self.state() == self.states[self.place]
            while history.redo(self.desk.document):
                self.place += 1
                assert self.state() == self.states[self.place]
            self.desk.close()
        shutil.rmtree(self.folder)


TestWorking = Working.TestCase
TestWorking.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


def test_a_confidence_that_follows_another_at_once_is_not_swept_away(frame, tmp_path):
    """What is left to do for the first one comes when the second one is there already."""
    desk = Desk(frame, tmp_path / "unsaved")
    gate, detection = threading.Event(), desk.document.detection
    for value in (0.2, 0.7):
        detection.confidence = np.full(desk.document.image.shape, value, np.float32)
        detection.stamps.touch((0, 0, *desk.document.image.shape))
        desk.autosave._writer.do(None, lambda: gate.wait(0.5))  # a slow disk
        desk.settle()
    desk.autosave.sync()
    image = desk.document.image
    found = recovering.look(Place.of(tmp_path / "unsaved", image), image.shape)
    (kept,) = found.findings.values()
    assert (kept.confidence == np.float32(0.7)).all()
    assert len(list((tmp_path / "unsaved").glob("*.conf"))) == 1
    desk.close()


def test_what_is_done_in_the_frame_of_a_save_is_in_the_log_before_the_file_is_changed(
        frame, tmp_path, monkeypatch):
    """Or a file that holds the steps would get back what they had deleted."""
    desk, real, held = Desk(frame, tmp_path / "unsaved"), saving.write, []

    def write(image, *arguments, **keywords):
        held.append(recovering.look(Place.of(tmp_path / "unsaved", image), image.shape))
        return real(image, *arguments, **keywords)

    monkeypatch.setattr(saving, "write", write)
    pencil = Pencil()
    pencil.press(desk.document, (20, 30), 3, 1)
    desk.library.save()
    until = time.monotonic() + 20
    while not held and time.monotonic() < until:
        time.sleep(0.001)  # no frame comes in between
    desk.settle()
    assert held[0] is not None and held[0].count == 1 and not desk.document.changed
    desk.close()


def crashed(desk, folder, name):
    """The folder of what is not saved as it is now, to be opened once more."""
    desk.autosave.sync()
    return shutil.copytree(folder / "unsaved", folder / name)


def test_a_crash_between_a_save_and_its_entry_asks_for_nothing(frame, tmp_path, monkeypatch):
    """The file holds what the log calls not saved; what came after is asked for, and fits."""
    desk, real, left = Desk(frame, tmp_path / "unsaved"), saving.write, []

    def write(*arguments, **keywords):
        left.append(crashed(desk, tmp_path, f"before{len(left)}"))
        result = real(*arguments, **keywords)
        left.append(crashed(desk, tmp_path, f"after{len(left)}"))
        return result

    monkeypatch.setattr(saving, "write", write)
    original, pencil, states = frame.read_bytes(), Pencil(), []
    for y in 20, 40:
        pencil.press(desk.document, (y, 30), 3, 1)
        pencil.release(desk.document)
        states.append(desk.document.edits.plane[:, :].copy())
    desk.library.save()
    pencil.press(desk.document, (60, 30), 3, 1)  # while it is saved
    pencil.release(desk.document)
    states.append(desk.document.edits.plane[:, :].copy())
    desk.settle()
    desk.close()
    saved = frame.read_bytes()
    again = Desk(frame, left[1])
    question = again.autosave.question(again.document)
    assert question is None or question.found.count == 1  # the stroke that came meanwhile
    assert np.array_equal(again.document.edits.plane[:, :], states[1])
    if question is not None:
        assert len(question.sentences("frame.fits")) == 1, "the file is as it was saved"
        again.autosave.answer(again.document, restore=True)
        assert np.array_equal(again.document.edits.plane[:, :], states[2])
        again.document.history.undo(again.document)
        assert not again.document.changed
    again.close()
    frame.write_bytes(original)  # the save never came about
    again = Desk(frame, left[0])
    assert again.autosave.question(again.document).found.count >= 2
    again.close()
    assert saved != original
