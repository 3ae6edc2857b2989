"""The pencil's pixels against their definition, and patches that can be taken back."""

import math
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glview.core.edits import Edits, brush, line
from glview.core.mask import EDIT_ADD, EDIT_DELETE, EDIT_NONE
from glview.core.tiles import SIZE

SHAPE = (37, 53)
pixels = st.tuples(st.integers(-20, 60), st.integers(-20, 70))


def drawn_by_definition(shape, start, end, size):
    """bool: pixels covered by a disk of diameter `size` at any pixel of the straight line.

    An even brush has no middle pixel; its centre is half a pixel further than the line's.
    """
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    covered = np.zeros(shape, bool)
    half = 0.0 if size % 2 else 0.5
    for k in range(steps + 1):
        cy = math.floor(start[0] + k / steps * (end[0] - start[0]) + 0.5) + half
        cx = math.floor(start[1] + k / steps * (end[1] - start[1]) + 0.5) + half
        for y in range(math.floor(cy - size), math.ceil(cy + size) + 1):
            for x in range(math.floor(cx - size), math.ceil(cx + size) + 1):
                inside = 0 <= y < shape[0] and 0 <= x < shape[1]
                if inside and (y - cy) ** 2 + (x - cx) ** 2 <= size * size / 4:
                    covered[y, x] = True
    return covered


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 9, 30])
def test_a_brush_is_round_symmetric_and_of_its_size(size):
    covered = brush(size)
    assert covered.shape == (size, size)
    for turned in (covered.T, covered[::-1], covered[:, ::-1]):
        assert (covered == turned).all()
    assert covered.any(0).all() and covered.any(1).all()
    assert abs(covered.sum() - math.pi * size * size / 4) <= 2.5 * size


def test_small_brushes_are_what_one_expects():
    assert brush(1).tolist() == [[True]]
    assert brush(2).all()
    assert brush(3).all()
    assert not brush(4)[0, 0] and brush(4)[0, 1] and brush(4)[1, 0]


@settings(deadline=None)
@given(pixels, pixels)
def test_a_line_has_no_gaps_and_never_leaves_its_way(start, end):
    found = line(start, end)
    assert tuple(found[0]) == start and tuple(found[-1]) == end
    steps = np.abs(np.diff(found, axis=0))
    assert (steps.max(1, initial=0) == 1).all() if len(steps) else start == end
    length = max(abs(end[0] - start[0]), abs(end[1] - start[1]))
    assert len(found) == length + 1
    away = (found - start) @ np.array([end[1] - start[1], -(end[0] - start[0])])
    assert (np.abs(away) <= 0.5 * max(length, 1) + 1e-9).all()


@settings(deadline=None, max_examples=60)
@given(pixels, pixels, st.integers(1, 9), st.sampled_from([EDIT_ADD, EDIT_DELETE]))
def test_a_drawn_line_covers_what_its_definition_says(start, end, size, value):
    edits = Edits(SHAPE)
    patches = edits.draw(start, end, size, value)
    expected = drawn_by_definition(SHAPE, start, end, size)
    found = edits.plane[:, :]
    assert (found == np.where(expected, value, 0)).all()
    assert bool(patches) == expected.any()
    assert edits.added + edits.deleted == expected.sum()


def test_a_stroke_outside_changes_nothing_and_takes_no_memory():
    edits = Edits(SHAPE)
    assert not edits.draw((-9, -9), (-9, 99), 3, EDIT_ADD)
    assert not edits.any and edits.revision == 0
    assert not edits.draw((5, 5), (5, 5), 3, EDIT_NONE)


def test_drawing_the_same_twice_is_no_second_change():
    edits = Edits(SHAPE)
    assert edits.draw((5, 5), (9, 30), 3, EDIT_ADD)
    before = edits.revision
    assert not edits.draw((5, 5), (9, 30), 3, EDIT_ADD)
    assert edits.revision == before


def test_patches_put_back_in_reverse_restore_every_pixel():
    random = np.random.default_rng(3)
    edits, states, made = Edits((700, 900)), [], []
    for _ in range(12):
        states.append(edits.plane[:, :])
        ends = random.integers(-50, 950, (2, 2)).tolist()
        value = int(random.integers(3))
        made.append(edits.draw(*map(tuple, ends), int(random.integers(1, 30)), value))
    for patches, state in zip(reversed(made), reversed(states), strict=True):
        for patch in reversed(patches):
            edits.put(patch.y, patch.x, patch.before)
        assert (edits.plane[:, :] == state).all()
    assert edits.added == edits.deleted == 0


def test_a_long_diagonal_holds_little_memory():
    side = 6000
    edits = Edits((side, side))
    patches = edits.draw((0, 0), (side - 1, side - 1), 3, EDIT_ADD)
    assert edits.added == edits.plane[:, :].astype(bool).sum()
    assert (edits.plane[:, :].diagonal() == EDIT_ADD).all()
    assert sum(patch.before.nbytes + patch.after.nbytes for patch in patches) < side * side / 8


def test_a_long_thin_line_has_no_gaps():
    edits = Edits((1200, 900))
    edits.draw((5, 7), (1100, 800), 1, EDIT_ADD)
    assert edits.added == 1096
    assert (edits.plane[:, :] == np.where(drawn_by_definition((1200, 900), (5, 7), (1100, 800), 1),
                                    EDIT_ADD, 0)).all()


def test_a_line_from_far_outside_is_quick():
    edits, start = Edits((100, 100)), time.thread_time()  # seconds of work, not of waiting
    edits.draw((-2_000_000, -2_000_000), (2_000_000, 2_000_000), 1, EDIT_ADD)
    assert time.thread_time() - start < 2.0
    assert edits.added == 100 and (edits.plane[:, :].diagonal() == EDIT_ADD).all()


def test_clearing_takes_back_everything_and_can_be_undone():
    edits = Edits((SIZE + 100, SIZE + 7))
    edits.draw((10, 10), (600, 500), 5, EDIT_ADD)
    edits.draw((600, 0), (0, 500), 3, EDIT_DELETE)
    before, counts = edits.plane[:, :], (edits.added, edits.deleted)
    patches = edits.cleared()
    assert not edits.plane[:, :].any() and not edits.any and edits.added == edits.deleted == 0
    assert not edits.cleared()
    for patch in reversed(patches):
        edits.put(patch.y, patch.x, patch.before)
    assert (edits.plane[:, :] == before).all() and (edits.added, edits.deleted) == counts
    assert Edits(SHAPE).cleared() == []


def test_tiles_are_stamped_where_pixels_changed():
    edits = Edits((2 * SIZE, 2 * SIZE))
    edits.draw((5, 5), (6, 9), 1, EDIT_ADD)
    stamps = [edits.stamps.at(0, ty, tx) for ty, tx in np.ndindex(2, 2)]
    assert stamps[0] > 0 and stamps[1:] == [0, 0, 0]
    edits.draw((SIZE, SIZE), (SIZE, SIZE), 1, EDIT_ADD)
    assert edits.stamps.at(0, 1, 1) > stamps[0] and edits.stamps.at(0, 0, 0) == stamps[0]


def test_edits_that_were_saved_are_counted():
    plane = np.zeros(SHAPE, np.uint8)
    plane[0, :5], plane[1, :3] = EDIT_ADD, EDIT_DELETE
    edits = Edits(SHAPE, plane)
    assert (edits.added, edits.deleted) == (5, 3)
    assert edits.revision > 0


def test_taking_back_all_edits_of_a_huge_frame_costs_next_to_nothing():
    edits = Edits((40_000, 40_000))
    for place in range(0, 40_000, 500):
        edits.draw((place, place), (place, place + 3), 1, EDIT_ADD)
    held, added = edits.plane.nbytes, edits.added
    tracemalloc.start()
    try:
        patches = edits.cleared()
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert not edits.any and edits.plane.nbytes == 0
    for patch in patches:
        edits.put(patch.y, patch.x, patch.before)
    assert (edits.added, edits.plane.nbytes) == (added, held)
    edits.draw((0, 0), (0, 9), 1, EDIT_DELETE)
    assert patches[0].before[0, 0] == EDIT_ADD, "later strokes do not reach into the past"
