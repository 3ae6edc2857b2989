"""The objects of a mask against scipy.ndimage's labels and measurements."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from glview.core import blocks
from glview.core.cancel import Cancelled
from glview.core.image import from_array
from glview.core.mask import MaskSettings, final_mask
from glview.core.objects import OBJECT, find_objects

STRUCTURE = {8: np.ones((3, 3)), 4: ndimage.generate_binary_structure(2, 1)}


def spiral(size):
    """One line wound inwards with one empty pixel between its turns."""
    bits = np.zeros((size, size), bool)
    y0, x0, y1, x1 = 0, 0, size - 1, size - 1
    start = 0
    while y1 - y0 >= 3 and x1 - x0 >= 3:
        bits[y0, start : x1 + 1] = bits[y0 : y1 + 1, x1] = bits[y1, x0 : x1 + 1] = True
        bits[y0 + 2 : y1 + 1, x0] = True
        start = x0
        y0, x0, y1, x1 = y0 + 2, x0 + 2, y1 - 2, x1 - 2
    return bits


def combs(shape):
    """Vertical teeth joined at the bottom only: many labels that meet late."""
    bits = np.zeros(shape, bool)
    bits[:, ::2] = True
    bits[-1] = True
    return bits


def masks():
    rng = np.random.default_rng(11)
    chess = np.indices((63, 130)).sum(axis=0) % 2 == 0
    edges = np.zeros((50, 70), bool)
    edges[0, 3:9] = edges[-1, -1] = edges[5:30, 0] = edges[20:, -1] = True
    yield "sparse", rng.random((90, 200)) < 0.02
    yield "dense", rng.random((90, 200)) < 0.5
    yield "chess", chess
    yield "spiral", spiral(67)
    yield "combs", combs((70, 133))
    yield "edges", edges
    yield "empty", np.zeros((40, 40), bool)
    yield "full", np.ones((65, 129), bool)
    yield "one row", rng.random((1, 300)) < 0.5
    yield "one column", rng.random((300, 1)) < 0.5
    yield "one pixel", np.ones((1, 1), bool)


MASKS = dict(masks())


def expected(bits, connectivity, image=None, confidence=None):
    """The catalogue by scipy, in its own order."""
    labels, count = ndimage.label(bits, STRUCTURE[connectivity])
    which = np.arange(1, count + 1)
    out = np.zeros(count, OBJECT)
    for name in ("flux", "peak", "mean_confidence", "max_confidence"):
        out[name] = np.nan
    for k, box in enumerate(ndimage.find_objects(labels)):
        out["y0"][k], out["y1"][k] = box[0].start, box[0].stop
        out["x0"][k], out["x1"][k] = box[1].start, box[1].stop
    out["area"] = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    if not count:
        return out
    out["cy"], out["cx"] = np.array(ndimage.center_of_mass(bits, labels, which)).T
    if image is not None:
        out["flux"] = ndimage.sum(image.astype(float), labels, which)
        out["peak"] = ndimage.maximum(image, labels, which)
    if confidence is not None:
        out["mean_confidence"] = ndimage.mean(confidence.astype(float), labels, which)
        out["max_confidence"] = ndimage.maximum(confidence, labels, which)
    return out


def assert_same(found, wanted):
    """Equal catalogues: ids and order by the rule, integers exactly, the rest to 1e-12."""
    assert found.dtype == OBJECT
    assert np.array_equal(found["id"], np.arange(1, len(found) + 1))
    order = [(-row["area"], row["y0"], row["x0"]) for row in found]
    assert order == sorted(order)
    keys = ("cx", "cy", "x0", "y0", "area")
    found = found[np.lexsort([found[key] for key in keys])]
    wanted = wanted[np.lexsort([wanted[key] for key in keys])]
    assert len(found) == len(wanted)
    for name in ("area", "y0", "x0", "y1", "x1"):
        assert np.array_equal(found[name], wanted[name])
    for name in ("cy", "cx", "flux", "peak", "mean_confidence", "max_confidence"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-12)


def planes(bits, seed=2):
    """(confidence, image) for a mask: confidence above 0.5 exactly where it is True."""
    rng = np.random.default_rng(seed)
    low = rng.random(bits.shape, dtype=np.float32) * np.float32(0.4)
    image = rng.normal(1000, 100, bits.shape)
    return np.where(bits, 1 - low, low).astype(np.float32), image


@pytest.mark.parametrize(("stripe", "runs"), [(blocks.STRIPE_PIXELS, blocks.MOST_RUNS), (1, 99),
                                              (blocks.STRIPE_PIXELS, 1)])
@pytest.mark.parametrize("connectivity", [8, 4])
@pytest.mark.parametrize("name", MASKS)
def test_objects_equal_scipys(name, connectivity, stripe, runs, monkeypatch):
    monkeypatch.setattr(blocks, "STRIPE_PIXELS", stripe)
    monkeypatch.setattr(blocks, "MOST_RUNS", runs)
    confidence, image = planes(MASKS[name])
    before = confidence.copy(), image.copy()
    found = find_objects(confidence, MaskSettings(), None, image, connectivity)
    assert_same(found, expected(MASKS[name], connectivity, image, confidence))
    assert np.array_equal(confidence, before[0])
    assert np.array_equal(image, before[1])


def test_figures_of_merit_of_the_test_masks():
    assert len(find_objects(planes(MASKS["spiral"])[0], MaskSettings())) == 1
    assert len(find_objects(planes(MASKS["chess"])[0], MaskSettings())) == 1
    assert len(find_objects(planes(MASKS["chess"])[0], MaskSettings(), connectivity=4)) == 4095
    assert len(find_objects(planes(MASKS["empty"])[0], MaskSettings())) == 0


def edited(shape, seed):
    rng = np.random.default_rng(seed)
    edits = np.zeros(shape, np.uint8)
    for value in (1, 2, 1, 2):
        y, x = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        edits[y : y + 9, x : x + 12] = value
    return edits


@pytest.mark.parametrize(("shape", "radius"), [("square", 1), ("disk", 3), ("diamond", 2)])
def test_dilation_and_edits_are_those_of_the_final_mask(shape, radius, monkeypatch):
    bits = np.random.default_rng(4).random((230, 150)) < 0.004
    confidence, image = planes(bits)
    confidence[::7, ::5] = np.nan
    edits = edited(bits.shape, 6)
    chosen = MaskSettings(0.5, radius, shape)
    final = final_mask(confidence, chosen, edits)
    wanted = expected(final, 8, image)
    for name in ("mean_confidence", "max_confidence"):
        wanted[name] = 0.0
    for stripe in (blocks.STRIPE_PIXELS, 1):
        monkeypatch.setattr(blocks, "STRIPE_PIXELS", stripe)
        found = find_objects(confidence, chosen, edits, image)
        assert np.isfinite(found["max_confidence"]).any()
        for name in ("mean_confidence", "max_confidence"):
            found[name] = 0.0
        assert_same(found, wanted)


def test_the_hand_mask_alone_has_objects_without_confidence():
    edits = edited((60, 80), 1)
    found = find_objects(None, MaskSettings(0.5, 3), edits)
    assert_same(found, expected(edits == 1, 8))
    for name in ("flux", "peak", "mean_confidence", "max_confidence"):
        assert np.isnan(found[name]).all()


def test_bad_pixels_are_left_out_of_flux_and_confidence():
    confidence = np.zeros((6, 20), np.float32)
    confidence[2, 2:6] = [0.6, 0.8, 0.9, 0.7]
    confidence[4, 12] = 0.95
    image = np.full(confidence.shape, 10.0)
    image[2, 2:6] = [np.nan, 5.0, np.inf, 7.0]
    image[4, 12] = -np.inf
    edits = np.zeros(confidence.shape, np.uint8)
    edits[2, 6] = 1
    confidence[2, 6] = np.nan
    first, second = find_objects(confidence, MaskSettings(), edits, image)
    assert (first["area"], first["flux"], first["peak"]) == (5, 22.0, 10.0)
    assert first["mean_confidence"] == pytest.approx(0.75)
    assert first["max_confidence"] == np.float32(0.9)
    assert np.isnan(second["flux"])
    assert np.isnan(second["peak"])


@pytest.mark.parametrize("dtype", ["u2", ">i2", ">f4", "f8", "u1", "?", "i8"])
def test_any_image_gives_exact_sums(dtype, monkeypatch):
    monkeypatch.setattr(blocks, "STRIPE_PIXELS", 1)
    bits = MASKS["sparse"]
    confidence, image = planes(bits)
    image = (image if dtype != "u1" else image / 10).astype(dtype)
    wanted = expected(bits, 8, image.astype(float), confidence)
    for source in (image, np.asfortranarray(image), from_array(image)):
        assert_same(find_objects(confidence, MaskSettings(), None, source), wanted)


def test_image_rows_without_objects_are_not_read(monkeypatch):
    monkeypatch.setattr(blocks, "STRIPE_PIXELS", 10 * 30)
    confidence = np.zeros((100, 30), np.float32)
    confidence[42:44, 5] = confidence[77, 9] = 0.9
    read = []

    class Source:
        shape = confidence.shape

        def __getitem__(self, key):
            read.append((key[0].start, key[0].stop))
            return np.ones(confidence.shape)[key]

    found = find_objects(confidence, MaskSettings(), None, Source())
    assert found["flux"].tolist() == [2.0, 1.0]
    assert sorted(read) == [(42, 44), (77, 78)]


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 60),
    width=st.integers(1, 140),
    density=st.sampled_from([0.01, 0.1, 0.3, 0.6, 0.95]),
    connectivity=st.sampled_from([4, 8]),
    radius=st.integers(0, 3),
    seed=st.integers(0, 999),
)
def test_any_mask_gives_scipys_objects(height, width, density, connectivity, radius, seed):
    rng = np.random.default_rng(seed)
    confidence, image = planes(rng.random((height, width)) < density, seed)
    edits = edited((height, width), seed)
    chosen = MaskSettings(0.5, radius, "disk")
    final = final_mask(confidence, chosen, edits)
    found = find_objects(confidence, chosen, edits, image, connectivity)
    assert_same(found, expected(final, connectivity, image, confidence))


def test_cancel_stops_between_stripes(monkeypatch):
    monkeypatch.setattr(blocks, "STRIPE_PIXELS", 1)
    asked, read = [], []

    def cancel():
        asked.append(True)
        return len(asked) > 5

    class Source:
        shape = (500, 10)

        def __getitem__(self, key):
            read.append(key)
            return np.ones(self.shape)[key]

    with pytest.raises(Cancelled):
        find_objects(np.ones((500, 10)), MaskSettings(), None, Source(), cancel=cancel)
    assert len(read) <= 5


def test_a_readers_error_comes_through(monkeypatch):
    monkeypatch.setattr(blocks, "STRIPE_PIXELS", 1)

    class Source:
        shape = (50, 10)

        def __getitem__(self, key):
            raise OSError(f"row {key[0].start} is not in the file")

    with pytest.raises(OSError, match="is not in the file"):
        find_objects(np.ones((50, 10)), MaskSettings(), None, Source())


def test_bad_input_says_what_to_give():
    plane = np.zeros((4, 5), np.float32)
    with pytest.raises(ValueError, match="connectivity is 6: use 8 or 4"):
        find_objects(plane, MaskSettings(), connectivity=6)
    with pytest.raises(ValueError, match=r"image is \(5, 4\) and its mask is \(4, 5\)"):
        find_objects(plane, MaskSettings(), image=np.zeros((5, 4)))
    with pytest.raises(ValueError, match="edits"):
        find_objects(plane, MaskSettings(), np.zeros((5, 4), np.uint8))
    with pytest.raises(ValueError, match="3-D"):
        find_objects(plane[None], MaskSettings())
    assert len(find_objects(plane[:0], MaskSettings())) == 0
    assert len(find_objects(plane[:, :0], MaskSettings())) == 0


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 70), width=st.integers(1, 200), seed=st.integers(0, 999),
       density=st.sampled_from([0.01, 0.3, 0.6]), connectivity=st.sampled_from([4, 8]),
       stripe=st.integers(1, 5000), runs=st.integers(1, 500), radius=st.integers(0, 2))
def test_the_tiling_makes_no_difference_at_all(height, width, seed, density, connectivity, stripe,
                                               runs, radius):
    confidence, image = planes(np.random.default_rng(seed).random((height, width)) < density, seed)
    image = image.astype(np.float32)
    look, edits = MaskSettings(0.5, radius, "disk"), edited((height, width), seed)
    whole = find_objects(confidence, look, edits, image, connectivity)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "STRIPE_PIXELS", stripe)
        patch.setattr(blocks, "MOST_RUNS", runs)
        tiled = find_objects(confidence, look, edits, image, connectivity)
    assert tiled.tobytes() == whole.tobytes()


@pytest.mark.parametrize("vectors", [True, False])
@pytest.mark.parametrize("width", [1, 63, 64, 200])
@pytest.mark.parametrize("form", ["<f4", ">f4", "<f8", "f2", "columns", "reversed"])
def test_every_layout_of_a_map_gives_the_same(form, width, vectors, monkeypatch):
    monkeypatch.setattr(blocks, "vectors", lambda: vectors)
    confidence, image = planes(np.random.default_rng(3).random((40, width)) < 0.3)
    confidence[::5, ::3] = np.nan
    confidence = confidence.astype(np.float16).astype(np.float32)  # exact in every form
    wanted = find_objects(confidence, MaskSettings(0.5, 1), None, image)
    if form == "columns":
        given_map = np.asfortranarray(confidence)
    elif form == "reversed":
        given_map = confidence[::-1].copy()[::-1]
    else:
        given_map = confidence.astype(form)
    given_map.flags.writeable = False
    assert find_objects(given_map, MaskSettings(0.5, 1), None, image).tobytes() == wanted.tobytes()


def test_progress_tells_all_rows(monkeypatch):
    monkeypatch.setattr(blocks, "STRIPE_PIXELS", 1000)
    told = []
    find_objects(np.ones((95, 100)), MaskSettings(), progress=lambda *rows: told.append(rows))
    assert len(told) == 10 and max(told) == (95, 95)


def test_a_second_process_takes_the_kernels_from_the_cache():
    code = """
import sys
import numpy as np
from glview.core import candidatekernels, maskkernels, packkernels, poolkernels, runs
from glview.core import objects, tablekernels
from glview.core.candidates import Candidates
from glview.core.catalogue import Catalogue
from glview.core.mask import MaskSettings, final_mask, pooled
plane = np.eye(20, 70, dtype=np.float32)
edits = np.zeros(plane.shape, np.uint8)
edits[2:4, 9] = 1
for one in (plane, plane.astype(">f4")):
    found = objects.find_objects(one, MaskSettings(0.5, 1), edits, one)
final_mask(plane, MaskSettings(0.5, 1))
pooled(plane, MaskSettings(0.5, 1), None, (0, 0, 20, 70), 4)
Candidates(plane, plane).objects(MaskSettings(0.5, 1), edits)
Catalogue(found, plane.shape).within((0, 0, 9, 9))
kernels = [maskkernels.mask_runs, maskkernels.mask_codes, maskkernels.dilate, maskkernels.edit]
kernels += [packkernels.pack, poolkernels.pool, runs.label_runs, runs.shape_table, runs.add_rows]
kernels += [runs.add_values, runs.pixel_starts, tablekernels.join, tablekernels.fold]
kernels += [tablekernels.order, tablekernels.write, tablekernels.fill_cells]
kernels += [candidatekernels.tiers_of, candidatekernels.mark, candidatekernels.find_known]
kernels += [candidatekernels.unknown, candidatekernels.merged_runs, candidatekernels.put_values]
unused = [k for k in kernels if not (k.stats.cache_hits or k.stats.cache_misses)]
assert not unused, unused
print(sum(sum(k.stats.cache_misses.values()) for k in kernels))
"""
    misses = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        )
        misses.append(int(done.stdout))
    assert misses[1] == 0
