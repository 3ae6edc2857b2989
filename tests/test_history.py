"""Undo and redo against a plain list of states, over every kind of step, in any order."""

from dataclasses import replace

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from glview import opening
from glview.core.history import History, Searched, Set, Stroke, Together
from glview.core.image import from_array
from glview.core.mask import SHAPES, MaskSettings
from glview.document import Finding
from glview.tools.pencil import Pencil

SHAPE = (30, 40)
pixels = st.tuples(st.integers(-6, 36), st.integers(-6, 46))
sizes = st.integers(1, 7)
codes = st.sampled_from([0, 1, 2])


def new_document(shape=SHAPE):
    image = from_array(np.zeros(shape, np.float32))
    return opening.document_of(opening.look_at((image,), image))


def disk(middle, size):
    """bool plane: the round brush at one pixel, by its definition."""
    half = 0.0 if size % 2 else 0.5
    y, x = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return (y - middle[0] - half) ** 2 + (x - middle[1] - half) ** 2 <= size * size / 4


class Undoing(RuleBasedStateMachine):
    """The model: a list of (settings, plane) states and a place in it."""

    def __init__(self):
        super().__init__()
        self.document, self.pencil = new_document(), Pencil()
        self.states = [(MaskSettings(), np.zeros(SHAPE, np.uint8))]
        self.place, self.saved = 0, 0

    def step(self, mask=None, plane=None):
        now = self.states[self.place]
        new = (mask or now[0], now[1] if plane is None else plane)
        if new[0] == now[0] and (new[1] == now[1]).all():
            return
        if self.saved is not None and self.saved > self.place:
            self.saved = None  # that state can never come back
        del self.states[self.place + 1 :]
        self.states.append(new)
        self.place += 1

    @rule(middle=pixels, size=sizes, code=codes)
    def dot(self, middle, size, code):
        self.pencil.press(self.document, middle, size, code)
        self.pencil.release(self.document)
        plane = self.states[self.place][1].copy()
        plane[disk(middle, size)] = code
        self.step(plane=plane)

    @rule(start=pixels, down=st.integers(0, 9), size=sizes, code=codes)
    def drag(self, start, down, size, code):
        self.pencil.press(self.document, start, size, code)
        plane = self.states[self.place][1].copy()
        for row in range(down + 1):
            self.pencil.drag(self.document, (start[0] + row, start[1]), size)
            plane[disk((start[0] + row, start[1]), size)] = code
        self.pencil.release(self.document)
        self.step(plane=plane)

    @rule(threshold=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
    def change_threshold(self, threshold):
        self.document.change(threshold=threshold)
        self.step(mask=replace(self.states[self.place][0], threshold=threshold))

    @rule(dilation=st.integers(0, 3), shape=st.sampled_from(SHAPES))
    def change_dilation(self, dilation, shape):
        self.document.change(dilation=dilation, shape=shape)
        self.step(mask=replace(self.states[self.place][0], dilation=dilation, shape=shape))

    @rule()
    def clear(self):
        patches = self.document.edits.cleared()
        if patches:
            self.document.history.record(Stroke(tuple(patches)))
        self.step(plane=np.zeros(SHAPE, np.uint8))

    @rule()
    def undo(self):
        assert self.document.history.undo(self.document) == (self.place > 0)
        self.place = max(0, self.place - 1)

    @rule()
    def redo(self):
        more = self.place + 1 < len(self.states)
        assert self.document.history.redo(self.document) == more
        self.place += more

    @rule()
    def save(self):
        self.document.history.mark_saved(self.document.history.last)
        self.saved = self.place

    @invariant()
    def document_is_the_model(self):
        mask, plane = self.states[self.place]
        edits = self.document.edits
        held = edits.plane[:, :]
        assert self.document.mask == mask
        assert (held == plane).all()
        assert edits.added == (plane == 1).sum() and edits.deleted == (plane == 2).sum()

    @invariant()
    def changed_means_another_state_than_the_saved_one(self):
        assert self.document.history.changed == (self.saved != self.place)


TestUndoing = Undoing.TestCase
TestUndoing.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


def test_an_empty_history_has_nothing_to_undo():
    history, document = History(), new_document()
    assert history.last is None and not history.changed
    assert not history.undo(document) and not history.redo(document)


def test_a_new_step_forgets_what_was_undone():
    document = new_document()
    document.change(threshold=0.1)
    document.history.undo(document)
    document.change(threshold=0.2)
    assert not document.history.redo(document)
    assert document.mask.threshold == 0.2


def test_undoing_back_to_the_saved_step_is_no_change():
    document = new_document()
    document.change(threshold=0.1)
    document.history.mark_saved(document.history.last)
    document.change(dilation=2)
    assert document.history.changed
    document.history.undo(document)
    assert not document.history.changed
    document.history.undo(document)
    assert document.history.changed
    document.history.redo(document)
    assert not document.history.changed


def test_a_slider_that_comes_back_to_its_place_is_no_step():
    document = new_document()
    before = document.mask
    document.mask = replace(before, threshold=0.9)
    document.settle(before, before)
    assert document.mask == before and document.history.last is None


def test_amending_replaces_the_last_step_and_forgets_what_was_undone():
    document = new_document()
    document.change(threshold=0.1)
    document.change(threshold=0.2)
    document.history.undo(document)
    whole = Set("mask", MaskSettings(), MaskSettings(0.3))
    document.history.amend(whole)
    assert document.history.last is whole and not document.history.redo(document)
    document.history.undo(document)
    assert document.mask == MaskSettings() and not document.history.done


def test_what_can_be_undone_is_counted_as_memory():
    document = new_document((600, 700))
    Finding(np.zeros((600, 700), np.float32)).show(document, (0, 0, 600, 700))
    before = document.nbytes
    patches = tuple(document.edits.draw((10, 10), (10, 60), 3, 1))
    document.history.record(Stroke(patches))
    pixels = sum(patch.before.size + patch.after.size for patch in patches)
    edits = document.edits.plane.nbytes
    assert pixels > 0 and document.nbytes == before + edits + pixels
    document.history.undo(document)
    assert document.nbytes == before + document.edits.plane.nbytes + pixels, "redo needs it, too"
    old, new = Finding.of(document.detection), Finding(np.ones((600, 700), np.float32))
    new.show(document, (0, 0, 600, 700))
    document.history.record(Together((Searched((0, 0, 600, 700), old, new),)))
    assert document.history.nbytes == 4 * 600 * 700, "the stroke is forgotten"
    document.history.amend(Stroke(patches))
    assert document.history.nbytes == pixels
    document.history.load([], 0)
    assert document.history.nbytes == 0
