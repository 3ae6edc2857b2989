"""Thumbnails' pictures against a plain loop over their cells."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glview.core import cutout, mask
from glview.core.image import from_array
from glview.core.mask import MaskSettings


def square_by_hand(array, state, frame, side):
    """values, codes of side x side cells of step x step pixels with a corner at frame[:2]."""
    top, left, step = frame
    values, codes = np.full((side, side), np.nan, np.float32), np.zeros((side, side), np.uint8)
    strength = {mask.NONE: 0, mask.DELETED: 1, mask.MODEL: 2, mask.DILATED: 3, mask.ADDED: 4}
    for row, column in np.ndindex(side, side):
        y0, x0 = top + row * step, left + column * step
        cell = [(y, x) for y in range(y0, y0 + step) for x in range(x0, x0 + step)
                if 0 <= y < array.shape[0] and 0 <= x < array.shape[1]]
        if not cell:
            continue
        pixels = np.array([array[place] for place in cell], np.float64)
        if step == 1:
            values[row, column] = pixels[0]
        elif np.isfinite(pixels).any():
            values[row, column] = pixels[np.isfinite(pixels)].mean()
        codes[row, column] = max((int(state[place]) for place in cell), key=strength.get)
    return values, codes


def frame_of(shape, seed):
    random = np.random.default_rng(seed)
    array = random.normal(100, 20, shape).astype(np.float32)
    array[random.random(shape) < 0.02] = np.nan
    array[random.random(shape) < 0.01] = np.inf
    confidence = random.random(shape, np.float32) ** 4
    edits = random.choice(np.array([0, 1, 2], np.uint8), shape, p=[0.9, 0.05, 0.05])
    return array, confidence, edits


@pytest.mark.parametrize("box", [(30, 40, 33, 44), (0, 0, 1, 1), (88, 110, 90, 120),
                                 (0, 0, 90, 120), (10, 0, 12, 120), (5, 7, 60, 62)])
def test_a_cutout_is_its_definition(box):
    array, confidence, edits = frame_of((90, 120), 1)
    settings = MaskSettings(0.6, 2, "disk")
    state = mask.mask_state(confidence, settings, edits)
    frame = cutout.frame_for(box)
    expected = square_by_hand(array, state, frame, cutout.SIDE)
    values, codes = cutout.cutout(from_array(array), confidence, settings, edits, box)
    assert values.dtype == np.float32 and codes.dtype == np.uint8
    np.testing.assert_allclose(values, expected[0], rtol=1e-5)
    assert (codes == expected[1]).all()


boxes = st.tuples(st.integers(0, 3000), st.integers(0, 3000), st.integers(1, 2000),
                  st.integers(1, 2000)).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))


@settings(deadline=None)
@given(boxes)
def test_an_object_and_its_margin_are_inside_the_square_and_the_picture(box):
    top, left, step = cutout.frame_for(box)
    cells = cutout.shown_cells(box)
    assert 24 <= cells <= cutout.SIDE and cells % 2 == 0
    skipped = (cutout.SIDE - cells) // 2 * step
    for corner, low, high in ((top, box[0], box[2]), (left, box[1], box[3])):
        assert corner + skipped <= low - cutout.MARGIN
        assert corner + skipped + cells * step >= high + cutout.MARGIN


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (88, 110, 90, 120), (0, 0, 90, 120), (3, 0, 89, 71),
                                 (30, 30, 31, 31)])
def test_the_cells_inside_are_those_with_a_pixel_of_the_image(box):
    top, left, step = cutout.frame_for(box)
    y0, x0, y1, x1 = cutout.inside((90, 120), box)
    for cells, corner, length in (((y0, y1), top, 90), ((x0, x1), left, 120)):
        held = [n for n in range(cutout.SIDE)
                if any(0 <= corner + n * step + k < length for k in range(step))]
        assert cells == (held[0], held[-1] + 1)


def test_an_edge_shows_nothing_outside_the_image():
    image = from_array(np.ones((20, 20), np.float32))
    values, codes = cutout.cutout(image, np.ones((20, 20), np.float32), MaskSettings(), None,
                                  (0, 0, 20, 20))
    top, left, _ = cutout.frame_for((0, 0, 20, 20))
    inside = np.s_[-top : 20 - top, -left : 20 - left]
    assert (values[inside] == 1).all() and np.isfinite(values).sum() == 400
    assert (codes[inside] == mask.MODEL).all() and (codes > 0).sum() == 400


def test_an_object_as_large_as_the_frame_needs_little_memory():
    shape = (3000, 3000)
    confidence = np.ones(shape, np.float32)
    image = from_array(np.broadcast_to(np.float32(3), shape))
    tracemalloc.start()
    values, codes = cutout.cutout(image, confidence, MaskSettings(), None, (0, 0, *shape))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.nanmax(np.abs(values - 3)) < 1e-5 and (codes == mask.MODEL).sum() > 3500
    assert peak < confidence.nbytes


@pytest.mark.parametrize("box", [(0, 0, 1500, 1490), (700, 300, 701, 1490), (3, 1200, 1400, 1290),
                                 (0, 0, 3, 1500)])
def test_a_large_object_is_read_in_few_rows_and_no_masked_cell_is_missing(box):
    array, confidence, edits = frame_of((1500, 1490), 2)
    confidence = np.where(confidence > 0.995, confidence, 0).astype(np.float32)
    edits[np.random.default_rng(3).random(edits.shape) > 0.002] = 0
    settings, rows = MaskSettings(0.99, 1), []
    image = from_array(array)
    plain = image.read
    object.__setattr__(image, "read", lambda plane, y0, y1, x0, x1: (
        rows.append(y1 - y0), plain(plane, y0, y1, x0, x1))[1])
    values, codes = cutout.cutout(image, confidence, settings, edits, box)
    top, left, step = cutout.frame_for(box)
    assert step >= cutout.LARGE and sum(rows) <= cutout.SIDE
    state = mask.mask_state(confidence, settings, edits)
    masked, added = np.isin(state, (mask.MODEL, mask.DILATED, mask.ADDED)), state == mask.ADDED
    for row, column in np.ndindex(codes.shape):
        y0, x0 = top + row * step, left + column * step
        cell = np.s_[max(0, y0) : max(0, y0 + step), max(0, x0) : max(0, x0 + step)]
        wanted = mask.ADDED if added[cell].any() else mask.MODEL if masked[cell].any() else 0
        assert codes[row, column] == wanted, (row, column)
        if array[cell].size:
            middle = (max(0, y0) + min(1500, y0 + step)) // 2
            line = array[middle, max(0, x0) : x0 + step].astype(np.float64)
            line = line[np.isfinite(line)]
            np.testing.assert_allclose(values[row, column],
                                       line.mean() if len(line) else np.nan, rtol=1e-5)
        else:
            assert np.isnan(values[row, column])
