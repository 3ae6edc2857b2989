"""Whatever happens to a mask, the objects counted anew are those of a walk over all pixels."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_candidates import soft

from glview.core import candidates, counting, floor
from glview.core.cancel import Cancelled
from glview.core.counting import Counter
from glview.core.edits import Edits
from glview.core.image import Image, from_array
from glview.core.mask import SHAPES, MaskSettings
from glview.core.objects import find_objects
from glview.core.plane import FLOOR, Plane
from glview.core.tiles import Stamps

SHAPE = (900, 150)


class Case:
    """A document, as far as counting goes.  form: "array", "plane" or "none" of confidence."""

    def __init__(self, form, seed=0, image=None):
        self.confidence, values = soft(SHAPE, seed)
        self.image = from_array(values) if image is None else image
        self.form, self.look = form, MaskSettings(0.3)
        self.held = None if form == "none" else self.fresh()
        self.edits, self.stamps, self.done = Edits(SHAPE), Stamps(SHAPE), []
        self.counter = Counter(self.image)

    def fresh(self):
        if self.form == "plane":
            return Plane(SHAPE, np.float32, FLOOR)
        return np.zeros(SHAPE, np.float32)

    def question(self):
        return self.counter.ask(self.held, self.look, self.edits.plane,
                                (self.stamps, self.edits.stamps))

    def check(self, answer):
        wanted = find_objects(self.held, self.look, self.edits.plane, self.image)
        assert answer.catalogue.objects.tobytes() == wanted.tobytes()
        assert answer.pixels == wanted["area"].sum()
        if len(wanted):
            row = wanted[len(wanted) // 2]
            near = answer.catalogue.within((row["y0"], row["x0"], row["y1"], row["x1"]))
            assert len(wanted) // 2 in near

    # what a person or a model may do

    def tile(self, y, x):
        box = (y, x, min(y + 130, SHAPE[0]), min(x + 70, SHAPE[1]))
        part = self.confidence[y : box[2], x : box[3]]
        if self.form == "array":
            self.held[y : box[2], x : box[3]] = part
        elif self.form == "plane":
            self.held.put(y, x, part)
        self.stamps.touch(box)

    def stroke(self, y, x):
        self.done.append(self.edits.draw((y, x), (y + x % 40, 149 - x), 1 + y % 5, 1 + x % 2))

    def undo(self, y, x):
        for patch in reversed(self.done.pop() if self.done else ()):
            self.edits.put(patch.y, patch.x, patch.before)

    def clear(self, y, x):
        self.done.append(tuple(self.edits.cleared()))

    def look_at(self, y, x):
        self.look = MaskSettings((0.001, 0.1, 0.3, 0.7)[y % 4], (0, 0, 1, 3)[x % 4], SHAPES[y % 3])

    def anew(self, y, x):
        if self.form != "none":
            self.held = self.fresh()
            self.stamps.touch((0, 0, *SHAPE))


ACTS = (Case.tile, Case.tile, Case.tile, Case.stroke, Case.stroke, Case.undo, Case.clear,
        Case.look_at, Case.look_at, Case.anew)
STEPS = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, SHAPE[0] - 1),
                           st.integers(0, SHAPE[1] - 1), st.sampled_from("count try cancel".split())
                           ), min_size=1, max_size=12)


@pytest.fixture(autouse=True)
def small_bands(monkeypatch):
    monkeypatch.setattr(candidates, "BAND_PIXELS", 1)
    monkeypatch.setattr(counting, "AT_ONCE", 60.0)  # however busy the machine is


def asked(case, how):
    """The answer, by a worker or at once; sometimes a worker was stopped on its way before."""
    question = case.question()
    if how == "cancel":
        turns = iter(range(4))
        with pytest.raises(Cancelled):
            case.counter.count(question, lambda: next(turns, None) is None)
            raise Cancelled  # it was quicker
        question = case.question()
    if how == "try" and case.counter.quick(question):
        answer = case.counter.at_once(question)
        if answer is not None:
            return answer
    return case.counter.count(question)


@settings(max_examples=60, deadline=None)
@given(form=st.sampled_from(["array", "plane", "none"]), seed=st.integers(0, 99), steps=STEPS,
       most=st.sampled_from([200, 1 << 22]))
def test_any_stream_of_changes(form, seed, steps, most):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(floor, "MOST_PIXELS", most)
        case = Case(form, seed)
        for act, y, x, how in steps:
            act(case, y, x)
            case.check(asked(case, how))


def filled(form="array", **other):
    case = Case(form, **other)
    for y in range(0, 900, 130):
        for x in (0, 70, 140):
            case.tile(y, x)
    case.check(case.counter.count(case.question()))
    return case


def test_thresholds_and_strokes_are_quick_and_tiles_are_not():
    case = filled()
    for act, quick in ((Case.look_at, True), (Case.stroke, True), (Case.undo, True),
                       (Case.tile, False), (Case.anew, False)):
        act(case, 2, 4)
        question = case.question()
        assert case.counter.quick(question) == quick
        case.check(case.counter.at_once(question) if quick else case.counter.count(question))


def test_what_took_long_is_not_tried_at_once_again(monkeypatch):
    case = filled()
    monkeypatch.setattr(counting, "AT_ONCE", 1e-7)
    case.look_at(3, 0)
    assert not case.counter.quick(case.question())
    assert case.counter.at_once(case.question()) is None  # it would take longer than it may
    case.check(case.counter.count(case.question()))


def test_what_must_be_read_waits_for_a_worker(monkeypatch):
    monkeypatch.setattr(counting, "READS", 100)
    case = filled()
    case.look = MaskSettings(0.3, 5)
    question = case.question()
    assert case.counter.quick(question) and case.counter.at_once(question) is None
    case.check(case.counter.count(question))
    case.look = MaskSettings(0.5, 5)
    case.check(case.counter.at_once(case.question()))


def test_a_file_that_cannot_be_read_is_the_workers_to_tell():
    broken = []

    def read(plane, y0, y1, x0, x1):
        if broken:
            raise OSError("it is gone")
        return np.ones((y1 - y0, x1 - x0), np.float32)

    case = filled(image=Image("a", SHAPE, np.dtype("f4"), read))
    broken.append(True)
    case.stroke(5, 8)
    assert case.counter.at_once(case.question()) is None
    with pytest.raises(OSError, match="gone"):
        case.counter.count(case.question())
    broken.clear()
    case.check(case.counter.count(case.question()))


def test_while_a_worker_counts_nobody_waits():
    inside, gate = threading.Event(), threading.Event()
    case = filled()

    def cancelled():
        inside.set()
        gate.wait(10)
        return False

    case.look_at(2, 1)
    question = case.question()
    thread = threading.Thread(target=case.counter.count, args=(question, cancelled))
    thread.start()
    assert inside.wait(10) and case.counter.at_once(case.question()) is None
    gate.set()
    thread.join()
    case.check(case.counter.at_once(case.question()))


def test_a_detection_that_begins_with_nothing_does_not_keep_everything(monkeypatch):
    monkeypatch.setattr(floor, "MOST_PIXELS", 1000)
    case = Case("array")
    for y in range(0, 900, 130):
        for x in (0, 70, 140):
            case.tile(y, x)
            case.check(case.counter.count(case.question()))
    assert 0 < case.counter._candidates.count <= 2000
    # What is held of pixels, of runs and their components, and of the objects themselves.
    assert 20 * 1000 < case.counter.nbytes < 600 * 1000
