"""Histograms, judged by numpy's, and the worker that counts them."""

import functools
import gc
import threading
import time
import weakref
from dataclasses import replace

import numpy as np
import pytest
from drawing import document_of, tell
from hypothesis import given, settings
from hypothesis import strategies as st

from glview import measuring
from glview.core import histogram, pyramid
from glview.core.cancel import Cancelled
from glview.core.histogram import (
    FINE,
    edges_between,
    of_areas,
    of_confidence,
    of_pixels,
    of_rows,
    of_sorted,
    scale_for,
)
from glview.core.image import from_array
from glview.core.plane import Plane
from glview.jobs import Jobs
from glview.measuring import Measurer
from glview.workspace import Workspace

numbers = st.floats(-1e6, 1e6, width=32)


def values_of(seed=0, shape=(60, 70)):
    """Values on, beside and between the edges, NaN, both infinities."""
    rng = np.random.default_rng(seed)
    made = rng.normal(100, 20, shape).astype(np.float32)
    made[::7] = np.rint(made[::7])
    made[3, 3:6] = np.nan, np.inf, -np.inf
    made[5, 5], made[5, 6] = 60, 140
    return made


def agrees(found, values, closed=True):
    """The histogram of values, any shape, is numpy's, and nothing that is finite is lost.

    closed: the last edge belongs to the last bin.
    """
    kept = values[np.isfinite(values)].astype(np.float64)
    edges = found.edges if closed else [*found.edges, np.inf]
    assert (found.counts == np.histogram(kept, edges)[0][: len(found.counts)]).all()
    assert found.below == (kept < found.edges[0]).sum()
    assert found.below + found.counts.sum() + found.above == len(kept)


def test_a_sorted_sample_is_counted_as_by_numpy():
    values = values_of()
    finite = np.sort(values[np.isfinite(values)])
    for bins in (1, 7, 80):
        found = of_sorted(finite, edges_between(60, 140, bins), values.size, 9 * values.size)
        agrees(found, values)
        assert not found.exact


@settings(deadline=None)  # the kernel is loaded at its first call
@given(st.lists(numbers, min_size=1, max_size=50), numbers, st.floats(2.0**-10, 1e5, width=32),
       st.integers(1, 130))
def test_a_frame_is_counted_as_by_numpy(values, low, width, bins):
    edges = edges_between(low, low + width, bins)
    values = np.array([[*values, low, *edges[:40]]], np.float32)
    agrees(of_rows(lambda y0, y1: values[y0:y1], values.shape, edges), values)


def test_values_on_edges_that_were_rounded_are_counted_as_by_numpy():
    rng = np.random.default_rng(0)
    for bins in (18, 24, 25, 26):
        for _ in range(200):
            low = float(np.float32(rng.normal()))
            edges = edges_between(low, float(np.float32(low + abs(rng.normal()))), bins)
            values = edges.astype(np.float32)[None]
            agrees(of_rows(lambda y0, y1, rows=values: rows, values.shape, edges), values)


@pytest.mark.parametrize("dtype", [">f4", "<f4", ">i2", "u1", "f8"])
def test_bands_of_every_type_are_counted(monkeypatch, dtype):
    monkeypatch.setattr(histogram, "BAND", 300)
    values = np.random.default_rng(1).integers(0, 200, (50, 33)).astype(dtype)
    found = of_rows(lambda y0, y1: values[y0:y1], values.shape, edges_between(20, 180, 40))
    agrees(found, np.asarray(values, np.float32))
    assert found.exact and found.looked == values.size


def test_a_sample_is_every_so_many_rows():
    values = values_of(shape=(64, 10))
    asked = []

    def rows(y0, y1):
        asked.append((y0, y1))
        return values[y0:y1]

    found = of_rows(rows, values.shape, edges_between(60, 140, 20), step=8)
    assert asked == [(y, y + 1) for y in range(4, 64, 8)]
    agrees(found, values[4::8])
    assert (found.looked, found.total, found.exact) == (80, 640, False)


def test_counting_can_be_stopped():
    with pytest.raises(Cancelled):
        of_rows(lambda y0, y1: np.zeros((y1 - y0, 4)), (9, 4), edges_between(0, 1, 4),
                cancel=lambda: True)


def confidences(shape=(700, 600)):
    rng = np.random.default_rng(2)
    made = np.where(rng.random(shape) < 0.01, rng.random(shape), 0).astype(np.float32)
    made[40:60, 100:140] = rng.random((20, 40))
    made[10, 10], made[10, 11] = 1.0, np.nan
    return made


@pytest.mark.parametrize("floor", [0.0, 2.0**-10])
def test_a_plane_counts_what_it_does_not_hold_as_zero(floor):
    array, edges = confidences(), edges_between(0, 1, 128)
    plane = Plane.from_array(array, floor)
    found = of_confidence(plane, edges)
    agrees(found, plane[:, :])
    assert found.exact and found.counts.sum() == array.size - (floor == 0)


def test_counting_a_plane_can_be_stopped():
    plane, asked = Plane.from_array(confidences((1200, 1200))), []

    def cancel():
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(Cancelled):
        of_confidence(plane, edges_between(0, 1, 4), cancel=cancel)
    assert len(asked) == 3


@pytest.mark.parametrize("shape", [(3, 4000), (1, 12_000), (12_000, 1), (1, 1)])
def test_of_every_shape_something_is_sampled(monkeypatch, shape):
    monkeypatch.setattr(histogram, "SAMPLED", 1000)
    found = of_confidence(np.ones(shape, np.float32), edges_between(0, 1, 4), sampled=True)
    assert found.counts[-1] == found.looked > 0


def test_an_array_is_sampled_first(monkeypatch):
    array, edges = confidences(), edges_between(0, 1, 128)
    agrees(of_confidence(array, edges), array)
    monkeypatch.setattr(histogram, "SAMPLED", 60_000)
    found = of_confidence(array, edges, sampled=True)
    assert 50_000 < found.looked < 70_000 and found.total == array.size


@settings(deadline=None)
@given(st.lists(st.integers(1, 10**6), max_size=40))
def test_every_area_is_in_a_bin(areas):
    areas = np.array(areas, np.int64)
    found = of_areas(areas)
    agrees(found, areas.astype(np.float64))
    assert found.counts.sum() == len(areas) and (np.diff(found.edges) > 0).all()
    assert found.edges[:4].tolist() == [1, 2, 3, 4]


def is_fine(found, values):
    """A Fine of values, any shape: each of its bins is numpy's, which has no bin for NaN."""
    edges = found.scale.low + np.arange(FINE + 1) * found.scale.width
    kept = np.sort(values[np.isfinite(values)].astype(np.float64))
    places = np.searchsorted(kept, edges, "left")
    assert (found.counts[1:-2] == np.diff(places)).all()
    assert (found.counts[0], found.counts[-2]) == (places[0], len(kept) - places[-1])
    assert found.counts[-1] == values.size - len(kept)


steps = st.integers(-(1 << 28), 1 << 28).map(lambda step: step / 256)


@settings(max_examples=30)
@given(st.lists(steps | st.sampled_from([np.nan, np.inf, -np.inf, 3e38]), min_size=1, max_size=60),
       numbers, st.floats(1.0, 1e6, width=32))
def test_every_pixel_is_in_its_fine_bin(values, low, width):
    scale = scale_for(low, low + width)
    edges = scale.low + np.arange(0, FINE + 1, 999) * scale.width
    beside = [np.nextafter(np.float32(edge), np.float32(end)) for edge in edges
              for end in (-np.inf, np.inf)]
    frame = np.array([[*values, *edges, *beside, low, low + width]], np.float32)
    found = of_pixels(from_array(frame), scale)
    is_fine(found, frame)
    joined = found.between(low, low + width, 128)
    agrees(joined, frame, closed=False)
    off = np.abs(joined.edges - edges_between(low, low + width, 128))
    assert off.max() <= width / 128 / 16


@pytest.mark.parametrize("span", [(59.0, 140.0), (-300.0, 140.0), (60.0, 600.0)])
def test_fine_bins_reach_farther_than_they_were_made_for(span):
    values = values_of()
    found = of_pixels(from_array(values), scale_for(*span))
    low, high = span
    width = high - low
    assert found.between(low - width, high + width, 128) is not None
    assert found.between(low, low + width / 4, 128) is not None
    assert found.between(low, low + width / 16, 128) is None, "they are too wide"
    assert found.between(low - 8 * width, high, 128) is None, "they do not reach so far"


@pytest.mark.parametrize("shape", [(1, 1), (700, 3), (3, 20_001), (90, 1001)])
def test_pixels_are_counted_a_piece_at_a_time_by_threads(monkeypatch, shape):
    monkeypatch.setattr(histogram, "PIECE", 5000)
    values = np.random.default_rng(0).normal(0, 1, shape).astype(">f4")
    told = []
    is_fine(of_pixels(from_array(values), scale_for(-1, 1), told.append), values)
    assert max(told) == 1.0
    with pytest.raises(Cancelled):
        of_pixels(from_array(values), scale_for(-1, 1), cancel=lambda: True)


def read_by(document):
    """The one pass over its file, and what it found is taken over."""
    pyramid.build(document.image, document.pyramid)
    document.pyramid.collect()


def gate(document, values):
    """Let whoever reads its pixels wait: two events, that it was begun and that it may go on."""
    begun, go = threading.Event(), threading.Event()

    def read(plane, y0, y1, x0, x1):
        begun.set()
        go.wait(30)
        return values[y0:y1, x0:x1]

    document.image = replace(document.image, read=read)
    return begun, go


class Counting:
    """A Measurer, and frames of a panel that asks it."""

    def __init__(self):
        self.jobs, self.workspace = Jobs(), Workspace([])
        self.measurer = Measurer(self.workspace, self.jobs)

    def frames(self, ask):
        """Ask in every frame until nothing goes on; returns the last answer."""
        found, until = ask(), time.monotonic() + 30
        while self.jobs.busy:
            assert time.monotonic() < until
            self.jobs.collect()
            found = ask()
            time.sleep(0.001)
        return found


@pytest.fixture
def counting():
    made = Counting()
    yield made
    made.jobs.close()


def test_what_was_counted_of_one_picture_is_not_shown_for_another(counting):
    first, second = document_of(values_of(1)), document_of(values_of(2))
    tell(first, np.zeros((60, 70), np.float32))
    for document in (first, second):
        read_by(document)
    found = counting.frames(lambda: counting.measurer.pixels(first, 60.0, 140.0))
    agrees(found, values_of(1), closed=False)
    assert not counting.measurer.pixels(second, 60.0, 140.0)
    agrees(counting.frames(lambda: counting.measurer.pixels(second, 60.0, 140.0)), values_of(2),
           closed=False)
    assert counting.frames(lambda: counting.measurer.confidence(first)).counts[0] == 4200
    assert counting.measurer.confidence(second) is None


def test_a_frame_is_counted_by_its_sample_and_then_whole(counting):
    values = values_of(shape=(3000, 1200))
    document = document_of(values)
    read_by(document)
    _, go = gate(document, values)
    found, until = counting.measurer.pixels(document, 60.0, 140.0), time.monotonic() + 30
    while found is None:
        assert time.monotonic() < until, "it waits for all pixels to be counted"
        counting.jobs.collect()
        found = counting.measurer.pixels(document, 60.0, 140.0)
    assert not found.exact and found.looked == len(document.sample.values) < found.total
    assert 0 <= counting.measurer.counted <= 1
    go.set()
    found = counting.frames(lambda: counting.measurer.pixels(document, 60.0, 140.0))
    agrees(found, values, closed=False)
    assert found.exact and counting.measurer.counted is None


def test_what_is_in_sight_before_the_pass_is_counted_in_it(counting):
    values = values_of(shape=(300, 500))
    document, asked = document_of(values), []
    first = counting.frames(lambda: counting.measurer.pixels(document, 60.0, 140.0))
    assert first.looked == len(document.sample.values)
    read_by(document)
    counting.jobs.start = lambda name, *rest: asked.append(name)
    found = counting.measurer.pixels(document, 60.0, 140.0)
    agrees(found, values, closed=False)
    assert found.exact and not asked, "the file is read once"
    assert counting.measurer.pixels(document, 61.0, 139.0).exact and not asked
    counting.measurer.pixels(document, 60.0, 61.0)
    assert measuring.ALL in asked, "a span too narrow for these bins"


def test_a_slider_that_is_dragged_does_not_start_over_and_over(counting):
    document, asked = document_of(values_of()), []
    start = counting.jobs.start
    counting.jobs.start = lambda name, *rest: (asked.append(name), start(name, *rest))
    for step in range(20):
        counting.measurer.pixels(document, 60.0, 140.0 + step)
    assert asked == ["histogram pixels"], "the first one may finish"
    found = counting.frames(lambda: counting.measurer.pixels(document, 60.0, 159.0))
    assert found.edges[-1] == 159.0


def test_an_exact_count_under_way_does_not_hold_up_another_question(counting):
    document = document_of(values_of())
    read_by(document)
    begun, go = gate(document, values_of())
    counting.measurer.pixels(document, 60.0, 140.0)
    while not begun.wait(0.001):
        counting.jobs.collect()
    found, until = None, time.monotonic() + 10
    while found is None or found.edges[-1] != 150.0:
        assert time.monotonic() < until, "it waits for all pixels to be counted"
        found = counting.measurer.pixels(document, 60.0, 150.0)
        counting.jobs.collect()
    assert counting.measurer.counted is not None, "it goes on, and does for this one too"
    go.set()
    found = counting.frames(lambda: counting.measurer.pixels(document, 60.0, 150.0))
    assert found.exact and found.looked == 4200


def test_what_was_asked_keeps_nothing_of_a_closed_document(counting):
    document = document_of(values_of())
    counting.frames(functools.partial(counting.measurer.pixels, document, 60.0, 140.0))
    sample, until = weakref.ref(document.sample), time.monotonic() + 10
    del document
    while sample() is not None:
        assert time.monotonic() < until, "it is kept"
        gc.collect()


def test_a_file_that_cannot_be_read_is_told_of(counting):
    def read(plane, y0, y1, x0, x1):
        raise OSError("the disk is gone")

    document = document_of(values_of())
    read_by(document)
    document.image = replace(document.image, read=read)
    found = counting.frames(lambda: counting.measurer.pixels(document, 60.0, 140.0))
    assert not found.exact, "the sample stays"
    assert counting.workspace.told == "Values cannot be counted: the disk is gone"
