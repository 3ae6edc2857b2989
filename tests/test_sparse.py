"""Masks, objects and cut-outs of sparse planes: to the pixel those of the same arrays."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glview.core import cutout, mask
from glview.core.image import from_array
from glview.core.mask import SHAPES, FinalMask, MaskSettings, final_mask, mask_state, pooled
from glview.core.objects import OBJECT, find_objects
from glview.core.plane import FLOOR, SIZE, Plane

ROOT = Path(__file__).parent.parent
FRAMES = [(1, 1), (1, 1300), (1300, 1), (SIZE, SIZE), (1100, 700), (530, 1101)]
looks = st.builds(MaskSettings, st.sampled_from([0.01, 0.3, 0.5]),
                  st.sampled_from([0, 1, 2, 7, 16]), st.sampled_from(SHAPES))


def scene(shape, density, seed):
    """(confidence, edits): specks on the seams of tiles and at the edges besides random ones."""
    random = np.random.default_rng(seed)
    confidence = np.where(random.random(shape) < density, random.random(shape), 0)
    confidence = np.where(confidence >= FLOOR, confidence, 0).astype(np.float32)
    for place in (0, SIZE - 1, SIZE, -1):
        if -1 <= place < min(shape):
            confidence[place, :: 1 + seed % 97], confidence[:: 1 + seed % 89, place] = 0.45, 0.75
    edits = np.where(random.random(shape) < density / 3, random.integers(1, 3, shape), 0)
    empty = np.s_[shape[0] // 3 : shape[0] // 2, : shape[1] // 2]
    confidence[empty] = edits[empty] = 0
    return confidence, edits.astype(np.uint8)


def forms(confidence, edits):
    """The pair as planes, alone and together."""
    sparse = Plane.from_array(confidence, FLOOR), Plane.from_array(edits)
    yield from ((sparse[0], edits), (confidence, sparse[1]), sparse)


cases = given(shape=st.sampled_from(FRAMES), density=st.sampled_from([0, 0.002, 0.05, 0.6]),
              seed=st.integers(0, 200), look=looks)


@settings(max_examples=40, deadline=None)
@cases
def test_every_box_of_a_mask_is_that_of_the_arrays(shape, density, seed, look):
    confidence, edits = scene(shape, density, seed)
    state, final = mask_state(confidence, look, edits), final_mask(confidence, look, edits)
    random = np.random.default_rng(seed)
    for one in forms(confidence, edits):
        assert np.array_equal(mask_state(one[0], look, one[1]), state)
        assert np.array_equal(final_mask(one[0], look, one[1]), final)
        rows = FinalMask(one[0], look, one[1])
        assert (rows.shape, rows.dtype, rows.ndim) == (shape, np.dtype(bool), 2)
        for _ in range(4):
            y0, y1 = sorted(random.integers(0, shape[0] + 1, 2).tolist())
            x0, x1 = sorted(random.integers(0, shape[1] + 1, 2).tolist())
            box = (y0, x0, y1, x1)
            assert np.array_equal(mask_state(one[0], look, one[1], box), state[y0:y1, x0:x1])
            assert np.array_equal(rows[y0:y1, x0:x1], final[y0:y1, x0:x1])
            assert rows.any(box) or not final[y0:y1, x0:x1].any()
            factor = int(random.integers(1, 70))
            assert np.array_equal(pooled(one[0], look, one[1], box, factor),
                                  pooled(confidence, look, edits, box, factor))


@settings(max_examples=40, deadline=None)
@cases
def test_objects_are_those_of_the_arrays(shape, density, seed, look):
    confidence, edits = scene(shape, density, seed)
    image = np.random.default_rng(seed).normal(100, 9, shape)
    for connectivity, picture in ((8, image), (4, None)):
        expected = find_objects(confidence, look, edits, picture, connectivity)
        for one in forms(confidence, edits):
            found = find_objects(one[0], look, one[1], picture, connectivity)
            for name in OBJECT.names:
                # Sums of objects on seams between stripes are added in another order.
                np.testing.assert_allclose(found[name], expected[name], rtol=1e-12, err_msg=name)


def test_edits_alone_and_nothing_at_all():
    edits = np.zeros((600, 700), np.uint8)
    edits[510:515, 508:514], edits[512, 510] = mask.EDIT_ADD, mask.EDIT_DELETE
    sparse, look = Plane.from_array(edits), MaskSettings(0.5, 3)
    assert np.array_equal(mask_state(None, look, sparse), mask_state(None, look, edits))
    assert find_objects(None, look, sparse)["area"].tolist() == [29]
    nothing = Plane((600, 700), np.float32)
    assert not final_mask(nothing, look).any() and not len(find_objects(nothing, look))
    assert not FinalMask(nothing, look).any((0, 0, 600, 700))
    assert FinalMask(None, look, sparse).any((511, 511, 513, 513))


def test_dilation_reaches_out_of_an_empty_tile():
    plane = Plane((1200, 1200), np.float32)
    plane.put(SIZE, SIZE, np.ones((1, 1), np.float32))
    rows = FinalMask(plane, MaskSettings(0.5, 2))
    assert rows.any((0, 0, SIZE - 1, SIZE - 1)) and not rows.any((0, 0, SIZE - 2, SIZE))
    assert np.argwhere(rows[: SIZE - 1, : SIZE - 1]).tolist() == [[SIZE - 2, SIZE - 2]]


def test_slices_with_steps_are_refused():
    with pytest.raises(IndexError, match="step 1"):
        FinalMask(np.zeros((4, 4)), MaskSettings())[::2, :]


@pytest.mark.parametrize("wrong", [Plane((4, 5), np.uint8), np.zeros((5, 4), np.uint8)])
def test_planes_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError, match="both must have the frame's"):
        find_objects(Plane((4, 4), np.float32), MaskSettings(), wrong)


def test_cutouts_are_those_of_the_arrays():
    confidence, edits = scene((1100, 700), 0.01, 3)
    image, look = from_array(confidence), MaskSettings(0.3, 2, "disk")
    for box in ((500, 500, 520, 530), (0, 0, 3, 3), (1, 2, 1100, 690)):
        expected = cutout.cutout(image, confidence, look, edits, box)
        for one in forms(confidence, edits):
            found = cutout.cutout(image, one[0], look, one[1], box)
            for got, wanted in zip(found, expected, strict=True):
                np.testing.assert_array_equal(got, wanted)


class Watched:
    """An image of 1s that tells how many pixels were asked for."""

    def __init__(self, shape):
        self.shape, self.pixels = shape, 0

    def __getitem__(self, key):
        sides = [len(range(side)[one]) for side, one in zip(self.shape, key, strict=True)]
        self.pixels += sides[0] * sides[1]
        return np.ones(sides)


def test_of_a_large_image_only_what_lies_under_few_objects_is_read():
    shape = (3000, 60_000)
    plane, image, random = Plane(shape, np.float32), Watched(shape), np.random.default_rng(4)
    places = [(y, x) for y in range(5, 3000, 300) for x in random.integers(0, 59_990, 3)]
    for y, x in places:
        plane.put(y, x, np.full((4, 6), 0.75, np.float32))
    found = find_objects(plane, MaskSettings(), None, image)
    assert found["flux"].sum() == found["area"].sum() == 24 * len(places)
    assert image.pixels == 24 * len(places)
    crowded = np.zeros((64, 60_000), np.float32)
    crowded[::2, ::50] = 0.75
    plane.put(1024, 0, crowded)
    image.pixels = 0
    found = find_objects(plane, MaskSettings(), None, image)
    assert found["flux"].sum() == found["area"].sum()
    assert 60 * 60_000 < image.pixels < 140 * 60_000, "whole rows, but of the crowded band only"


LARGE = """
import resource, sys
import numpy as np
from glview.core.edits import Edits
from glview.core.mask import FinalMask, MaskSettings
from glview.core.objects import find_objects
from glview.core.plane import FLOOR, Plane
from glview.core.pools import Pools
from glview.core.tiles import Stamps
from glview.files.extensions import extension

def work(side, specks):
    shape, random = (side, side), np.random.default_rng(5)
    confidence, edits = Plane(shape, np.float32, FLOOR), Edits(shape)
    for y, x in random.integers(0, side - 8, (specks, 2)).tolist():
        confidence.put(y, x, np.full((2, 6), 0.75, np.float32))
    for k, (y, x) in enumerate(random.integers(0, side - 8, (specks // 30, 2)).tolist()):
        edits.draw((y, x), (y + 3, x + 4), 3, 1 + k % 2)
    pools, stamps, areas = Pools(shape), (Stamps(shape), edits.stamps), []
    for settings in (MaskSettings(), MaskSettings(0.7, 3, "disk")):
        areas.append(find_objects(confidence, settings, edits.plane)["area"].sum())
        pools.tile(confidence, settings, edits.plane, stamps, 7, 0, 0)
    rows = FinalMask(confidence, settings, edits.plane)
    saved = [sum(map(len, extension(name, 1, values, [])[1:])) for name, values in (
        ("CR_MASK", rows), ("CR_EDITS", edits.plane))]
    return areas, confidence.nbytes + edits.plane.nbytes + pools.nbytes, saved

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

work(700, 50)
before = peak()
areas, held, saved = work(57_000, 30_000)
print(peak() - before, held, *saved, *areas)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss has other units")
def test_three_gigapixels_fit_a_small_memory():
    done = subprocess.run([sys.executable, "-c", LARGE], cwd=ROOT, capture_output=True, text=True,
                          timeout=300, check=True)
    grown, held, *rest = map(int, done.stdout.split())
    assert grown < 400_000, "kilobytes"
    assert held < 100 << 20
    assert 12 * 29_000 < rest[2] < 12 * 31_000 + 30_000 and rest[3] > 3 * rest[2]
    assert all(size < 40 << 20 for size in rest[:2])
