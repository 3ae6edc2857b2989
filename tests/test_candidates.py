"""Objects from candidates: in every field, to the bit, what a walk over all pixels gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_objects import planes, spiral

from glview.core import candidates, floor
from glview.core.cancel import Cancelled
from glview.core.candidates import Candidates
from glview.core.edits import Edits
from glview.core.floor import lowest_floor
from glview.core.image import from_array
from glview.core.mask import SHAPES, MaskSettings
from glview.core.objects import find_objects
from glview.core.plane import FLOOR, Plane

LOOKS = st.builds(MaskSettings, st.sampled_from([0.05, 0.3, 0.5, 0.9, 1.0]),
                  st.sampled_from([0, 0, 1, 3]), st.sampled_from(SHAPES))
STEP = st.tuples(st.integers(0, 399), st.integers(0, 149), st.integers(1, 9),
                 st.sampled_from([0, 1, 2]), LOOKS, st.booleans())


def soft(shape, seed):
    """(confidence, image) float32: specks with wings over a dim ground, and some NaN."""
    rng = np.random.default_rng(seed)
    confidence = rng.random(shape, np.float32) ** 8 * np.float32(0.04)
    specks = rng.random(shape) < 0.02
    confidence[specks] = rng.random(specks.sum())
    confidence[rng.random(shape) < 0.002] = np.nan
    return confidence, rng.normal(100, 20, shape).astype(np.float32)


def same(made, confidence, look, edits, image, connectivity=8):
    wanted = find_objects(confidence, look, edits, image, connectivity)
    assert made.tobytes() == wanted.tobytes()


@pytest.fixture(autouse=True)
def small_bands(monkeypatch):
    monkeypatch.setattr(candidates, "BAND_PIXELS", 1)


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(STEP, min_size=1, max_size=8), seed=st.integers(0, 99),
       connectivity=st.sampled_from([4, 8]), form=st.sampled_from(["array", ">f4", "plane"]))
def test_strokes_thresholds_and_dilations_in_any_order(steps, seed, connectivity, form):
    shape = (700, 150)
    confidence, image = soft(shape, seed)
    held = {"array": confidence, ">f4": confidence.astype(">f4"),
            "plane": Plane.from_array(confidence, FLOOR)}[form]
    made, edits, look = Candidates(held, image, 0.02), Edits(shape), MaskSettings()
    made.objects(look, edits.plane, None, connectivity)
    for y, x, size, code, other, undo in steps:
        look = other
        edits.put(y, x, np.full((size, min(size, shape[1] - x)), code, np.uint8))
        box = (y, x, y + size, x + size)
        same(made.objects(look, edits.plane, box, connectivity), held, look, edits.plane, image,
             connectivity)
        if undo:
            edits.put(y, x, np.zeros((size, min(size, shape[1] - x)), np.uint8))
            same(made.objects(look, edits.plane, box, connectivity), held, look, edits.plane,
                 image, connectivity)


def test_only_the_bands_of_a_stroke_are_made_again(monkeypatch):
    confidence, image = soft((1200, 80), 3)
    made, edits, look = Candidates(confidence, image), Edits((1200, 80)), MaskSettings(0.5)
    made.objects(look, edits.plane)
    seen, work = [], Candidates._made
    monkeypatch.setattr(Candidates, "_made", lambda self, k, *rest: (
        seen.append(k), work(self, k, *rest))[1])
    edits.put(300, 5, np.ones((7, 7), np.uint8))
    same(made.objects(look, edits.plane, (300, 5, 307, 12)), confidence, look, edits.plane, image)
    assert seen == [1]
    made.objects(look, edits.plane, (0, 0, 0, 0))
    assert seen == [1]
    same(made.objects(MaskSettings(0.6), edits.plane, (0, 0, 0, 0)), confidence, MaskSettings(0.6),
         edits.plane, image)
    assert len(seen) > 4


def test_values_that_were_read_are_not_read_again():
    confidence, values = soft((600, 90), 5)
    image, asked = from_array(values), []

    class Source:
        shape, dtype = image.shape, image.dtype

        def __getitem__(self, key):
            asked.append(key)
            return image[key]

    made, look = Candidates(confidence, Source()), MaskSettings(0.5, 2, "disk")
    found = made.objects(look)
    before = len(asked)
    same(found, confidence, look, None, values)
    made.objects(MaskSettings(0.8, 2, "disk"))
    assert before and len(asked) == before


@pytest.mark.parametrize("form", ["array", "plane"])
def test_a_detection_that_goes_on_is_followed(form):
    shape = (800, 120)
    confidence, image = soft(shape, 7)
    held = np.zeros(shape, np.float32) if form == "array" else Plane(shape, np.float32, FLOOR)
    made, look = Candidates(held, image, 0.02), MaskSettings(0.3, 3, "disk")
    assert not len(made.objects(look))
    for y in range(0, 800, 100):
        part = confidence[y : y + 100]
        if form == "array":
            held[y : y + 100] = part
        else:
            held.put(y, 0, part)
        made.update([(y, 0, y + 100, 120)])
        same(made.objects(look, None, (0, 0, 0, 0)), held, look, None, image)


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(STEP, min_size=1, max_size=5), seed=st.integers(0, 99),
       form=st.sampled_from(["array", "plane"]))
def test_below_the_floor_a_stroke_is_a_walk_over_its_bands_too(steps, seed, form):
    shape = (700, 150)
    confidence, image = soft(shape, seed)
    held = confidence if form == "array" else Plane.from_array(confidence, FLOOR)
    made, edits = Candidates(held, image, 0.4), Edits(shape)
    box = None
    for y, x, size, code, look, _ in steps:
        same(made.objects(look, edits.plane, box), held, look, edits.plane, image)
        edits.put(y, x, np.full((size, min(size, shape[1] - x)), code, np.uint8))
        box = (y, x, y + size, x + size)
        same(made.objects(look, edits.plane, box), held, look, edits.plane, image)


def test_without_a_confidence_the_edits_are_the_objects():
    shape, edits = (700, 150), Edits((700, 150))
    image = np.random.default_rng(1).random(shape)
    made, look = Candidates(None, image, shape=shape), MaskSettings(0.5, 2)
    same(made.objects(look, edits.plane), None, look, edits.plane, image)
    for y in (3, 255, 256, 600):
        edits.put(y, 9, np.ones((3, 4), np.uint8))
        same(made.objects(look, edits.plane, (y, 9, y + 3, 13)), None, look, edits.plane, image)
    assert made.count <= 48


def test_the_floor_rises_where_too_much_is_held():
    confidence, image = soft((900, 200), 4)
    asked = []

    class Source:
        shape, dtype = image.shape, image.dtype

        def __getitem__(self, key):
            asked.append(key)
            return image[key]

    made, look = Candidates(confidence, Source(), 0), MaskSettings(0.3, 1)
    first, before = made.objects(look), made.count
    asked.clear()
    made.thin(before // 10)
    assert made.count <= before // 10 + 1 and made.floor > 0 and not asked
    assert made.objects(look, None, (0, 0, 0, 0)).tobytes() == first.tobytes()
    for look in (MaskSettings(0.001), MaskSettings(0.5, 2)):
        same(made.objects(look), confidence, look, None, image)


def test_little_is_read_again_where_the_confidence_goes_on():
    confidence, values = soft((900, 200), 4)
    image, pixels = from_array(values), []

    class Source:
        shape, dtype = image.shape, image.dtype

        def __getitem__(self, key):
            made = image[key]
            pixels.append(made.size)
            return made

    made, look = Candidates(confidence, Source(), 0.02), MaskSettings(0.3)
    made.objects(look)
    pixels.clear()
    confidence[300:304, 50:60] = 1
    made.update([(300, 50, 304, 60)])
    same(made.objects(look, None, (0, 0, 0, 0)), confidence, look, None, values)
    assert 1 <= sum(pixels) <= 4 * 200


def test_a_call_that_may_not_read_much_says_so_and_the_next_goes_on():
    confidence, image = soft((900, 200), 4)
    made, edits = Candidates(confidence, image, 0.02), Edits((900, 200))
    made.objects(MaskSettings(0.3))
    look = MaskSettings(0.3, 3)
    with pytest.raises(Cancelled):
        made.refresh(look, reads=100)
    assert made.looks(look) and made.stale
    made.refresh(look)
    assert not made.stale
    edits.put(400, 20, np.ones((7, 7), np.uint8))
    made.forget((400, 20, 407, 27))
    made.refresh(look, edits.plane, reads=10 * 80)
    assert made.together().objects.tobytes() == find_objects(
        confidence, look, edits.plane, image).tobytes()


def test_the_floor_leaves_few_pixels():
    confidence, _ = soft((2000, 500), 1)
    lowest = lowest_floor(confidence)
    share = (confidence > lowest).mean()
    assert 0.01 < share <= 0.022 and lowest.dtype == np.float32
    assert lowest_floor(np.zeros((50, 50))) == 0
    assert lowest_floor(np.full((50, 50), np.nan, np.float32)) == 0
    assert lowest_floor(Plane((50, 50), np.float32)) == 0
    assert lowest_floor(np.empty((0, 50), np.float32)) == 0
    assert lowest_floor(None) == 0


def test_a_huge_frame_keeps_a_smaller_share(monkeypatch):
    confidence, _ = soft((2000, 500), 1)
    monkeypatch.setattr(floor, "MOST_PIXELS", 2000)
    assert 1000 < (confidence > lowest_floor(confidence)).sum() < 3000


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (1, 1), (1, 700), (700, 1)])
def test_odd_frames(shape):
    confidence = np.ones(shape, np.float32)
    made = Candidates(confidence, confidence)
    same(made.objects(MaskSettings(0.5, 1)), confidence, MaskSettings(0.5, 1), None, confidence)


def test_a_spiral_over_all_bands_is_one_object():
    confidence, image = planes(spiral(700))
    made = Candidates(confidence, image, 0.1)
    same(made.objects(MaskSettings()), confidence, MaskSettings(), None, image)
    assert len(made.objects(MaskSettings())) == 1


def test_memory_is_told_and_cancel_is_heard():
    confidence, image = soft((600, 100), 2)
    made = Candidates(confidence, image, 0.5)
    assert made.count == (confidence > 0.5).sum()
    assert 12 * made.count < made.nbytes < 60 * made.count + 8 * 2 * 600 + 200
    with pytest.raises(Cancelled):
        Candidates(confidence, cancel=lambda: True)
    with pytest.raises(Cancelled):
        made.objects(MaskSettings(0.6), cancel=lambda: True)
    same(made.objects(MaskSettings(0.6), None, (0, 0, 0, 0)), confidence, MaskSettings(0.6), None,
         image)


def test_a_read_that_fails_leaves_nothing_half_done():
    confidence, values = soft((600, 90), 5)
    image, broken = from_array(values), []

    class Source:
        shape, dtype = image.shape, image.dtype

        def __getitem__(self, key):
            if broken:
                raise OSError("the disk is gone")
            return image[key]

    made, look = Candidates(confidence, Source(), 0.02), MaskSettings(0.5, 1)
    broken.append(True)
    with pytest.raises(OSError, match="gone"):
        made.objects(look)
    broken.clear()
    same(made.objects(look, None, (0, 0, 0, 0)), confidence, look, None, values)


def test_what_does_not_fit_is_told():
    with pytest.raises(ValueError, match="image is"):
        Candidates(np.zeros((4, 5), np.float32), np.zeros((5, 4)))
    with pytest.raises(ValueError, match="edits are"):
        Candidates(np.zeros((4, 5), np.float32)).objects(MaskSettings(), np.zeros((5, 4), np.uint8))
    with pytest.raises(ValueError, match="connectivity"):
        Candidates(np.zeros((4, 5), np.float32)).objects(MaskSettings(), connectivity=6)
