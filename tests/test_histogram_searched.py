"""The confidences of a frame that was searched in part: only what was searched is counted."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
from test_histogram import agrees, confidences

from glview.core import histogram
from glview.core.coverage import Coverage
from glview.core.histogram import edges_between, of_confidence
from glview.core.plane import Plane
from glview.core.tiles import Stamps
from glview.document import Detection
from glview.jobs import Jobs
from glview.measuring import Measurer
from glview.ui.histograms import _part

BOXES = [(0, 0, 64, 64), (30, 100, 650, 141), (600, 541, 700, 600)]


def pixels_of(array):
    return np.concatenate([array[y0:y1, x0:x1].ravel() for y0, x0, y1, x1 in BOXES])[None]


@pytest.mark.parametrize("make", [np.array, Plane.from_array])
def test_only_what_is_in_the_boxes_is_counted(make):
    array, edges = confidences(), edges_between(0, 1, 128)
    found = of_confidence(make(array), edges, boxes=BOXES)
    agrees(found, pixels_of(array))
    assert found.exact and found.total == pixels_of(array).size


def test_a_part_of_each_box_is_sampled(monkeypatch):
    monkeypatch.setattr(histogram, "SAMPLED", 6_000)
    array = np.ones((700, 600), np.float32)
    boxes = [(5, 0, 15, 600), (100, 0, 700, 300)]
    found = of_confidence(array, edges_between(0, 1, 4), sampled=True, boxes=boxes)
    assert found.total == 6_000 + 180_000 and not found.exact
    assert found.counts[-1] == found.looked
    assert found.total / found.looked == pytest.approx(70, rel=0.2)


def test_of_nothing_searched_nothing_is_counted():
    found = of_confidence(confidences(), edges_between(0, 1, 4), boxes=[])
    assert found.exact and found.total == found.counts.sum() == 0


def part_of(array, boxes):
    """A document of which only some boxes were searched."""
    coverage = Coverage.of(array.shape, boxes)
    found = Detection(Stamps(array.shape), array, coverage.share, coverage=coverage)
    return SimpleNamespace(key=object(), detection=found)


def count(measurer, jobs, document):
    """What is told once all of it is counted."""
    until, found = time.monotonic() + 30, None
    while found is None or jobs.has("histogram confidence"):
        assert time.monotonic() < until, "it waits for the confidences to be counted"
        found = measurer.confidence(document)
        jobs.collect()
    return measurer.confidence(document)


def test_pixels_that_nobody_searched_are_not_counted_as_zero():
    array, jobs = confidences(), Jobs()
    document, measurer = part_of(array, BOXES), Measurer(None, jobs)
    try:
        agrees(count(measurer, jobs, document), pixels_of(array))
        assert _part(document.detection) == " searched"
        document.detection.covered = 1.0
        agrees(count(measurer, jobs, document), array)
        assert _part(document.detection) == ""
    finally:
        jobs.close()


def test_where_nobody_knows_which_pixels_were_searched_it_says_how_many():
    document = part_of(confidences(), BOXES)
    document.detection.coverage.told = False
    document.detection.covered = 0.016
    assert _part(document.detection) == ", 1.6 % searched"
