"""The mask's rule against scipy.ndimage, on elements written from their definitions."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from glview.core import blocks, mask
from glview.core.cancel import Cancelled
from glview.core.mask import MaskSettings, final_mask, half_widths, mask_state, pooled

FRAMES = [(1, 1), (1, 200), (150, 1), (37, 70), (64, 64), (65, 129), (150, 67)]
ELEMENTS = [("square", 0), ("square", 1), ("disk", 3), ("diamond", 2), ("disk", 5), ("square", 16)]


def element(shape, radius):
    """The structuring element by its inequality."""
    dy, dx = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    inside = {
        "square": np.maximum(abs(dy), abs(dx)) <= radius,
        "disk": dy * dy + dx * dx <= radius * radius,
        "diamond": abs(dy) + abs(dx) <= radius,
    }
    return inside[shape]


def expected_state(confidence, chosen, edits=None):
    """The codes from scipy and numpy alone."""
    with np.errstate(invalid="ignore"):
        model = confidence > np.float32(chosen.threshold)
    near = ndimage.binary_dilation(model, element(chosen.shape, chosen.dilation))
    state = np.where(model, mask.MODEL, np.where(near, mask.DILATED, mask.NONE)).astype(np.uint8)
    if edits is not None:
        state[edits == 1] = mask.ADDED
        state[edits == 2] = mask.DELETED
    return state


def scene(shape, density=0.02, seed=0, nan=True):
    """(confidence, edits) with masked pixels also at the edges, NaN, and edits of both kinds."""
    rng = np.random.default_rng(seed)
    confidence = rng.random(shape, dtype=np.float32) * np.float32(0.45)
    confidence[rng.random(shape) < density] = 0.9
    confidence[0, 0] = confidence[-1, -1] = 0.75
    if nan:
        confidence[rng.random(shape) < 0.05] = np.nan
    edits = rng.choice(np.array([0, 1, 2], np.uint8), size=shape, p=[0.94, 0.03, 0.03])
    return confidence, edits


@pytest.mark.parametrize("shape", mask.SHAPES)
@pytest.mark.parametrize("radius", range(mask.MAX_DILATION + 1))
def test_half_widths_are_the_elements_rows(shape, radius):
    rows = element(shape, radius)
    assert half_widths(shape, radius) == tuple(row.sum() // 2 for row in rows[radius:])
    assert MaskSettings(0.5, radius, shape).widths == half_widths(shape, radius)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize(("shape", "radius"), ELEMENTS)
def test_state_equals_scipy(frame, shape, radius):
    confidence, edits = scene(frame)
    before = confidence.copy(), edits.copy()
    chosen = MaskSettings(0.5, radius, shape)
    for plane in (None, edits):
        wanted = expected_state(confidence, chosen, plane)
        assert np.array_equal(mask_state(confidence, chosen, plane), wanted)
        final = final_mask(confidence, chosen, plane)
        assert final.dtype == bool
        assert np.array_equal(final, np.isin(wanted, (mask.MODEL, mask.DILATED, mask.ADDED)))
    assert np.array_equal(confidence, before[0], equal_nan=True)
    assert np.array_equal(edits, before[1])


@pytest.mark.parametrize("density", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("radius", range(0, mask.MAX_DILATION + 1, 4))
@pytest.mark.parametrize("shape", mask.SHAPES)
def test_every_shape_on_empty_half_and_full(shape, radius, density):
    confidence = (np.random.default_rng(3).random((40, 131)) < density).astype(np.float32)
    chosen = MaskSettings(0.5, radius, shape)
    assert np.array_equal(mask_state(confidence, chosen), expected_state(confidence, chosen))


def test_stripes_and_threads_change_nothing(monkeypatch):
    confidence, edits = scene((230, 70))
    for radius in (0, 1, 3):
        chosen = MaskSettings(0.5, radius, "disk")
        whole = mask_state(confidence, chosen, edits)
        with monkeypatch.context() as patch:
            patch.setattr(blocks, "STRIPE_PIXELS", 70)
            assert len(blocks.stripes((0, 230), 70, radius)) > 3
            assert np.array_equal(mask_state(confidence, chosen, edits), whole)


@pytest.mark.parametrize(("shape", "radius"), ELEMENTS)
def test_a_box_is_cut_from_the_whole(shape, radius):
    confidence, edits = scene((90, 140), seed=5)
    chosen = MaskSettings(0.5, radius, shape)
    whole = mask_state(confidence, chosen, edits)
    boxes = [(0, 0, 90, 140), (10, 20, 11, 21), (60, 100, 90, 140), (0, 63, 7, 66), (5, 5, 5, 9)]
    for y0, x0, y1, x1 in boxes:
        found = mask_state(confidence, chosen, edits, (y0, x0, y1, x1))
        assert np.array_equal(found, whole[y0:y1, x0:x1])


def test_threshold_is_strict_and_in_float32():
    confidence = np.array([[0.1, 0.3, 0.7]], np.float32)
    values = np.array([[np.nextafter(np.float32(0.7), np.float32(1)), 0.7, 0.69]], np.float32)
    assert not final_mask(confidence[:, :1], MaskSettings(0.1)).any()
    assert final_mask(values, MaskSettings(0.7)).tolist() == [[True, False, False]]
    assert final_mask(confidence, MaskSettings(0.0)).all()
    assert not final_mask(np.zeros((2, 3), np.float32), MaskSettings(0.0)).any()
    assert not final_mask(np.ones((2, 3), np.float32), MaskSettings(1.0)).any()


def test_nan_confidence_is_never_masked():
    confidence = np.full((9, 9), np.nan, np.float32)
    assert not mask_state(confidence, MaskSettings(0.0, 2)).any()
    confidence[4, 4] = 0.6
    state = mask_state(confidence, MaskSettings(0.5, 1))
    assert (state == mask.MODEL).sum() == 1
    assert (state == mask.DILATED).sum() == 8
    assert (pooled(confidence, MaskSettings(0.5, 1), None, (0, 0, 9, 9), 3) > 0.5).sum() == 1


def test_without_confidence_the_edits_are_the_mask():
    _, edits = scene((30, 50))
    state = mask_state(None, MaskSettings(0.5, 4), edits)
    assert np.array_equal(state, np.choose(edits, [mask.NONE, mask.ADDED, mask.DELETED]))
    assert np.array_equal(final_mask(None, MaskSettings(), edits), edits == 1)
    cells = pooled(None, MaskSettings(0.5, 4), edits, (3, 4, 30, 50), 5)
    assert set(np.unique(cells)) == {-1.0, 2.0}


@pytest.mark.parametrize("dtype", [">f4", "f8", "u1", "?"])
def test_other_types_and_layouts_are_read_as_float32(dtype):
    confidence, edits = scene((50, 80), nan=False)
    confidence = (confidence > 0.5).astype(dtype)
    chosen = MaskSettings(0.5, 2, "disk")
    wanted = expected_state(confidence.astype(np.float32), chosen, edits)
    for plane in (confidence, np.asfortranarray(confidence), np.repeat(confidence, 2, 1)[:, ::2]):
        plane.flags.writeable = False
        assert np.array_equal(mask_state(plane, chosen, np.asfortranarray(edits)), wanted)
        cells = pooled(plane, chosen, edits, (7, 9, 41, 80), 4)
        assert np.array_equal(cells > 0.5, any_of(np.isin(wanted, (1, 2, 3))[7:41, 9:80], 4))


def any_of(bits, factor):
    """Whether each cell holds a True, cells cut at the far edges; by zero padding."""
    height, width = (-(-size // factor) for size in bits.shape)
    padded = np.zeros((height * factor, width * factor), bool)
    padded[: bits.shape[0], : bits.shape[1]] = bits
    return padded.reshape(height, factor, width, factor).any(axis=(1, 3))


@pytest.mark.parametrize(("shape", "radius"), ELEMENTS)
@pytest.mark.parametrize("factor", [1, 3, 8, 100])
def test_pooled_is_the_cells_largest_value(shape, radius, factor):
    confidence, edits = scene((150, 137), seed=7, nan=False)
    filtered = ndimage.maximum_filter(
        confidence, footprint=element(shape, radius), mode="constant", cval=-1.0
    )
    full = np.where(edits == 1, 2.0, np.where(edits == 2, -1.0, filtered)).astype(np.float32)
    y0, x0, y1, x1 = box = (3, 5, 148, 137)
    padded = np.full((-(-(y1 - y0) // factor) * factor, -(-(x1 - x0) // factor) * factor), -9.0)
    padded[: y1 - y0, : x1 - x0] = full[y0:y1, x0:x1]
    cells = padded.reshape(-1, factor, padded.shape[1] // factor, factor).max(axis=(1, 3))
    found = pooled(confidence, MaskSettings(0.5, radius, shape), edits, box, factor)
    assert found.dtype == np.float32
    assert np.array_equal(found, cells)


@settings(max_examples=80, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 150),
    shape=st.sampled_from(mask.SHAPES),
    radius=st.integers(0, 16),
    threshold=st.floats(0.0, 0.999),
    density=st.sampled_from([0.0, 0.01, 0.2, 1.0]),
    seed=st.integers(0, 999),
)
def test_any_scene_follows_the_rule(height, width, shape, radius, threshold, density, seed):
    rng = np.random.default_rng(seed)
    confidence, edits = scene((height, width), density, seed)
    chosen = MaskSettings(threshold, radius, shape)
    state = mask_state(confidence, chosen, edits)
    assert np.array_equal(state, expected_state(confidence, chosen, edits))
    y0, y1 = sorted(rng.integers(0, height + 1, 2))
    x0, x1 = sorted(rng.integers(0, width + 1, 2))
    assert np.array_equal(
        mask_state(confidence, chosen, edits, (y0, x0, y1, x1)), state[y0:y1, x0:x1]
    )
    factor = int(rng.integers(1, 12))
    final = final_mask(confidence, chosen, edits)[y0:y1, x0:x1]
    cells = pooled(confidence, MaskSettings(0.5, radius, shape), edits, (y0, x0, y1, x1), factor)
    assert np.array_equal(cells > np.float32(threshold), any_of(final, factor))


def test_bad_settings_say_what_to_give():
    with pytest.raises(ValueError, match=r"unknown dilation shape 'ring'.*square, disk, diamond"):
        MaskSettings(shape="ring")
    for radius in (-1, 17, 1.5):
        with pytest.raises(ValueError, match="whole number from 0 to 16"):
            MaskSettings(dilation=radius)
    for threshold in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="number from 0 to 1"):
            MaskSettings(threshold=threshold)


def test_bad_arrays_say_what_to_give():
    plane = np.zeros((4, 5), np.float32)
    chosen = MaskSettings()
    bad = [
        ((None, chosen), "without a confidence map and without edits"),
        ((plane[0], chosen), "1-D float32"),
        ((plane.astype(complex), chosen), "complex128"),
        ((plane, chosen, np.zeros((4, 6), np.uint8)), r"\(4, 6\).*\(4, 5\)"),
        ((plane, chosen, np.zeros((4, 5), np.int64)), "uint8"),
        ((plane, chosen, None, (0, 0, 5, 5)), "inside a frame"),
        ((plane, chosen, None, (3, 0, 2, 5)), "inside a frame"),
    ]
    for arguments, message in bad:
        with pytest.raises(ValueError, match=message):
            mask_state(*arguments)
    for factor in (0, 2.5):
        with pytest.raises(ValueError, match="pooling factor"):
            pooled(plane, chosen, None, (0, 0, 4, 5), factor)


def test_frames_without_pixels_give_masks_without_pixels():
    for shape in ((0, 5), (5, 0)):
        assert final_mask(np.zeros(shape, np.float32), MaskSettings(0.5, 1)).shape == shape


def test_over_stripes_keeps_order_and_stops():
    assert blocks.over_stripes(lambda part: part * 2, list(range(20))) == list(range(0, 40, 2))
    done = []
    with pytest.raises(Cancelled):
        blocks.over_stripes(done.append, list(range(2000)), cancel=lambda: len(done) > 10)
    assert 10 < len(done) < 100


def test_settings_are_there_without_numba():
    code = "import sys, glview.core.mask, glview.core.objects; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
