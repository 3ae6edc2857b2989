"""Which object a verdict belongs to, by scipy's labels and by definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from glview.core import verdicts

EIGHT = np.ones((3, 3))
masks = arrays.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 70)))


@settings(deadline=None)
@given(masks)
def test_runs_are_the_mask(mask):
    runs = verdicts.runs_of(mask)
    assert (verdicts.drawn(runs, mask.shape) == mask).all()
    assert runs.dtype == np.uint32 and runs.flags.c_contiguous
    assert (np.lexsort((runs[:, 1], runs[:, 0])) == np.arange(len(runs))).all()


@settings(deadline=None)
@given(masks)
def test_every_object_is_known_by_its_box_and_by_each_pixel(mask):
    labels, _ = ndimage.label(mask, EIGHT)
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        assert (verdicts.component(mask[box]) == (labels[box] == number)).all()
        for pixel in np.argwhere(labels == number)[:3].tolist():
            assert (verdicts.component(mask, tuple(pixel)) == (labels == number)).all()
    if mask.any():
        y, x = np.argwhere(mask)[0]
        assert verdicts.component(np.pad(mask, 1)) is None
    for y, x in np.argwhere(~mask)[:3].tolist():
        assert verdicts.component(mask, (y, x)) is None


def rows_in(confidence):
    return lambda y0, y1: confidence[y0:y1]


def test_the_anchor_is_the_surest_pixel_and_in_the_middle_of_equals():
    member = np.ones((3, 7), bool)
    sure = np.full((3, 7), 0.5, np.float32)
    assert verdicts.anchor(member) == verdicts.anchor(member, rows_in(sure)) == (1, 3)
    sure[0, 6] = 0.9
    assert verdicts.anchor(member, rows_in(sure)) == (0, 6)
    member[0, 6] = False
    assert verdicts.anchor(member, rows_in(sure)) == (1, 3)
    assert verdicts.anchor(member, rows_in(np.full((3, 7), np.nan, np.float32))) == (1, 3)


@settings(deadline=None)
@given(masks, st.integers(1, 40), st.randoms())
def test_the_anchor_by_definition_however_little_is_looked_at_at_once(member, pixels, chance):
    if not member.any():
        return
    sure = np.array([chance.choice([0.25, 0.5, np.nan]) for _ in range(member.size)], np.float32)
    sure = sure.reshape(member.shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdicts, "PIXELS", pixels)
        y, x = verdicts.anchor(member, rows_in(sure))
    assert member[y, x]
    own = np.argwhere(member)
    far = ((own - own.mean(0)) ** 2).sum(1)
    value = np.nan_to_num(sure[member], nan=-1)
    assert np.nan_to_num(sure[y, x], nan=-1) == value.max()
    assert ((y, x) - own.mean(0)) @ ((y, x) - own.mean(0)) == pytest.approx(
        far[value == value.max()].min())


@settings(deadline=None)
@given(arrays.arrays(np.float32, (8, 8), elements=st.floats(0, 1, width=32)))
def test_the_anchor_is_in_the_object_at_every_lower_threshold(confidence):
    mask = confidence > 0.75
    if not mask.any():
        return
    labels, _ = ndimage.label(mask, EIGHT)
    y, x = verdicts.anchor(labels == 1, rows_in(confidence))
    assert labels[y, x] == 1
    higher = (labels == 1) & (confidence > 0.9)
    assert higher[y, x] or not higher.any()


def test_what_was_said_goes_to_the_objects_and_the_rest_is_gone():
    said = {(0, 0): "accepted", (5, 5): "rejected", (9, 9): "rejected", (7, 7): "accepted"}
    places = {(0, 0): 2, (5, 5): 0}

    def at(pixels):
        return np.array([places.get(tuple(pixel), -1) for pixel in pixels.tolist()], np.int64)

    codes, gone = verdicts.judged(said, at, 4)
    assert [verdicts.STATES[code] for code in codes] == ["rejected", "", "accepted", ""]
    assert gone == [(9, 9), (7, 7)]
    assert verdicts.progress(codes, gone[:1]) == (3, 5)
    assert verdicts.judged({}, at, 0)[1] == [] and verdicts.progress(codes[:0], []) == (0, 0)


def test_the_later_of_two_verdicts_counts():
    said = {(0, 0): "accepted", (0, 1): "rejected"}
    codes, gone = verdicts.judged(said, lambda pixels: np.zeros(len(pixels), np.int64), 1)
    assert verdicts.STATES[codes[0]] == "rejected" and not gone
