"""Windows, best ones and pixels of a catalogue against a walk over everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from test_objects import MASKS, planes, spiral

from glview.core import candidates
from glview.core.candidates import Candidates
from glview.core.catalogue import CELL, Catalogue, Places
from glview.core.mask import MaskSettings
from glview.core.objects import find_objects

SHAPE = (3 * CELL + 17, 2 * CELL + 5)


def some(seed, density=0.01, shape=SHAPE):
    confidence, image = planes(np.random.default_rng(seed).random(shape) < density, seed)
    return find_objects(confidence, MaskSettings(0.5, 1), image=image)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 50), corners=st.tuples(*[st.integers(-50, 480)] * 4))
def test_a_window_holds_what_its_box_touches(seed, corners):
    found = some(seed)
    y0, y1 = sorted(corners[:2])
    x0, x1 = sorted(corners[2:])
    hit = (found["y0"] < min(y1, SHAPE[0])) & (found["y1"] > max(y0, 0))
    hit &= (found["x0"] < min(x1, SHAPE[1])) & (found["x1"] > max(x0, 0))
    hit &= y0 < y1 and x0 < x1
    assert Catalogue(found, SHAPE).within((y0, x0, y1, x1)).tolist() == np.flatnonzero(hit).tolist()


def test_a_large_object_is_in_every_window_and_counts_once():
    confidence, _ = planes(spiral(600))
    one = Catalogue(find_objects(confidence, MaskSettings()), (600, 600))
    assert one.within((0, 0, 600, 600)).tolist() == one.within((300, 2, 301, 3)).tolist() == [0]


@pytest.mark.parametrize("by", ["area", "flux", "peak", "mean_confidence", "y0"])
def test_the_best_are_those_of_a_sort(by):
    found = some(4)
    found["flux"][::7] = np.nan
    one = Catalogue(found, SHAPE)
    wanted = np.argsort(-found[by].astype(float), kind="stable")
    for count in (0, 1, 10, len(found), 10 * len(found)):
        assert one.top(count, by).tolist() == wanted[:count].tolist()


def test_nothing_and_wrong_measures():
    none = Catalogue(some(1)[:0], SHAPE)
    assert not len(none.within((0, 0, *SHAPE))) and not len(none.top(5))
    with pytest.raises(ValueError, match="objects have no 'colour'"):
        none.top(3, "colour")


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("connectivity", [4, 8])
def test_every_pixel_knows_its_object(name, connectivity, monkeypatch):
    monkeypatch.setattr(candidates, "BAND_PIXELS", 1)
    bits = MASKS[name]
    made = Candidates(planes(bits)[0], floor=0.45)
    joined = made.joined(MaskSettings(), connectivity=connectivity)
    places = Places(joined, made.parts)
    structure = np.ones((3, 3)) if connectivity == 8 else None
    labels, count = ndimage.label(bits, structure)
    assert count == len(joined.objects)
    number = np.array([[places.at(y, x) for x in range(bits.shape[1])]
                       for y in range(bits.shape[0])])
    assert np.array_equal(number >= 0, bits)
    pairs = {(label, one) for label, one in zip(labels[bits], number[bits], strict=True)}
    assert len(pairs) == count
    areas = np.bincount(labels.ravel())
    assert all(joined.objects["area"][one] == areas[label] for label, one in pairs)
    assert places.at(-1, 0) == places.at(bits.shape[0], 0) == places.at(0, bits.shape[1]) == -1
