"""Windows, best ones and pixels of a catalogue against a walk over everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from test_objects import MASKS, planes, spiral

from glview.core import candidates, catalogue
from glview.core.candidates import Candidates
from glview.core.catalogue import CELL, Catalogue, Order, Places
from glview.core.mask import MaskSettings
from glview.core.objects import OBJECT, RANKS, find_objects

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


BY = pytest.mark.parametrize("by", ["area", "flux", "peak", "mean_confidence", "y0"])


@BY
@pytest.mark.parametrize("first", [2, 1024])
def test_the_best_are_those_of_a_sort(by, first, monkeypatch):
    monkeypatch.setattr(catalogue, "FIRST", first)
    found = some(4)
    found["flux"][::7] = np.nan
    one = Catalogue(found, SHAPE)
    wanted = np.argsort(-found[by].astype(float), kind="stable")
    for count in (0, 1, 10, 3, 50, len(found), 10 * len(found)):
        assert one.top(count, by).tolist() == wanted[:count].tolist()
    assert [one.place(number, by) for number in wanted] == list(range(len(found)))


def test_equal_ones_keep_their_order_and_the_unknown_come_last():
    found = np.zeros(5, OBJECT)
    found["area"], found["flux"] = [9, 5, 5, 2, 1], [1.0, np.nan, 7.0, 7.0, 3.0]
    found["mean_confidence"] = [0.6, 0.9, 0.9, 0.99, np.nan]
    one = Catalogue(found, SHAPE)
    wanted = [0, 1, 2, 3, 4], [2, 3, 4, 0, 1], [3, 1, 2, 0, 4]
    assert tuple(one.top(5, RANKS[by]).tolist() for by in RANKS) == wanted


def test_nearly_all_unknown_and_many_alike():
    found = some(4)
    found["flux"][5:], found["peak"] = np.nan, 3
    one = Catalogue(found, SHAPE)
    for by in ("flux", "peak"):
        wanted = np.argsort(-found[by], kind="stable")
        for count in (2, 7, 60):
            assert one.top(count, by).tolist() == wanted[:count].tolist()


@BY
def test_an_order_is_sorted_as_far_as_it_is_looked_at(by, monkeypatch):
    monkeypatch.setattr(catalogue, "FIRST", 4)
    found = some(4)
    one = Catalogue(found, SHAPE)
    order, wanted = Order(one, by), np.argsort(-found[by].astype(float), kind="stable")
    assert [order[k] for k in (3, 0, 9)] == wanted[[3, 0, 9]].tolist()
    assert by == "area" or len(one._orders[by]) < len(found)
    assert order[4:9].tolist() == wanted[4:9].tolist() and order[-1] == wanted[-1]
    assert order[9:4:-2].tolist() == wanted[9:4:-2].tolist() and not len(order[3:3])
    assert np.array_equal(found[order], found[wanted]) and len(order) == len(found)
    assert order.place(int(wanted[17])) == 17
    with pytest.raises(IndexError):
        order[len(found)]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 50), corner=st.tuples(st.integers(0, 390), st.integers(0, 250)),
       size=st.tuples(st.integers(1, 30), st.integers(1, 30)))
def test_the_most_alike_is_that_of_a_walk_over_all(seed, corner, size):
    found = some(seed)
    box = (*corner, corner[0] + size[0], corner[1] + size[1])
    unlike = [sum(abs(int(row[name]) - edge) for name, edge in
                  zip(("y0", "x0", "y1", "x1"), box, strict=True)) for row in found]
    hit = [k for k, row in enumerate(found)
           if row["y0"] <= (box[0] + box[2]) / 2 <= row["y1"]
           and row["x0"] <= (box[1] + box[3]) / 2 <= row["x1"]]
    assert Catalogue(found, SHAPE).alike(box) == min(hit, key=lambda k: unlike[k], default=-1)


def test_nothing_and_wrong_measures():
    none = Catalogue(some(1)[:0], SHAPE)
    assert not len(none.within((0, 0, *SHAPE))) and not len(none.top(5))
    assert none.alike((0, 0, 9, 9)) == none.at(3, 3) == -1
    assert not len(Order(none, "flux")) and not len(none.objects[Order(none, "flux")])
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
    assert count == len(joined.objects) and joined.pixels == bits.sum()
    every = np.argwhere(np.ones(bits.shape))
    number = places.at(every[::-1])[::-1].reshape(bits.shape)
    catalogue = Catalogue(joined.objects, bits.shape, places)
    for y, x in every[::17].tolist():
        assert catalogue.at(y, x) == number[y, x]
    assert np.array_equal(number >= 0, bits)
    pairs = {(label, one) for label, one in zip(labels[bits], number[bits], strict=True)}
    assert len(pairs) == count
    areas = np.bincount(labels.ravel())
    assert all(joined.objects["area"][one] == areas[label] for label, one in pairs)
    off = np.array([(-1, 0), (bits.shape[0], 0), (0, bits.shape[1]), (0, -1), (1 << 40, 1 << 40)])
    assert (places.at(off) == -1).all() and not len(places.at(off[:0]))
