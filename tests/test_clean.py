"""Cleaned images against the definition, pixel by pixel, in numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glview.core import clean
from glview.core.clean import cleaned, type_of
from glview.core.edits import Edits
from glview.core.image import from_array
from glview.core.mask import FinalMask, MaskSettings


def by_definition(values, mask):
    """What `core.clean` says, for a whole frame."""
    known = np.isfinite(values) & ~mask
    out = values.astype(type_of(values.dtype))
    for y, x in np.argwhere(mask):
        for reach in range(clean.NEAREST, clean.FARTHEST + 1):
            part = np.s_[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
            if known[part].sum() >= clean.ENOUGH:
                break
        near = values[part][known[part]].astype(np.float64)
        out[y, x] = np.median(near) if len(near) else np.nan
    return out


def frame(rng, shape, share):
    """(values with some NaN and Inf, mask)."""
    values = rng.normal(100, 20, shape).astype(np.float32)
    chosen = rng.random(shape)
    for bad, low in ((np.nan, 0.0), (np.inf, 0.02), (-np.inf, 0.03)):
        values[(chosen > low) & (chosen < low + 0.01)] = bad
    return values, rng.random(shape) < share


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.995, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (60, 1), (61, 83)])
def test_it_is_the_median_of_what_is_known_around(shape, share):
    values, mask = frame(np.random.default_rng(1), shape, share)
    found = clean.clean(values, mask)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, by_definition(values, mask))


def test_what_is_not_masked_stays_bit_for_bit():
    values, mask = frame(np.random.default_rng(2), (50, 60), 0.2)
    values[5, 5], values[6, 6] = -0.0, np.float32(1e-42)
    mask[5, 5] = mask[6, 6] = False
    found = clean.clean(values, mask)
    assert np.array_equal(found.view(np.uint32)[~mask], values.view(np.uint32)[~mask])
    assert not np.isinf(found[mask]).any()


def test_the_square_grows_until_there_is_enough_and_then_no_more():
    values = np.zeros((71, 71), np.float32)
    mask = np.ones((71, 71), bool)
    middle = 35
    for far, value in ((10, 1.0), (12, 2.0), (17, 100.0)):
        for y, x in ((-far, 0), (far, 0), (0, -far), (0, far)):
            values[middle + y, middle + x] = value
            mask[middle + y, middle + x] = False
    assert clean.clean(values, mask)[middle, middle] == 1.5  # four of 1, four of 2: enough
    mask[middle - 12 :: 24, middle] = True
    assert clean.clean(values, mask)[middle, middle] == 1.0  # six at most: all there are, within 16
    mask[middle - 12 : middle + 13, middle - 12 : middle + 13] = True
    assert np.isnan(clean.clean(values, mask)[middle, middle])  # what is left is 17 away


@pytest.mark.parametrize(("dtype", "kind"), [
    (np.uint8, "f4"), (np.int16, "f4"), (np.uint16, "f4"), (np.float32, "f4"), (np.int32, "f8"),
    (np.uint32, "f8"), (np.int64, "f8"), (np.float64, "f8")])
def test_every_type_of_image(dtype, kind):
    rng = np.random.default_rng(3)
    values = rng.integers(0, 100, (40, 30)).astype(dtype) + dtype(27 if kind == "f4" else 2**30 + 1)
    mask = rng.random(values.shape) < 0.2
    found = cleaned(from_array(values), mask)
    assert found.dtype == np.dtype(kind) and found[0:40, 0:30].dtype == np.dtype(kind)
    np.testing.assert_array_equal(found[0:40, 0:30], by_definition(values, mask))


@given(st.integers(0, 2**32 - 1), st.data())
def test_a_box_is_a_part_of_the_whole(seed, data):
    rng = np.random.default_rng(seed)
    values, mask = frame(rng, (90, 75), rng.choice([0.001, 0.1, 0.9, 0.99]))
    whole, image = clean.clean(values, mask), cleaned(from_array(values), mask)
    rows = sorted(data.draw(st.tuples(*[st.integers(0, 90)] * 2)))
    columns = sorted(data.draw(st.tuples(*[st.integers(0, 75)] * 2)))
    part = np.s_[rows[0] : rows[1], columns[0] : columns[1]]
    np.testing.assert_array_equal(image[part], whole[part])
    np.testing.assert_array_equal(image.read32(*rows, *columns), whole[part])


def test_a_mask_made_where_it_is_needed_and_a_plane_of_a_cube():
    rng = np.random.default_rng(4)
    cube = rng.normal(10, 3, (3, 80, 90)).astype(np.float32)
    confidence = (rng.random((80, 90)) > 0.98).astype(np.float32)
    edits = Edits((80, 90))
    edits.draw((5, 5), (40, 60), 3, 1)
    mask = FinalMask(confidence, MaskSettings(0.5, 2, "disk"), edits.plane)
    image = cleaned(from_array(cube), mask)
    for plane in range(3):
        found = image.read(plane, 10, 70, 0, 90)
        np.testing.assert_array_equal(found, by_definition(cube[plane], mask[:, :])[10:70])
    out = np.empty((20, 30), np.float32)
    assert image.read32(10, 30, 40, 70, out=out) is out
    np.testing.assert_array_equal(out, image[10:30, 40:70])


def test_where_nothing_is_masked_no_more_than_the_box_is_read():
    asked, held = [], from_array(np.ones((400, 400), np.float32))

    class Watched(type(held)):
        def read32(self, *box, out=None):
            asked.append(box)
            return held.read32(*box, out=out)

    mask = np.zeros((400, 400), bool)
    mask[300, 300] = True
    image = cleaned(Watched("watched", held.shape, held.dtype, held.read), mask)
    assert (image.read32(100, 200, 100, 200) == 1).all()
    image.read32(290, 310, 290, 310)
    far = clean.FARTHEST
    assert asked == [(100, 200, 100, 200), (290 - far, 310 + far, 290 - far, 310 + far)]


def test_what_does_not_fit_is_refused():
    image = from_array(np.zeros((10, 12), np.float32))
    with pytest.raises(ValueError, match=r"the mask is \(12, 10\), the image \(10, 12\)"):
        cleaned(image, np.zeros((12, 10), bool))
    with pytest.raises(ValueError, match="the mask has the values' shape"):
        clean.clean(np.zeros((4, 4), np.float32), np.zeros((4, 5), bool))
    with pytest.raises(ValueError, match="the box is inside"):
        clean.clean(np.zeros((4, 4), np.float32), np.zeros((4, 4), bool), (2, 2),
                    np.zeros((3, 3), np.float32))
