"""The list of objects follows the mask; the selection follows the object."""

import threading
import time

import numpy as np
import pytest
from scipy import ndimage

from glview import opening
from glview.core import counting
from glview.core.counting import Counter
from glview.core.image import Image, from_array
from glview.core.mask import EDIT_ADD, EDIT_DELETE
from glview.files import ReadError
from glview.jobs import Jobs
from glview.reviewing import FLY_ZOOM, Reviewer
from glview.workspace import Workspace

SHAPE = (60, 80)


class Atlas:
    """Stands for the GPU's thumbnails: remembers stamps."""

    def __init__(self):
        self.stamps, self.shown = {}, []

    def stamp(self, key):
        return self.stamps.get(key)

    def has(self, key):
        return key in self.stamps

    def corners(self, key):
        return ("corners", key)

    def show(self, key):
        self.shown.append(key)


class Desk:
    """A reviewer at work without a window."""

    def __init__(self):
        self.workspace, self.jobs, self.atlas = Workspace([]), Jobs(), Atlas()
        self.reviewer = Reviewer(self.workspace, self.jobs, self.atlas)

    def settle(self, document):
        """Frames until nothing is counted any more; returns the review."""
        until = time.monotonic() + 10
        self.reviewer.update(document)
        while self.jobs.busy:
            assert time.monotonic() < until
            self.jobs.collect()
            self.reviewer.update(document)
            time.sleep(0.001)
        return document.review


@pytest.fixture
def desk():
    made = Desk()
    yield made
    made.jobs.close()


def document_with(boxes, image=None):
    """A document whose confidence is 0.9 - 0.1 n in the n-th of the boxes (y0, x0, y1, x1)."""
    confidence = np.zeros(SHAPE, np.float32)
    for n, (y0, x0, y1, x1) in enumerate(boxes):
        confidence[y0:y1, x0:x1] = 0.9 - 0.1 * n
    image = from_array(np.ones(SHAPE, np.float32) if image is None else image)
    document = opening.document_of(opening.look_at((image,), image))
    tell(document, confidence)
    return document


def tell(document, confidence):
    document.detection.confidence = confidence
    document.detection.stamps.touch((0, 0, *SHAPE))


def counted(document):
    """(sorted areas, pixels) of the document's mask, by scipy."""
    settings, edits = document.mask, document.edits.plane[:, :]
    found = document.detection.confidence > np.float32(settings.threshold)
    if settings.dilation:
        found = ndimage.binary_dilation(found, np.ones([2 * settings.dilation + 1] * 2))
    if edits is not None:
        found = (found | (edits == EDIT_ADD)) & (edits != EDIT_DELETE)
    labels, count = ndimage.label(found, np.ones((3, 3)))
    areas = sorted(np.bincount(labels.ravel())[1:].tolist(), reverse=True) if count else []
    return areas, int(found.sum())


BOXES = [(5, 5, 6, 9), (20, 20, 23, 23), (40, 60, 41, 61), (20, 25, 26, 27)]


def test_objects_follow_everything_that_makes_the_mask(desk):
    document = document_with(BOXES)
    seen = []
    for act in (lambda: None,
                lambda: document.change(threshold=0.75),
                lambda: document.change(dilation=1),
                lambda: document.change(threshold=0.1),
                lambda: document.edits.draw((50, 10), (50, 30), 2, EDIT_ADD),
                lambda: document.edits.draw((20, 0), (20, 79), 3, EDIT_DELETE),
                lambda: document.history.undo(document),
                lambda: tell(document, np.flipud(document.detection.confidence).copy())):
        act()
        review = desk.settle(document)
        assert (review.objects["area"].tolist(), review.pixels) == counted(document)
        assert review.key == (document.key, *document.mask_key)
        seen.append(counted(document))
    assert len({str(one) for one in seen}) >= 7
    assert not desk.workspace.notices


def test_without_a_mask_there_are_no_objects_and_the_ranking_stays(desk):
    document = document_with(BOXES)
    desk.settle(document)
    desk.reviewer.rank(document, "flux")
    document.detection.confidence = None
    review = desk.settle(document)
    assert (review.objects, review.rank, review.pixels) == (None, "flux", 0)
    desk.reviewer.update(None)
    assert desk.reviewer.selected(document) is None and desk.reviewer.selected(None) is None


def counts(monkeypatch, name="count"):
    """A list that grows by one with every count by a worker, or with name "at_once" in a frame."""
    calls, work = [], getattr(Counter, name)
    monkeypatch.setattr(Counter, name, lambda *given: (calls.append(1), work(*given))[1])
    return calls


def test_nothing_is_counted_twice(desk, monkeypatch):
    calls = counts(monkeypatch)
    document = document_with(BOXES)
    for _ in range(3):
        desk.settle(document)
    assert len(calls) == 1


def gated(array):
    """(image, gate, asked): reading rows below the preview's waits for the gate."""
    gate, asked = threading.Event(), threading.Event()

    def read(plane, y0, y1, x0, x1):
        if threading.current_thread().name.startswith("glview-job"):
            asked.set()
            assert gate.wait(10)
        return array[y0:y1, x0:x1]

    return Image("a", array.shape, array.dtype, read), gate, asked


def test_a_count_may_finish_while_more_tiles_arrive(desk, monkeypatch):
    calls = counts(monkeypatch)
    image, gate, asked = gated(np.ones(SHAPE, np.float32))
    document = opening.document_of(opening.look_at((image,), image))
    confidence = np.zeros(SHAPE, np.float32)
    confidence[3, 3] = 1
    tell(document, confidence)
    desk.reviewer.update(document)
    assert asked.wait(10)
    for place in (10, 20, 30):
        confidence[place, place] = 1
        document.detection.stamps.touch((place, place, place + 1, place + 1))
        desk.reviewer.update(document)
    gate.set()
    while document.review.objects is None:
        desk.jobs.collect()
        time.sleep(0.001)
    assert len(document.review.objects) >= 1
    assert len(desk.settle(document).objects) == 4
    assert len(calls) == 2


def test_a_count_for_other_settings_is_followed_by_one_for_the_present_ones(desk):
    image, gate, asked = gated(np.ones(SHAPE, np.float32))
    document = opening.document_of(opening.look_at((image,), image))
    tell(document, document_with(BOXES).detection.confidence)
    desk.reviewer.update(document)
    assert asked.wait(10)
    document.change(threshold=0.85)
    desk.reviewer.update(document)
    gate.set()
    while document.review.objects is None:
        desk.jobs.collect()
        time.sleep(0.001)
    review = desk.settle(document)
    assert review.objects["area"].tolist() == [4]
    assert review.key == (document.key, *document.mask_key)


def test_a_file_that_cannot_be_read_is_told(desk):
    def broken(plane, y0, y1, x0, x1):
        if threading.current_thread().name.startswith("glview-job"):
            raise ReadError("it became shorter")
        return np.zeros((y1 - y0, x1 - x0), np.float32)

    image = Image("a", SHAPE, np.dtype("f4"), broken)
    document = opening.document_of(opening.look_at((image,), image))
    tell(document, np.ones(SHAPE, np.float32))
    assert desk.settle(document).objects is None
    assert desk.workspace.notices == ["a: Objects cannot be counted: it became shorter"]
    assert desk.reviewer.failed(document)
    document.change(threshold=0.3)
    assert not desk.reviewer.failed(document)  # that mask was not tried


def test_ranking_is_by_area_flux_or_confidence(desk):
    image = np.ones(SHAPE, np.float32)
    image[40, 60] = 1000
    document = document_with(BOXES, image)
    review = desk.settle(document)
    assert review.objects["area"][review.order].tolist() == [12, 9, 4, 1]
    desk.reviewer.rank(document, "flux")
    assert review.objects["flux"][review.order].tolist() == [1000, 12, 9, 4]
    desk.reviewer.rank(document, "confidence")
    found = review.objects["max_confidence"][review.order]
    assert found.tolist() == pytest.approx([0.9, 0.8, 0.7, 0.6])
    document.change(dilation=1)
    review = desk.settle(document)
    means = review.objects["mean_confidence"][review.order]
    assert review.rank == "confidence" and (np.diff(means) <= 0).all()


def place_of(desk, document):
    """(y0, x0) of the selected object, or None."""
    chosen = desk.reviewer.selected(document)
    return None if chosen is None else (int(chosen["y0"]), int(chosen["x0"]))


def test_selecting_flies_there(desk):
    document = document_with([(20, 20, 23, 25), (2, 0, 4, 80)])
    desk.settle(document)
    desk.reviewer.select(document, 1)
    view = desk.workspace.view
    assert (view.y, view.x, view.zoom) == (21.5, 22.5, FLY_ZOOM)
    assert not desk.workspace.fit
    desk.reviewer.select(document, 0)
    assert desk.workspace.view.zoom == 5.0 and place_of(desk, document) == (2, 0)


def test_the_selected_object_is_kept_through_recounts_and_rankings(desk):
    document = document_with(BOXES)
    desk.settle(document)
    desk.reviewer.select(document, 2)
    assert place_of(desk, document) == (5, 5)
    for act, place in ((lambda: document.change(threshold=0.65), (5, 5)),
                       (lambda: document.change(dilation=2), (3, 3)),
                       (lambda: desk.reviewer.rank(document, "confidence"), (3, 3)),
                       (lambda: document.change(threshold=0.5, dilation=0), (5, 5)),
                       (lambda: desk.reviewer.rank(document, "flux"), (5, 5)),
                       (lambda: document.edits.draw((50, 2), (50, 70), 3, EDIT_ADD), (5, 5)),
                       (lambda: document.edits.draw((5, 5), (5, 5), 1, EDIT_DELETE), (5, 6))):
        act()
        desk.settle(document)
        assert place_of(desk, document) == place


def test_an_object_inside_anothers_box_stays_selected(desk):
    ring = [(10, 10, 30, 11), (10, 10, 11, 30), (20, 20, 22, 22)]
    document = document_with(ring)
    desk.settle(document)
    desk.reviewer.select(document, 1)
    assert place_of(desk, document) == (20, 20)
    document.change(threshold=0.6)
    desk.settle(document)
    assert place_of(desk, document) == (20, 20)
    desk.reviewer.rank(document, "flux")
    assert place_of(desk, document) == (20, 20)


def boxes_of(document, numbers):
    rows = document.review.objects[numbers]
    return [tuple(int(row[name]) for name in ("y0", "x0", "y1", "x1")) for row in rows]


def test_thumbnails_are_wished_for_until_they_show_the_mask_as_it_is(desk):
    document = document_with(BOXES)
    review = desk.settle(document)
    assert desk.reviewer.pictures(document, boxes_of(document, [0, 2])) == [None, None]
    assert len(desk.reviewer.wishes) == 2
    for (key, stamp), make in desk.reviewer.wishes.items():
        (values, state), cells, inside = make()
        assert values.shape == state.shape and cells == 24 and len(inside) == 4
        desk.atlas.stamps[key] = stamp
    assert desk.atlas.shown == list(desk.atlas.stamps)
    desk.reviewer.update(document)
    assert None not in desk.reviewer.pictures(document, boxes_of(document, [0, 2]))
    assert not desk.reviewer.wishes
    document.change(threshold=0.45)
    review = desk.settle(document)
    assert None not in desk.reviewer.pictures(document, boxes_of(document, [0]))
    assert [stamp for _, stamp in desk.reviewer.wishes] == [review.key]


def test_no_thumbnail_of_a_newer_mask_is_kept_under_an_older_ones_name(desk, monkeypatch):
    document = document_with(BOXES)
    desk.settle(document)
    monkeypatch.setattr(counting, "AT_ONCE", 0.0)
    document.change(threshold=0.85)
    desk.reviewer.update(document)  # the count has only begun
    desk.reviewer.pictures(document, boxes_of(document, [0]))
    assert not desk.reviewer.wishes
    desk.settle(document)
    desk.reviewer.pictures(document, boxes_of(document, [0]))
    assert len(desk.reviewer.wishes) == 1
