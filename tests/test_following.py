"""The list of objects follows in the frame that changed the mask, or a worker brings it."""

import numpy as np
import pytest
from test_reviewing import BOXES, SHAPE, Desk, counted, counts, document_with, gated, tell

from glview import opening, reviewing
from glview.core import counting
from glview.core.mask import EDIT_ADD
from glview.workspace import Entry


@pytest.fixture
def desk(monkeypatch):
    monkeypatch.setattr(counting, "AT_ONCE", 60.0)  # however busy the machine is
    made = Desk()
    yield made
    made.jobs.close()


def test_a_quick_change_is_counted_in_its_frame(desk, monkeypatch):
    document = document_with(BOXES)
    desk.settle(document)
    calls, at_once = counts(monkeypatch), counts(monkeypatch, "at_once")
    for act in (lambda: document.change(threshold=0.75),
                lambda: document.edits.draw((50, 10), (50, 30), 2, EDIT_ADD),
                lambda: document.history.undo(document),
                lambda: document.change(threshold=0.45)):
        act()
        desk.reviewer.update(document)
        review = document.review
        assert (review.objects["area"].tolist(), review.pixels) == counted(document)
        assert review.key == (document.key, *document.mask_key)
    assert not calls and not desk.jobs.busy and len(at_once) == 4


def test_while_a_slow_change_is_counted_the_old_list_stands(desk, monkeypatch):
    document = document_with(BOXES)
    old = desk.settle(document)
    monkeypatch.setattr(counting, "AT_ONCE", 0.0)
    document.change(threshold=0.75)
    desk.reviewer.update(document)
    assert document.review is old and desk.jobs.busy == ("objects",)
    assert desk.settle(document).objects["area"].tolist() == counted(document)[0]


def test_the_object_at_a_pixel_and_those_in_a_box(desk):
    document = document_with(BOXES)
    assert desk.reviewer.at(document, 20, 25) == desk.reviewer.at(None, 0, 0) == -1
    desk.settle(document)
    for number, (y, x) in enumerate([(23, 26), (20, 20), (5, 8), (40, 60)]):
        assert desk.reviewer.at(document, y, x) == number
    assert desk.reviewer.at(document, 20, 24) == -1
    assert desk.reviewer.within((0, 0, 60, 80)) == []
    desk.workspace.entries.append(Entry(None, "a", documents={(0, 0): document}, shown=(0, 0)))
    assert desk.reviewer.within((0, 0, 22, 26)) == [0, 1, 2]


def test_going_to_another_file_and_back_counts_only_what_is_missing(desk, monkeypatch):
    image, gate, asked = gated(np.ones(SHAPE, np.float32))
    slow = opening.document_of(opening.look_at((image,), image))
    tell(slow, document_with(BOXES).detection.confidence)
    quick = document_with(BOXES[:2])
    desk.reviewer.update(slow)
    assert asked.wait(10)
    assert len(desk.settle(quick).objects) == 2 and slow.review.objects is None
    gate.set()
    assert len(desk.settle(slow).objects) == 4
    calls = counts(monkeypatch)
    for document in (quick, slow, quick):
        desk.reviewer.update(document)
        assert document.review.key == (document.key, *document.mask_key)
    assert not calls


def test_between_counts_the_cores_are_a_detections(desk, monkeypatch):
    monkeypatch.setattr(reviewing, "REST", 1e9)
    document = document_with(BOXES)
    desk.settle(document)
    calls = counts(monkeypatch)
    document.detection.running = True
    for place in (30, 35):
        document.detection.confidence[place, place] = 1
        document.detection.stamps.touch((place, place, place + 1, place + 1))
        desk.settle(document)
    assert not calls and len(document.review.objects) == 4
    document.change(threshold=0.3)  # the person does not wait
    assert len(desk.settle(document).objects) == 6 and len(calls) == 1
    document.detection.confidence[50, 50] = 1
    document.detection.stamps.touch((50, 50, 51, 51))
    document.detection.running = False
    assert len(desk.settle(document).objects) == 7


def test_what_is_held_for_counting_is_told(desk):
    document = document_with(BOXES)
    before = document.nbytes
    desk.settle(document)
    assert document.nbytes == before + document.counter.nbytes > before
