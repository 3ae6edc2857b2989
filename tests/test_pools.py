"""The zoomed-out mask data: every tile of every level is what the definition says, whatever came
before."""

import numpy as np
import pytest

from glview.core import pools as module
from glview.core import tiles
from glview.core.edits import Edits
from glview.core.mask import EDIT_ADD, EDIT_DELETE, MaskSettings, pooled
from glview.core.plane import Plane
from glview.core.pools import Pools
from glview.core.tiles import SIZE, Stamps

FRAME = (1300, 1111)
LOOKS = [MaskSettings(), MaskSettings(0.3, 1), MaskSettings(0.5, 5, "disk"),
         MaskSettings(0.9, 16, "diamond")]


def sparse(shape=FRAME, density=0.0005, seed=1):
    """(H, W) float32: few candidates, some on the seams of tiles and at the edges."""
    random = np.random.default_rng(seed)
    values = np.where(random.random(shape) < density, random.random(shape), 0).astype(np.float32)
    for place in (0, SIZE - 1, SIZE, -1):
        values[place, ::97], values[5::101, place] = 0.4, 0.7
    values[700:1100, 100:460] = 0
    return values


def edited(shape=FRAME, seed=2):
    """Edits with strokes that add, delete, and cover whole cells."""
    edits, random = Edits(shape), np.random.default_rng(seed)
    for value in (EDIT_ADD, EDIT_DELETE) * 4:
        ends = random.integers(0, shape, (2, 2))
        edits.draw(*map(tuple, ends), int(random.integers(1, 40)), value)
    return edits


def check(pools, confidence, settings, edits, stamps, levels=(1, 2, 3, 4, 5, 9, 10)):
    """Every tile of the levels against the dense array, by the definition's own function."""
    dense = None if confidence is None else confidence[:, :]
    for level in levels:
        height, width = tiles.level_shape(FRAME, level)
        whole = pooled(dense, settings, edits.plane[:, :], (0, 0, *FRAME), 1 << level)
        for ty in range(-(-height // SIZE)):
            for tx in range(-(-width // SIZE)):
                made = pools.tile(confidence, settings, edits.plane, (stamps, edits.stamps),
                                  level, ty, tx)
                y0, x0, y1, x1 = tiles.tile_box(FRAME, level, ty, tx)
                assert made.dtype == np.float32
                np.testing.assert_array_equal(made, whole[y0:y1, x0:x1])


@pytest.mark.parametrize("form", ["plane", "floored", "array", "none"])
@pytest.mark.parametrize("with_edits", [False, True])
def test_every_tile_is_the_definition(form, with_edits):
    values = sparse()
    if form == "plane":
        values[40:60, 40:60] = np.nan
        values[600:1000, 600:] = np.random.default_rng(3).random((400, FRAME[1] - 600))
    confidence = {"plane": lambda: Plane.from_array(values), "array": lambda: values,
                  "floored": lambda: Plane.from_array(values, 2.0**-10), "none": lambda: None}
    confidence, edits, stamps = confidence[form](), Edits(FRAME), Stamps(FRAME)
    edits = edited() if with_edits else edits
    pools = Pools(FRAME)
    for settings in (*LOOKS, LOOKS[0]):
        check(pools, confidence, settings, edits, stamps)


def test_changes_are_seen_and_nothing_else_is_made_again(monkeypatch):
    confidence, edits, stamps = Plane(FRAME, np.float32), Edits(FRAME), Stamps(FRAME)
    pools, settings, made = Pools(FRAME), MaskSettings(0.5, 4), []
    block_of = module.block_of

    def counting(*arguments):
        made.append(arguments[-2:])
        return block_of(*arguments)

    monkeypatch.setattr(module, "block_of", counting)
    check(pools, confidence, settings, edits, stamps, (3,))
    assert len(made) == 9 and not made.clear()
    confidence.put(600, 200, np.full((3, 3), 0.8, np.float32))
    stamps.touch((600, 200, 603, 203))
    check(pools, confidence, settings, edits, stamps, (3, 4))
    assert set(made) == {(y, x) for y in range(3) for x in range(2)}, "its neighbours too"
    made.clear()
    edits.draw((SIZE - 3, 20), (SIZE + 3, 20), 2, EDIT_ADD)
    check(pools, confidence, settings, edits, stamps, (3, 5))
    assert set(made) == {(0, 0), (1, 0)}, "an edit does not grow"
    made.clear()
    check(pools, confidence, MaskSettings(0.1, 4), edits, stamps, (3, 4))
    assert not made, "the threshold plays no part"
    confidence.put(600, 200, np.zeros((3, 3), np.float32))
    stamps.touch((600, 200, 603, 203))
    edits.draw((SIZE - 3, 20), (SIZE + 3, 20), 2, 0)
    check(pools, confidence, settings, edits, stamps, (3, 4))


def test_other_stamps_are_another_picture():
    settings, edits, pools = MaskSettings(), Edits(FRAME), Pools(FRAME)
    for seed in range(2):
        stamps = Stamps(FRAME)
        stamps.touch((0, 0, *FRAME))
        check(pools, Plane.from_array(sparse(seed=seed)), settings, edits, stamps, (3, 4))


@pytest.mark.parametrize("swapped", ["confidence", "edits"])
def test_data_that_were_replaced_while_a_worker_waited_its_turn_are_not_taken_for_the_new(swapped):
    """It was asked with the old ones, but begins when the stamps are those of the new ones."""
    stamps, old, new = Stamps(FRAME), edited(seed=2), edited(seed=5)
    values = Plane.from_array(sparse(seed=3))
    before = values if swapped == "edits" else Plane.from_array(sparse(seed=4))
    settings, pools = MaskSettings(0.5, 2), Pools(FRAME)
    hand = old.plane if swapped == "edits" else new.plane
    stamps.touch((0, 0, *FRAME))
    pools.tile(before, settings, hand, (stamps, new.stamps), 3, 0, 0)
    check(pools, values, settings, new, stamps, (3, 4, 10))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (513, 512)])
def test_odd_frames(shape):
    values = np.zeros(shape, np.float32)
    values[-1, -1] = values[0, 0] = 0.75
    confidence, edits, stamps = Plane.from_array(values), Edits(shape), Stamps(shape)
    for level in range(1, 14):
        made = Pools(shape).tile(confidence, MaskSettings(0.5, 3), edits.plane,
                                 (stamps, edits.stamps), level, 0, 0)
        whole = pooled(values, MaskSettings(0.5, 3), None, (0, 0, *shape), 1 << level)
        np.testing.assert_array_equal(made, whole[:SIZE, :SIZE])


def test_memory_stays_small_whatever_the_frame():
    for side, base in ((8192, 3), (32768, 4), (57000, 5), (1_000_000, 9)):
        pools, edits, stamps = Pools((side, side)), Edits((side, side)), Stamps((side, side))
        assert pools.base == base and pools.nbytes == 0
        if side < 100_000:
            confidence = Plane((side, side), np.float32)
            confidence.put(side - 5, side - 5, np.ones((5, 5), np.float32))
            stamp, top = (stamps, edits.stamps), tiles.levels((side, side)) - 1
            cells = pools.tile(confidence, MaskSettings(), edits.plane, stamp, top, 0, 0)
            assert np.count_nonzero(cells) == 1 and cells[-1, -1] == 1
            assert pools.nbytes < 24 << 20
