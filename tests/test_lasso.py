"""Filled outlines, judged by the definition pixel by pixel; regions of a plane of edits."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glview.core import lasso
from glview.core.cancel import Cancelled
from glview.core.lasso import box_of, drawn, filled, patch_of, runs_in, runs_of, size_of
from glview.core.mask import EDIT_ADD, EDIT_DELETE, EDIT_NONE
from glview.core.plane import Plane

SHAPE = (17, 23)
eighths = st.integers(-40, 240).map(lambda number: number / 8)
corner = st.tuples(*[st.one_of(eighths, st.floats(-5, 30))] * 2)
outlines = st.lists(st.tuples(eighths, eighths), min_size=1, max_size=9)


def is_inside(points, y, x):
    """The definition, in exact numbers: a ray to larger x crosses the outline an odd number of
    times; an edge holds its lower end."""
    crossings = 0
    for (ay, ax), (by, bx) in zip(points, [*points[1:], points[0]], strict=True):
        ay, ax, by, bx = map(Fraction, (ay, ax, by, bx))
        if (ay <= y) != (by <= y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            crossings += 1
    return crossings % 2 == 1


def painted(runs, shape=SHAPE):
    made = np.zeros(shape, int)
    for y, x0, x1 in runs.tolist():
        assert 0 <= x0 < x1 <= shape[1]
        made[y, x0:x1] += 1
    assert made.max(initial=0) <= 1, "runs do not overlap"
    return made.astype(bool)


@settings(deadline=None)
@given(outlines)
def test_a_pixel_is_inside_when_its_centre_is(points):
    half = Fraction(1, 2)
    expected = [[is_inside(points, y + half, x + half) for x in range(SHAPE[1])]
                for y in range(SHAPE[0])]
    runs = runs_of(points, SHAPE)
    assert (painted(runs) == expected).all()
    assert (np.lexsort((runs[:, 1], runs[:, 0])) == np.arange(len(runs))).all()
    assert size_of(runs) == np.sum(expected)


@settings(deadline=None)
@given(st.lists(corner, min_size=3, max_size=3), corner)
def test_outlines_that_share_edges_share_no_pixel_and_leave_none(corners, middle):
    parts = [painted(runs_of([corners[k], corners[(k + 1) % 3], middle], SHAPE)) for k in range(3)]
    whole = painted(runs_of(corners, SHAPE))
    assert (np.logical_xor.reduce(parts) == whole).all()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_pixels_become_runs_and_these_the_same_pixels(seed, share):
    rng = np.random.default_rng(seed)
    inside = rng.random(rng.integers(1, 12, 2)) < share
    runs = runs_in((100, 200), inside)
    assert (painted(runs - np.array([100, 200, 200]), inside.shape) == inside).all()
    ends = {(y, x) for y, _, x in runs.tolist()}
    assert not any((y, x) in ends for y, x, _ in runs.tolist()), "they are as long as can be"


def test_a_rectangle_of_whole_pixels_is_itself():
    runs = runs_of([(3, 5), (3, 9), (7, 9), (7, 5)], SHAPE)
    expected = np.zeros(SHAPE, bool)
    expected[3:7, 5:9] = True
    assert (painted(runs) == expected).all()
    assert box_of(runs) == (3, 5, 7, 9) and size_of(runs) == 16
    assert drawn(runs, (3, 5, 7, 9)).all()


def test_a_star_is_empty_in_the_middle():
    angle = np.arange(5) * 4 * np.pi / 5
    inside = painted(runs_of(np.stack([8 - 8 * np.cos(angle), 11 + 8 * np.sin(angle)], 1), SHAPE))
    assert not inside[8, 11] and inside[2, 11] and inside.sum() > 20


def test_an_outline_round_a_gigapixel_costs_what_its_height_does():
    shape = (100_000, 100_000)
    runs = runs_of([(-5, -5), (-5, 2e5), (2e5, 2e5), (2e5, -5)], shape)
    assert runs.shape == (100_000, 3) and size_of(runs) == 10**10


def plane_of(shape, **places):
    plane = Plane(shape, np.uint8)
    for (y, x), code in places.get("codes", {}).items():
        plane.put(y, x, np.array([[code]], np.uint8))
    return plane


@pytest.mark.parametrize("value", [EDIT_NONE, EDIT_ADD, EDIT_DELETE])
def test_a_region_is_filled_over_tiles_as_in_an_array(value, monkeypatch):
    monkeypatch.setattr(lasso, "WIDE", 512)
    shape, rng = (1300, 900), np.random.default_rng(4)
    codes = rng.choice(np.array([0, 1, 2], np.uint8), shape, p=[0.98, 0.01, 0.01])
    plane = Plane.from_array(codes)
    runs = runs_of([(20.3, 30.2), (700.9, 880.0), (1250.5, 20.0)], shape)
    made = filled(plane, runs, value)
    codes[painted(runs, shape)] = value
    assert (made[:, :] == codes).all()
    assert (plane[:, :] != codes).any(), "the plane itself stays as it was"
    assert filled(made, runs, value) is None


def test_taking_back_a_gigapixel_touches_only_what_is_edited(monkeypatch):
    shape, boxes = (40_000, 40_000), []
    monkeypatch.setattr(lasso, "drawn", lambda runs, box: (boxes.append(box), drawn(runs, box))[1])
    plane = plane_of(shape, codes={(7, 9): 1, (30_000, 31_000): 2, (39_999, 0): 1})
    runs = runs_of([(0, 5), (0, 40_000), (40_000, 40_000), (40_000, 5)], shape)
    made = filled(plane, runs, EDIT_NONE)
    assert [place for place, _ in made.held()] == [(39_936, 0)] and made[39_999, 0] == 1
    assert made.nbytes < 10_000
    assert [box[0] for box in boxes] == [0, 29_696, 39_936]


def test_filling_can_be_stopped():
    plane, asked = Plane((3000, 100), np.uint8), []

    def cancel():
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(Cancelled):
        filled(plane, runs_of([(0, 0), (0, 100), (3000, 100), (3000, 0)], (3000, 100)), EDIT_ADD,
               cancel)
    assert len(asked) == 3 and not plane.nbytes


def test_a_patch_is_as_small_as_what_it_changes():
    plane = plane_of((50, 60), codes={(12, 14): EDIT_ADD})
    inside = np.zeros((20, 20), bool)
    inside[3:5, 4:7] = True
    patch = patch_of(plane, (10, 10), inside, EDIT_ADD)
    assert (patch.y, patch.x) == (13, 14) and (patch.after == 1).all()
    assert patch.after.shape == (2, 3) and not patch.before.any() and not plane[13, 14]
    assert patch_of(plane, (10, 10), inside, EDIT_NONE) is None
    assert patch_of(plane, (10, 10), np.zeros((4, 4), bool), EDIT_ADD) is None
