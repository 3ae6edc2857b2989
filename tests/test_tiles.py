"""The grid of tiles against brute force over its cells."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glview.core.tiles import SIZE, Stamps, level_shape, levels, tile_box, visible

shapes = st.tuples(st.integers(1, 3000), st.integers(1, 3000))


@pytest.mark.parametrize(("shape", "count"), [((1, 1), 1), ((512, 512), 1), ((513, 1), 2),
                                              ((1024, 1024), 2), ((1, 1025), 3), ((40000, 9), 8)])
def test_levels_go_on_until_one_tile_holds_all(shape, count):
    assert levels(shape) == count
    assert max(level_shape(shape, count - 1)) <= SIZE


@settings(deadline=None)
@given(shapes, st.integers(0, 4))
def test_the_tiles_of_a_level_cover_it_once(shape, level):
    height, width = level_shape(shape, level)
    assert (height, width) == tuple(math.ceil(side / 2**level) for side in shape)
    hits = np.zeros((height, width), np.uint8)
    for ty in range(math.ceil(height / SIZE)):
        for tx in range(math.ceil(width / SIZE)):
            y0, x0, y1, x1 = tile_box(shape, level, ty, tx)
            assert 0 < y1 - y0 <= SIZE and 0 < x1 - x0 <= SIZE
            hits[y0:y1, x0:x1] += 1
    assert (hits == 1).all()


boxes = st.tuples(*[st.integers(-600, 3600)] * 4)


@settings(deadline=None)
@given(shapes, st.integers(0, 2), boxes)
def test_visible_tiles_are_those_with_a_pixel_in_the_box(shape, level, box):
    height, width = level_shape(shape, level)
    expected = set()
    for ty in range(math.ceil(height / SIZE)):
        for tx in range(math.ceil(width / SIZE)):
            y0, x0, y1, x1 = tile_box(shape, level, ty, tx)
            rows = set(range(y0, y1)) & set(range(box[0], box[2]))
            columns = set(range(x0, x1)) & set(range(box[1], box[3]))
            if rows and columns:
                expected.add((ty, tx))
    found = visible(shape, level, box)
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_the_tile_in_the_middle_comes_first():
    found = visible((5 * SIZE, 5 * SIZE), 0, (0, 0, 5 * SIZE, 5 * SIZE))
    assert found[0] == (2, 2)
    rings = [max(abs(ty - 2), abs(tx - 2)) for ty, tx in found]
    assert rings == sorted(rings) and len(found) == 25


def touched_by_hand(shape, level, box):
    """(rows, columns) bool: tiles whose pixels overlap the box, pixel ranges compared as sets."""
    height, width = level_shape(shape, level)
    cell = SIZE * 2**level
    hit = np.zeros((math.ceil(height / SIZE), math.ceil(width / SIZE)), bool)
    for ty in range(hit.shape[0]):
        for tx in range(hit.shape[1]):
            rows = range(max(ty * cell, box[0]), min((ty + 1) * cell, box[2], shape[0]))
            columns = range(max(tx * cell, box[1]), min((tx + 1) * cell, box[3], shape[1]))
            hit[ty, tx] = len(rows) > 0 and len(columns) > 0
    return hit


@settings(deadline=None)
@given(shapes, st.lists(boxes, max_size=4))
def test_stamps_change_where_something_was_touched_and_nowhere_else(shape, touches):
    stamps = Stamps(shape)
    model = [np.zeros_like(touched_by_hand(shape, k, (0, 0, 1, 1)), int)
             for k in range(levels(shape))]
    for number, box in enumerate(touches, 1):
        stamps.touch(box)
        for level, grid in enumerate(model):
            grid[touched_by_hand(shape, level, box)] = number
    assert stamps.now == len(touches)
    for level, grid in enumerate(model):
        for ty, tx in np.ndindex(grid.shape):
            assert stamps.at(level, ty, tx) == grid[ty, tx]


@settings(deadline=None)
@given(shapes, st.lists(boxes, max_size=6), st.integers(0, 6))
def test_what_changed_since_is_told_by_rows_of_tiles(shape, touches, seen):
    stamps, hit = Stamps(shape), np.zeros_like(touched_by_hand(shape, 0, (0, 0, 1, 1)))
    for number, box in enumerate(touches, 1):
        stamps.touch(box)
        if number > seen:
            hit |= touched_by_hand(shape, 0, box)
    rows = np.flatnonzero(hit.any(1)).tolist()
    expected = []
    for row in rows:
        left, right = np.flatnonzero(hit[row])[[0, -1]].tolist()
        expected.append((row * SIZE, left * SIZE, min(row * SIZE + SIZE, shape[0]),
                         min(right * SIZE + SIZE, shape[1])))
    assert stamps.since(seen) == expected
