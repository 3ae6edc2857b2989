"""The coarse map of what a detection has been over."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glview.core.coverage import CELLS, Coverage, from_text, joined, minus, to_text


def painted(boxes, shape):
    mask = np.zeros(shape, bool)
    for y0, x0, y1, x1 in boxes:
        assert 0 <= y0 < y1 <= shape[0] and 0 <= x0 < x1 <= shape[1]
        assert not mask[y0:y1, x0:x1].any(), "boxes overlap"
        mask[y0:y1, x0:x1] = True
    return mask


@given(st.tuples(st.integers(1, 400), st.integers(1, 400)), st.integers(1, 90), st.data())
def test_a_cell_is_missing_until_its_last_pixel_has_come(shape, size, data):
    grid = [(y, x, min(y + size, shape[0]), min(x + size, shape[1]))
            for y in range(0, shape[0], size) for x in range(0, shape[1], size)]
    some = data.draw(st.lists(st.sampled_from(grid), unique=True))
    coverage, left = Coverage(shape), np.ones(shape, bool)
    for box in some:
        coverage.add(box)
        left[box[0]:box[2], box[1]:box[3]] = False
    missing, step = painted(coverage.missing(), shape), coverage.step
    for y in range(0, shape[0], step):
        for x in range(0, shape[1], step):
            cell = np.s_[y : y + step, x : x + step]
            assert missing[cell].all() == missing[cell].any() == left[cell].any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 1_000_000), (57_000, 57_000), (65, 64)])
def test_the_map_is_small_and_begins_and_ends_whole(shape):
    coverage = Coverage(shape)
    boxes = coverage.missing()
    assert len(boxes) <= CELLS and boxes[0][:2] == (0, 0) and boxes[-1][2:] == shape
    assert sum((y1 - y0) * (x1 - x0) for y0, x0, y1, x1 in boxes) == shape[0] * shape[1]
    coverage.add((0, 0, *shape))
    assert coverage.missing() == []


def some_box(data, shape):
    """A box of at least a pixel inside a shape."""
    two = [st.lists(st.integers(0, side), min_size=2, max_size=2, unique=True) for side in shape]
    ends = [sorted(data.draw(one)) for one in two]
    return ends[0][0], ends[1][0], ends[0][1], ends[1][1]


@given(st.tuples(st.integers(1, 150), st.integers(1, 150)), st.data())
def test_pixels_that_come_again_count_once(shape, data):
    coverage, there = Coverage(shape), np.zeros(shape, bool)
    for _ in range(data.draw(st.integers(1, 6))):
        box = some_box(data, shape)
        earlier, share = coverage.copy(), there.mean()
        coverage.add(box)
        there[box[0]:box[2], box[1]:box[3]] = True
        assert coverage.share == pytest.approx(there.mean(), abs=1e-12)
        assert earlier.share == pytest.approx(share, abs=1e-12), "a copy is on its own"
    step = coverage.step
    for y0, x0, y1, x1 in coverage.missing():
        for x in range(x0, x1, step):
            assert not there[y0:y1, x : x + step].all()
    assert (coverage.missing() == []) == there.all()


@given(st.data())
def test_a_box_less_others_is_what_they_leave(data):
    shape = (30, 40)
    box = some_box(data, shape)
    others = [some_box(data, shape) for _ in range(data.draw(st.integers(0, 5)))]
    wanted = np.zeros(shape, bool)
    wanted[box[0]:box[2], box[1]:box[3]] = True
    for y0, x0, y1, x1 in others:
        wanted[y0:y1, x0:x1] = False
    assert np.array_equal(painted(minus(box, others), shape), wanted)


def test_a_pixel_is_had_once_a_box_that_holds_it_came():
    random = np.random.default_rng(8)
    coverage, truth = Coverage((150, 200)), np.zeros((150, 200), bool)
    for _ in range(12):
        y0, x0 = random.integers(0, (140, 190))
        box = int(y0), int(x0), int(y0 + random.integers(1, 11)), int(x0 + random.integers(1, 11))
        coverage.add(box)
        truth[box[0] : box[2], box[1] : box[3]] = True
    assert np.array_equal([[coverage.has(y, x) for x in range(200)] for y in range(150)], truth)


@given(st.data())
def test_boxes_are_joined_without_a_pixel_more_or_less(data):
    shape = (30, 40)
    boxes = [some_box(data, shape) for _ in range(data.draw(st.integers(0, 8)))]
    wanted = np.zeros(shape, bool)
    for y0, x0, y1, x1 in boxes:
        wanted[y0:y1, x0:x1] = True
    assert np.array_equal(painted(joined(boxes), shape), wanted)
    assert Coverage.of(shape, boxes).boxes == joined(boxes)


def test_tiles_of_a_large_frame_become_few_boxes():
    side, tile = 32768, 512
    tiles = [(y, x, y + tile, x + tile) for y in range(0, side, tile) for x in range(0, side, tile)
             if (y - 16000) ** 2 + (x - 9000) ** 2 < 9000**2]  # as they come, around a view
    assert len(tiles) > 900 and len(joined(tiles)) <= side // tile
    assert joined(tiles[:5] + tiles[:3]) == joined(tiles[:5]) and joined([]) == []


@given(st.data())
def test_boxes_are_told_as_sections_and_read_back(data):
    boxes = [some_box(data, (300, 4000)) for _ in range(data.draw(st.integers(0, 5)))]
    assert from_text(to_text(boxes)) == boxes
    assert from_text(f"; {to_text(boxes)} decam def; ") == boxes


def test_a_section_is_as_fits_has_it():
    assert to_text([(9, 19, 30, 40)]) == "[20:40,10:30]"
    assert from_text("[0:9,1:9][9:8,1:9][1:9,5:4][a:b,1:2][1:2,3:9999999999]") == []
