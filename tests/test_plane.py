"""Sparse planes against plain arrays, whatever is put where."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glview.core import plane as module
from glview.core.cancel import Cancelled
from glview.core.plane import FLOOR, SIZE, Plane, bands, confidence_for

SHAPES = [(1, 1), (3, 5), (1, 1500), (1500, 1), (SIZE, SIZE), (SIZE + 1, 2 * SIZE - 1), (700, 1100)]
DENSITIES = [0.0, 0.003, 0.2, 0.3, 1.0]


def values_of(shape, density, dtype, seed):
    """Random values, `density` of them not 0; floats have NaN and some close to the floor."""
    random = np.random.default_rng(seed)
    some = random.random(shape) < density
    if dtype == np.uint8:
        return np.where(some, random.integers(1, 256, shape), 0).astype(np.uint8)
    made = np.where(some, random.random(shape) ** 3, 0).astype(np.float32)
    near = np.nextafter(np.float32(FLOOR), np.float32([0, 1]))
    made[some & (random.random(shape) < 0.2)] = random.choice([np.nan, FLOOR, *near])
    return made


def floored(values, floor):
    """What a plane keeps of values, by the definition."""
    with np.errstate(invalid="ignore"):
        return values if floor == 0 else np.where(values >= floor, values, 0).astype(values.dtype)


@st.composite
def puts(draw, shape):
    """A list of (y, x, height, width, density, seed)."""
    made = []
    for _ in range(draw(st.integers(1, 6))):
        y, x = draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))
        whole_rows = draw(st.booleans())
        height = draw(st.integers(1, shape[0] - y))
        x, width = (0, shape[1]) if whole_rows else (x, draw(st.integers(1, shape[1] - x)))
        made.append((y, x, height, width, draw(st.sampled_from(DENSITIES)),
                     draw(st.integers(0, 99))))
    return made


def boxes(shape):
    """(y0, x0, y1, x1) inside a frame, perhaps empty."""
    ends = [st.tuples(st.integers(0, side), st.integers(0, side)).map(sorted) for side in shape]
    return st.tuples(*ends).map(lambda pair: (pair[0][0], pair[1][0], pair[0][1], pair[1][1]))


def bits_by_definition(values, limit):
    """(h, words) uint64, by numpy's packbits."""
    wide = np.zeros((values.shape[0], -(-values.shape[1] // 64) * 64), bool)
    with np.errstate(invalid="ignore"):
        wide[:, : values.shape[1]] = values > limit
    return np.packbits(wide, axis=1, bitorder="little").view("<u8")


@settings(max_examples=120, deadline=None)
@given(data=st.data(), shape=st.sampled_from(SHAPES), dtype=st.sampled_from(["f4", "u1"]),
       floor=st.sampled_from([0.0, FLOOR]))
def test_a_plane_is_an_array(data, shape, dtype, floor):
    floor = floor if dtype == "f4" else 0.0
    held, plane = np.zeros(shape, dtype), Plane(shape, dtype, floor)
    snapshot, before = plane.copy(), held.copy()
    for number, (y, x, height, width, density, seed) in enumerate(data.draw(puts(shape))):
        if number == 2:
            snapshot, before = plane.copy(), held.copy()
        values = values_of((height, width), density, held.dtype, seed)
        plane.put(y, x, values)
        held[y : y + height, x : x + width] = floored(values, floor)
    assert (plane.shape, plane.dtype, plane.ndim) == (held.shape, held.dtype, 2)
    whole = plane[:, :]
    assert whole.tobytes() == held.tobytes() and whole.flags.c_contiguous
    if number < 2:
        assert snapshot[:, :].tobytes() == before.tobytes()
    y0, x0, y1, x1 = box = data.draw(boxes(shape))
    assert plane[y0:y1, x0:x1].tobytes() == held[y0:y1, x0:x1].tobytes()
    assert plane.any(box) or not held[y0:y1, x0:x1].any()
    check_walks(plane, held, box)


def check_walks(plane, held, box):
    """bits, entries, values, held and nbytes against the array."""
    y0, x0, y1, x1 = box
    aligned = x0 - x0 % 64
    limit = np.float32(0.25) if held.dtype == np.float32 else np.uint8(7)
    expected = bits_by_definition(held[y0:y1, aligned:x1], limit)
    np.testing.assert_array_equal(plane.bits((y0, aligned, y1, x1), limit), expected)
    pointers, columns, values = plane.entries(box)
    rows, places = np.nonzero(held[y0:y1, x0:x1])
    np.testing.assert_array_equal(np.diff(pointers), np.bincount(rows, minlength=y1 - y0))
    np.testing.assert_array_equal(columns, places)
    assert values.tobytes() == held[y0:y1, x0:x1][rows, places].tobytes()
    found = np.concatenate([np.empty(0, held.dtype), *plane.values()])
    assert np.sort(found[found != 0]).tobytes() == np.sort(held[held != 0]).tobytes()
    again = np.zeros_like(held)
    for (y, x), tile in plane.held():
        again[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
        assert tile.astype(bool).any()
    assert again.tobytes() == held.tobytes()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 99), shape=st.sampled_from(SHAPES[1:]),
       density=st.sampled_from(DENSITIES), reach=st.sampled_from([0.02, 0.5, 0.98]))
def test_values_at_runs_are_those_of_the_array(seed, shape, density, reach):
    from glview.core import maskkernels

    held = values_of(shape, density, np.dtype("f4"), seed)
    marked = np.random.default_rng(seed).random(shape) < reach
    y0, y1 = sorted(np.random.default_rng(seed).integers(0, shape[0] + 1, 2).tolist())
    held_bits = Plane.from_array(marked.astype("f4")).bits((y0, 0, y1, shape[1]), np.float32(0.5))
    runs = np.empty((marked.size + shape[1], 3), np.int32)
    runs = runs[: maskkernels.mask_runs(held_bits, shape[1], 0, runs)[0]]
    taken = Plane.from_array(held).take((y0, y1), runs)
    assert taken.tobytes() == held[y0:y1][marked[y0:y1]].tobytes()


def test_memory_is_told_exactly_and_given_back():
    plane = Plane((2 * SIZE, 3 * SIZE), np.float32)
    assert plane.nbytes == 0 and not plane.any((0, 0, *plane.shape))
    dense = np.random.default_rng(1).random((SIZE, SIZE), np.float32) + 0.1
    plane.put(0, SIZE, dense)
    assert plane.nbytes == dense.nbytes
    assert plane.any((SIZE - 1, 2 * SIZE - 1, SIZE + 1, 2 * SIZE + 1))
    assert not plane.any((SIZE, 0, 2 * SIZE, 3 * SIZE)) and not plane.any((0, 0, SIZE, SIZE))
    plane.put(SIZE + 5, 7, np.full((1, 3), 0.5, np.float32))
    assert plane.nbytes == dense.nbytes + 4 * (SIZE + 1) + 3 * (4 + 2)
    plane.put(0, SIZE, np.zeros((SIZE, SIZE), np.float32))
    plane.put(SIZE + 5, 0, np.zeros((1, SIZE), np.float32))
    assert plane.nbytes == 0 and not plane.any((0, 0, *plane.shape)) and not list(plane.held())


def test_a_floor_never_changes_a_mask_and_nan_is_0():
    values = np.float32([[np.nan, FLOOR, np.nextafter(np.float32(FLOOR), np.float32(0)), -1, 0.5]])
    plane = Plane.from_array(values, FLOOR)
    np.testing.assert_array_equal(plane[:, :], np.float32([[0, FLOOR, 0, 0, 0.5]]))
    for limit in np.float32([FLOOR, 0.1, 0.5, 1]):
        assert np.array_equal(plane[:, :] > limit, values > limit)
    assert np.isnan(Plane.from_array(values)[0, 0])


def test_single_pixels_and_slices_are_numpys():
    held = values_of((600, 700), 0.01, np.dtype("u1"), 5)
    plane = Plane.from_array(held)
    for y, x in ((0, 0), (599, 699), (-1, -700), (511, 512)):
        assert plane[y, x] == held[y, x]
    assert np.array_equal(plane[-5:9000, 3:-3], held[-5:9000, 3:-3])
    assert plane[5:2, :].shape == held[5:2, :].shape
    for key in ((600, 0), (0, -701)):
        with pytest.raises(IndexError):
            plane[key]
    with pytest.raises(IndexError, match="step 1"):
        plane[::2, :]


@pytest.mark.parametrize("place", [(-1, 0), (0, -1), (599, 0), (0, 699)])
def test_a_box_that_is_not_inside_is_refused(place):
    plane = Plane((600, 700), np.uint8)
    with pytest.raises(ValueError, match="is not inside"):
        plane.put(*place, np.ones((2, 2), np.uint8))
    assert plane.nbytes == 0


def test_other_numbers_are_rounded_to_the_planes_type():
    plane = Plane((4, 5), np.float32)
    plane.put(0, 0, np.full((4, 5), 0.1))
    plane.put(1, 1, np.full((1, 1), 0.3))
    assert plane[0, 0] == np.float32(0.1) and plane[1, 1] == np.float32(0.3)


@pytest.mark.parametrize(("shape", "most"), [((5, 7), 1 << 23), ((2000, 50_000), 1 << 23),
                                             ((1, 10**6), 1000), ((1300, 3), 1 << 23)])
def test_bands_cover_the_frame_and_end_with_tiles(monkeypatch, shape, most):
    monkeypatch.setattr(module, "BAND", most)
    found = bands(shape)
    assert [y for y0, y1 in found for y in range(y0, y1)] == list(range(shape[0]))
    assert all((y1 - y0) * shape[1] <= max(most, shape[1]) for y0, y1 in found)
    assert all(y0 // SIZE == (y1 - 1) // SIZE for y0, y1 in found)


def test_filling_by_bands_stops_when_asked(monkeypatch):
    monkeypatch.setattr(module, "BAND", 16 * 40)
    values, asked = values_of((100, 40), 0.1, np.dtype("f4"), 7), []
    plane = Plane((100, 40), np.float32)
    plane.fill(lambda y0, y1: values[y0:y1])
    assert plane[:, :].tobytes() == values.tobytes()
    with pytest.raises(Cancelled):
        plane.fill(lambda y0, y1: values[y0:y1], lambda: asked.append(True) or len(asked) > 3)
    assert len(asked) == 4


def test_what_a_detection_fills_is_exact_up_to_a_size(monkeypatch):
    monkeypatch.setattr(module, "DENSE_PIXELS", 600)
    small, large = confidence_for((20, 30)), confidence_for((20, 31))
    assert type(small) is np.ndarray and small.dtype == np.float32 and not small.any()
    assert isinstance(large, Plane) and large.floor == FLOOR and large.dtype == np.float32


def test_readers_see_a_tile_as_it_was_before_or_after():
    plane, stop, torn = Plane((SIZE, 2 * SIZE), np.float32), threading.Event(), []
    states = [np.full((SIZE, SIZE), level, np.float32) for level in (0, 0.25, 1)]
    states[1][np.arange(SIZE) % 4 > 0] = 0  # packed, as less than a quarter is held
    states[1][:, ::4] = 0
    sums = {float(state.sum()) for state in states}

    def look():
        while not stop.is_set():
            seen = float(plane[:, SIZE:].sum())
            if seen not in sums:
                torn.append(seen)

    readers = [threading.Thread(target=look) for _ in range(2)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for reader in readers:
            reader.start()
        for turn in range(150):
            plane.put(0, SIZE, states[turn % 3])
    finally:
        stop.set()
        sys.setswitchinterval(interval)
        for reader in readers:
            reader.join()
    assert not torn


def test_a_second_process_takes_the_kernels_from_the_cache():
    code = """
import numpy as np
from glview.core import planekernels
from glview.core.edits import Edits
from glview.core.mask import FinalMask, MaskSettings
from glview.core.objects import find_objects
from glview.core.plane import Plane
from glview.core.pools import Pools
from glview.core.tiles import Stamps
edits, plane = Edits((600, 700)), Plane.from_array(np.eye(600, 700, dtype=np.float32))
edits.draw((5, 5), (520, 520), 3, 1)
plane.put(0, 0, np.ones((512, 512), np.float32))
FinalMask(plane, MaskSettings(0.5, 1), edits.plane)[:, :]
find_objects(plane, MaskSettings(0.5, 1), edits.plane)
plane.put(5, 5, np.zeros((500, 500), np.float32))
stamps = Stamps((600, 700)), edits.stamps
Pools((600, 700)).tile(plane, MaskSettings(0.5, 1), edits.plane, stamps, 3, 0, 0)
kernels = [getattr(planekernels, name) for name in dir(planekernels)]
used = [k.stats for k in kernels if hasattr(k, "stats")]
used = [stats for stats in used if stats.cache_hits or stats.cache_misses]
assert len(used) >= 10, len(used)
print(sum(sum(stats.cache_misses.values()) for stats in used))
"""
    misses = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True,
                              text=True)
        misses.append(int(done.stdout))
    assert misses[1] == 0


def test_after_warming_up_a_stroke_loads_no_kernel():
    code = """
from glview.core import plane
plane.warm()
from glview.core import planekernels
from glview.core.edits import Edits
def loaded():
    return sum(len(getattr(k, "signatures", ())) for k in vars(planekernels).values())
before, edits = loaded(), Edits((2000, 3000))
edits.draw((5, 5), (900, 1100), 7, 1)
edits.draw((5, 5), (90, 90), 3, 0)
assert edits.plane[0:512, 512:1024].any()
print(before, loaded())
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    before, after = map(int, done.stdout.split())
    assert before == after > 0
