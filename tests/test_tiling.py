"""Confidence maps: parity with the reference packages, seams, odd frames, bad pixels, cancel."""

from pathlib import Path

import numpy as np
import pytest
import torch
from astropy.io import fits

import glview
from glview.core.cancel import Cancelled
from glview.core.image import from_array
from glview.models import MODELS, ModelError, init_model, look
from glview.models.frame import Frame, level_of, probes
from glview.models.tiling import Pending, Watch, grid

# Made by cosmic-conn 0.6.1 and deepCR 0.3.1 on a simulated frame; confidences rounded to 2**-22.
FIXTURE = Path(__file__).parent / "data" / "models_165x150.npz"
# Made by the same from that cut of the demonstration frame, and rounded alike: by the command
# cosmic-conn with -c 0 and -c 64, by deepCR's clean() whole and with patches of 64.
REAL = Path(__file__).parent / "data" / "demo_128x128.npz"
CUT = slice(128, 256), slice(64, 192)
NETWORKS = [name for name, row in MODELS.items() if row.weights]
KNOWN = [name for name in NETWORKS if name not in ("WFC3-UVIS", "decam")]  # see test_more_models
COSMIC_CONN = ("ground_imaging", "NRES", "HST_ACS_WFC")
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def known():
    with np.load(FIXTURE) as file:
        return dict(file)


@pytest.fixture(scope="module")
def real():
    """(cut of the demonstration frame: STIS on HST, what the packages found in it)."""
    image = fits.getdata(Path(glview.__file__).parent / "data" / "demo.fits.gz")[CUT]
    with np.load(REAL) as file:
        return image, dict(file)


@pytest.fixture(scope="module")
def models():
    return {name: init_model(name, device="cpu") for name in NETWORKS}


@pytest.fixture
def deepcr():
    return init_model("ACS-WFC", device="cpu")


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("crop", [0, 64])
def test_the_reference_tilings_equal_the_models_own_packages(known, name, crop):
    options = {"tiling": "cosmic-conn", "crop": crop} if crop else {"tiling": "full"}
    confidence = init_model(name, "cpu", **options).detect_cr(known["image"])
    expected = known[f"{name}_crop{crop}"]
    assert confidence.dtype == np.float32
    assert np.abs(confidence - expected).max() < 1e-5
    assert np.array_equal(confidence > 0.5, expected > 0.5)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("crop", [0, 64])
def test_on_a_real_frame_they_equal_the_packages_too(real, name, crop):
    options = {"tiling": "cosmic-conn", "crop": crop} if crop else {"tiling": "full"}
    confidence = init_model(name, "cpu", **options).detect_cr(real[0])
    expected = real[1][f"{name}_crop{crop}"]
    assert np.abs(confidence - expected).max() < 1e-5
    assert np.array_equal(confidence > 0.5, expected > 0.5) and (expected > 0.5).sum() > 40


@pytest.mark.parametrize("name", COSMIC_CONN)
def test_seamless_equals_the_package_on_a_whole_frame(known, models, name):
    confidence = models[name].detect_cr(known["image"][:160, :144])
    assert np.abs(confidence - known[f"{name}_crop0"][:160, :144]).max() < 1e-5


@pytest.mark.parametrize("name", NETWORKS)
def test_tile_size_leaves_no_seam(known, models, name):
    small, large = (init_model(name, "cpu", tile=t).detect_cr(known["image"]) for t in (28, 100))
    good = models[name].detect_cr(known["image"])
    assert max(np.abs(one - good).max() for one in (small, large)) < 2e-6
    assert np.abs(small - large).max() < 2e-6


@pytest.mark.parametrize("name", NETWORKS)
def test_tile_size_leaves_no_seam_in_a_real_frame(real, models, name):
    """Bright rays leave float32 fewer digits than above; a halo short by 8 costs 0.008 and more."""
    small, large = (init_model(name, "cpu", tile=t).detect_cr(real[0]) for t in (28, 100))
    assert np.abs(small - large).max() < 5e-6
    found = models[name].detect_cr(real[0])
    assert max(np.abs(one - found).max() for one in (small, large)) < 1e-5
    assert np.abs(found - real[1][f"{name}_crop0"]).max() < 1e-5


@pytest.mark.parametrize("name", KNOWN)
def test_most_rays_are_found_and_little_else(known, models, name):
    mask, truth = models[name].detect_cr(known["image"]) > 0.5, known["truth"]
    assert (mask & truth).sum() > 0.75 * truth.sum()
    assert (mask & truth).sum() > 0.8 * mask.sum()


def test_large_frames_sample_their_statistics(known, models, monkeypatch):
    image = np.tile(known["image"], (2, 2))
    whole = models["NRES"].detect_cr(image)
    monkeypatch.setattr(look, "WHOLE", 1000)
    sampled = models["NRES"].detect_cr(image)
    assert 0 < np.abs(sampled - whole).max()
    assert ((sampled > 0.5) != (whole > 0.5)).sum() < 0.02 * (whole > 0.5).sum()


@pytest.mark.parametrize("name", ["ground_imaging", "ACS-WFC"])
@pytest.mark.parametrize("tile", [0, 64])
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (17, 300), (300, 1), (2, 2), (131, 67)])
def test_every_pixel_of_any_size_is_covered_once(name, tile, shape):
    image = np.random.default_rng(3).normal(250.0, 15.0, shape)
    seen = np.zeros(shape, int)

    def on_tile(y0, x0, y1, x1, values):
        seen[y0:y1, x0:x1] += 1
        assert values.shape == (y1 - y0, x1 - x0)

    out = np.full(shape, np.nan, np.float32)
    model = init_model(name, "cpu", tile=tile)
    assert model.detect_cr(image, out=out, on_tile=on_tile) is out
    assert (seen == 1).all()
    assert np.isfinite(out).all() and out.min() >= 0.0 and out.max() <= 1.0


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_bad_pixels_get_no_confidence_and_do_no_harm(known, models, name, bad):
    model, image = models[name], known["image"].copy()
    clean = model.detect_cr(image)
    y, x = np.argwhere(known["truth"])[0]
    image[y, x] = bad
    image[60:64, 60:64] = bad
    given = image.copy()
    confidence = model.detect_cr(image)
    assert confidence[y, x] == 0.0 and (confidence[60:64, 60:64] == 0.0).all()
    assert np.isfinite(confidence).all()
    assert ((confidence > 0.5) != (clean > 0.5)).sum() < 30
    assert model.notes[0].startswith("17 of 24750 pixels")
    assert np.array_equal(image, given, equal_nan=True)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_frame_without_one_good_pixel_is_empty(models, name):
    assert not models[name].detect_cr(np.full((9, 33), np.nan)).any()
    assert "297 of 297" in models[name].notes[0]


def test_largest_finite_values_leave_the_network_finite(known, models):
    image = known["image"].copy()
    image[5, 5] = 9e17
    for model in models.values():
        assert np.isfinite(model.detect_cr(image)).all()


def _forms(image):
    """The same whole-number picture in every form that a user may hand over."""
    locked = image.copy()
    locked.flags.writeable = False
    return {
        "big-endian": image.astype(">f4"),
        "float64": image.astype(float),
        "uint16": image.astype(np.uint16),
        "int32": image.astype(">i4"),
        "read-only": locked,
        "flipped": image[::-1, ::-1].copy()[::-1, ::-1],
        "list": image.tolist(),
        "tensor": torch.from_numpy(image),
        "half tensor": torch.from_numpy(image).to(torch.float16),
        "masked": np.ma.MaskedArray(image, np.zeros(image.shape, bool)),
        "Image": from_array(image),
    }


def test_every_form_of_image_gives_the_same_and_is_not_written(known, deepcr):
    image = np.round(np.minimum(known["image"][100:150, 20:61], 2000.0)).astype(np.float32)
    expected = deepcr.detect_cr(image)
    assert expected.max() > 0.5
    for form, given in _forms(image).items():
        assert np.array_equal(deepcr.detect_cr(given), expected), form
        assert np.array_equal(np.asarray(given[0:50, 0:41] if form == "Image" else given), image)


def test_masked_pixels_are_bad_pixels(known, deepcr):
    image = known["image"]
    mask = np.zeros(image.shape, bool)
    mask[30:40, 50:60] = True
    hidden = np.where(mask, np.nan, image)
    confidence = deepcr.detect_cr(np.ma.MaskedArray(image, mask))
    assert np.array_equal(confidence, deepcr.detect_cr(hidden))
    counts = np.ma.MaskedArray(image.astype(np.int32), mask)
    assert not deepcr.detect_cr(counts)[mask].any()


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.ones((3, 8, 8)), r"\(3, 8, 8\).*one plane"),
        (np.ones((1, 8, 8)), r"\(1, 8, 8\).*one plane"),
        (np.ones(8), r"\(8,\)"),
        (np.ones((0, 8)), "no pixels"),
        (np.ones((8, 8), complex), "complex128"),
        (np.array([["a", "b"]]), "real numbers"),
        ([[1.0, 2.0], [3.0]], "not an image"),
        (None, "real numbers"),
    ],
)
def test_what_is_no_image_is_named(deepcr, image, words):
    with pytest.raises(ModelError, match=words):
        deepcr.detect_cr(image)


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((8, 8)),
        np.zeros((8, 9), np.float32),
        [[0.0]],
        np.broadcast_to(np.float32(0), (8, 8)),
    ],
)
def test_a_wrong_out_is_refused(deepcr, out):
    with pytest.raises(ModelError, match="out must be"):
        deepcr.detect_cr(np.ones((8, 8)), out=out)


@pytest.mark.parametrize("name", ["ground_imaging", "ACS-WFC"])
def test_progress_rises_to_one_and_the_tiles_near_the_centre_come_first(known, name):
    said, tiles = [], []
    watch = Watch(said.append, None, lambda *box: tiles.append(box[:4]),
                  lambda: (150.0, 20.0))
    result = init_model(name, "cpu", tile=32).detect(known["image"], watch)
    assert said[-1] == 1.0 and said == sorted(said) and 0.0 <= said[0] < 0.1
    assert tiles[0] == (128, 0, 160, 32) and len(tiles) == 30
    assert result.seconds > 0 and result.bad == 0


@pytest.mark.parametrize(("name", "tiling"), [("NRES", "seamless"), ("ACS-WFC", "cosmic-conn")])
def test_cancel_stops_between_steps(known, name, tiling):
    model, asked, tiles = init_model(name, "cpu", tiling, crop=32, tile=32), [], []

    def cancel():
        asked.append(1)
        return len(asked) > 4

    with pytest.raises(Cancelled):
        model.detect_cr(known["image"], None, cancel, None, lambda *box: tiles.append(box))
    assert len(asked) == 5 and len(tiles) <= 4


def test_a_frame_that_a_reference_tiling_cannot_cover_is_told():
    image = np.random.default_rng(2).normal(100, 5, (40, 37))
    model = init_model("NRES", "cpu", "full")
    confidence = model.detect_cr(image)
    assert not confidence[32:].any() and not confidence[:, 32:].any()
    assert "456 of 1480 pixels unsearched" in model.notes[0]
    with pytest.raises(ModelError, match="seamless"):
        model.detect_cr(image[:15])


def _limited(network, pixels):
    """That network, but short of memory for inputs above `pixels`."""

    def run(x, box):
        if x.shape[-1] * x.shape[-2] > pixels:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate")
        return network(x, box)

    return run


def test_lack_of_memory_halves_the_tiles(known, deepcr, monkeypatch):
    expected = deepcr.detect_cr(known["image"])
    network = deepcr.parts[0].network.frozen()
    monkeypatch.setattr(deepcr.parts[0].network, "frozen", lambda *_: _limited(network, 96 * 96))
    tiles = []
    found = deepcr.detect_cr(known["image"], on_tile=lambda *box: tiles.append(box))
    assert np.abs(found - expected).max() < 2e-6 and len(tiles) > 4
    monkeypatch.setattr(deepcr.parts[0].network, "frozen", lambda *_: _limited(network, 0))
    with pytest.raises(ModelError, match="not enough memory for a tile"):
        deepcr.detect_cr(known["image"])


def test_any_other_failure_of_the_network_is_told(deepcr, monkeypatch):
    def broken(x, box):
        raise RuntimeError("mat1 and mat2 do not fit\nmore")

    monkeypatch.setattr(deepcr.parts[0].network, "frozen", lambda *_: broken)
    with pytest.raises(ModelError, match="failed on a tile of 320 pixels: mat1 and mat2"):
        deepcr.detect_cr(np.ones((8, 8)))


def test_statistics_short_of_memory_take_fewer_samples(known, monkeypatch):
    model = init_model("ground_imaging", "cpu")
    monkeypatch.setattr(look, "WHOLE", 1000)
    live, sizes = model.parts[0].network.live, []

    def limited(x, *settings):
        sizes.append(len(x))
        if len(x) > 1:
            raise MemoryError
        return live(x, *settings)

    monkeypatch.setattr(model.parts[0].network, "live", limited)
    assert model.detect_cr(np.tile(known["image"], (4, 2))).max() > 0.5
    assert sizes == [2, 1]


@pytest.mark.parametrize("shape", [(70, 100), (1, 333), (97, 40), (5, 5)])
def test_what_is_pending_is_taken_once_and_nearest_first(shape):
    rng = np.random.default_rng(1)
    gaze, seen = [(shape[0], shape[1] / 2)], np.zeros(shape, int)
    pending = Pending(shape, 16, lambda: gaze[0])
    rest = {tuple(box) for box in grid(shape, 16).tolist()}
    assert len(pending) == len(rest) and pending.area == shape[0] * shape[1]

    def far(box):
        return np.hypot((box[0] + box[2]) / 2 - gaze[0][0], (box[1] + box[3]) / 2 - gaze[0][1])

    while pending:
        y0, x0, y1, x1 = box = pending.take()
        assert far(box) == min(map(far, rest))
        rest.remove(box)
        seen[y0:y1, x0:x1] += 1
        assert pending.area == (seen == 0).sum()
        if rng.random() < 0.3:
            gaze[0] = tuple(rng.uniform(-20, shape))
    assert (seen == 1).all() and not rest


def test_without_a_gaze_the_boxes_come_row_by_row_without_the_known_ones():
    pending = Pending((70, 100), 40, known=[[40, 0, 60, 41], (60, 0, 70, 40), (0, 0, 1, 1)])
    taken = [pending.take() for _ in range(len(pending))]
    assert taken == [(0, 0, 40, 40), (0, 40, 40, 80), (0, 80, 40, 100), (40, 40, 70, 80),
                     (40, 80, 70, 100)]


def test_all_that_is_pending_can_be_cut():
    pending, seen = Pending((70, 100), 40, lambda: (69.0, 50.0)), np.zeros((70, 100), int)
    done, back = pending.take(), pending.take()
    assert done == (40, 40, 70, 80)
    pending.cut(back, 16)
    assert pending.size == 16
    first = pending.take()
    assert max(np.subtract(first[2:], first[:2])) <= 16
    y0, x0, y1, x1 = back
    assert y0 <= first[0] < first[2] <= y1 and x0 <= first[1] < first[3] <= x1
    for y0, x0, y1, x1 in [done, first, *(pending.take() for _ in range(len(pending)))]:
        seen[y0:y1, x0:x1] += 1
    assert (seen == 1).all()


def test_a_stream_hands_out_what_a_whole_result_holds(known, deepcr):
    image, found, deepcr.tile = known["image"], {}, 48
    watch = Watch(on_tile=lambda *tile: found.update({tile[:4]: tile[4]}))
    result = deepcr.stream(image, watch)
    whole = deepcr.detect_cr(image)
    assert result.confidence is None and len(found) == 16
    for (y0, x0, y1, x1), values in found.items():
        assert np.array_equal(values, whole[y0:y1, x0:x1])
    boxes, found = list(found), {}
    watch = Watch(on_tile=lambda *tile: found.update({tile[:4]: tile[4]}))
    deepcr.stream(image, watch, known=boxes[:5])
    assert list(found) == boxes[5:]


@pytest.mark.parametrize(
    "shape",
    [(3, 5), (4096, 4096), (4096, 4097), (40_000, 25_000), (100_000, 100_000), (1, 1_000_000_000),
     (300_000_000, 1), (7, 90_000_000)],
)
def test_the_level_is_told_by_few_pixels_from_everywhere(shape):
    boxes = np.array(probes(shape))
    sides = boxes[:, 2:] - boxes[:, :2]
    assert (boxes[:, :2] >= 0).all() and (sides > 0).all() and (boxes[:, 2:] <= shape).all()
    area, total = int(sides.prod(axis=1).sum()), shape[0] * shape[1]
    assert area == total if total <= 1 << 24 else 3e6 < area < 4.3e6
    assert len(set(map(tuple, boxes.tolist()))) == len(boxes) <= 4096
    assert sides.prod(axis=1).max() <= 1 << 20
    if total > 1 << 24:
        for axis in (0, 1):
            middles = boxes[:, axis : axis + 3 : 2].mean(1)
            thirds = set((3 * middles // shape[axis]).astype(int))
            assert thirds == {0, 1, 2} or sides[0, axis] == shape[axis]


def test_the_level_of_a_large_frame_is_near_its_median():
    def read32(y0, y1, x0, x1):
        y, x = np.mgrid[y0:y1, x0:x1]
        values = 100 + 5e-4 * y + 1e-3 * x + 10 * np.sin(7.0 * x * y)
        return np.where((x // 9000 + y // 9000) % 5 == 0, np.nan, values).astype(np.float32)

    level = level_of(Frame((90_000, 70_000), read32))
    assert level.median == pytest.approx(100 + 22.5 + 35, rel=0.02)
