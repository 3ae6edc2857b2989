"""deepCR's other networks, L.A.Cosmic, several models together, the sky, half precision."""

import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sky import make_sky
from test_tiling import FIXTURE

from glview.core.cancel import Cancelled
from glview.models import MODELS, ModelError, init_model, installed, look, lookup
from glview.models.feed import feed_for
from glview.models.frame import Level, as_frame, level_of
from glview.models.registry import split

# Made by deepCR 0.3.1 from the first 100 rows and 97 columns of the other frame.
DEEPCR = Path(__file__).parent / "data" / "deepcr_100x97.npz"
needs_astroscrappy = pytest.mark.skipif(
    not installed("lacosmic"), reason="astroscrappy is not installed")


@pytest.fixture(scope="module")
def image():
    with np.load(FIXTURE) as file:
        return file["image"]


@pytest.fixture(scope="module")
def truth():
    with np.load(FIXTURE) as file:
        return file["truth"]


@pytest.mark.parametrize("name", ["WFC3-UVIS", "decam"])
@pytest.mark.parametrize("crop", [0, 64])
def test_the_reference_tilings_equal_deepcr(image, name, crop):
    options = {"tiling": "cosmic-conn", "crop": crop} if crop else {"tiling": "full"}
    confidence = init_model(name, "cpu", **options).detect_cr(image[:100, :97])
    with np.load(DEEPCR) as file:
        assert np.abs(confidence - file[f"{name}_crop{crop}"]).max() < 1e-5


@pytest.mark.parametrize(("name", "least"), [("WFC3-UVIS", 0.8), ("decam", 0.8)])
def test_rays_are_found_at_the_threshold_that_goes_with_the_model(image, truth, name, least):
    mask = init_model(name, "cpu").detect_cr(image) > MODELS[name].threshold
    assert (mask & truth).sum() > least * truth.sum()


def test_weight_normalised_kernels_are_multiplied_out(image, tmp_path):
    from safetensors.torch import load_file, save_file

    from glview.models.registry import weights_path

    tensors, split_up = load_file(weights_path(MODELS["WFC3-UVIS"])), {}
    for name, tensor in tensors.items():
        if tensor.ndim == 4 and ".conv.conv." in name:
            split_up[f"{name}_v"] = 3 * tensor
            split_up[f"{name}_g"] = tensor.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)
        else:
            split_up[name] = tensor
    save_file(split_up, tmp_path / "own.safetensors")
    own = init_model(tmp_path / "own.safetensors", "cpu").detect_cr(image)
    assert np.abs(own - init_model("WFC3-UVIS", "cpu").detect_cr(image)).max() < 1e-5
    key = next(name for name in split_up if name.endswith("_g"))
    save_file(split_up | {key: torch.ones(5)}, tmp_path / "bad.safetensors")
    with pytest.raises(ModelError, match="do not fit each other"):
        init_model(tmp_path / "bad.safetensors", "cpu")


# L.A.Cosmic


@needs_astroscrappy
def test_lacosmic_by_tiles_equals_the_whole_frame():
    from astroscrappy import detect_cosmics

    sky = make_sky(170, 200, seed=3, stars=30, rays=25)
    frame = sky.image
    frame[60:69, 120:129] += 5000.0  # a ray without one good pixel within two
    frame[120:140, 50:80] = 70_000.0  # saturated
    whole, _ = detect_cosmics(frame)
    found = init_model("lacosmic", tile=64).detect_cr(frame)
    assert found.dtype == np.float32 and set(np.unique(found)) == {0.0, 1.0}
    assert np.array_equal(found > 0.5, whole)
    assert (found[sky.truth] > 0).mean() > 0.7


@needs_astroscrappy
@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (8, 8), (31, 33)])
def test_lacosmic_takes_frames_smaller_than_its_filters(shape):
    """Alone, astroscrappy writes beyond the ends of an array with a side of 1."""
    frame = np.random.default_rng(1).normal(100, 3, shape)
    assert init_model("lacosmic").detect_cr(frame).shape == shape


def test_without_astroscrappy_lacosmic_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "astroscrappy", None)
    with pytest.raises(ModelError, match=r"glview\[lacosmic\]"):
        init_model("lacosmic")


# several models


def test_the_mean_and_the_vote_of_two(image):
    image = image[:90, :110]
    one, two = (init_model(name, "cpu", tile=64).detect_cr(image) for name in ("ACS-WFC", "decam"))
    mean = init_model("ACS-WFC+decam", "cpu", tile=64).detect_cr(image)
    assert np.abs(mean - (one + two) / 2).max() < 1e-6
    vote = init_model("acs-wfc + decam:vote", "cpu", tile=64).detect_cr(image)
    assert np.array_equal(vote, ((one > 0.5).astype(np.float32) + (two > 0.5)) / 2)
    assert np.array_equal(vote > 0.5, (one > 0.5) & (two > 0.5))


def test_a_vote_uses_each_models_own_threshold(image):
    vote = init_model("ACS-WFC+WFC3-UVIS:vote", "cpu").detect_cr(image)
    wfc3 = init_model("WFC3-UVIS", "cpu").detect_cr(image) > 0.15
    assert wfc3[vote == 1].all() and (vote[wfc3] > 0).all()


def test_networks_of_different_kinds_work_together_and_bad_pixels_stay_out(image, monkeypatch):
    monkeypatch.setattr(look, "WHOLE", 1000)
    frame = image[:90, :110].copy()
    frame[10:12, 20] = np.nan
    model = init_model("ground_imaging+ACS-WFC", "cpu", tile=50)
    said, tiles = [], []
    found = model.detect_cr(frame, said.append, on_tile=lambda *tile: tiles.append(tile[:4]))
    assert said == sorted(said) and said[-1] == 1.0 and len(set(tiles)) == len(tiles) == 6
    assert not found[10:12, 20].any() and model.notes[0].startswith("2 of 9900")
    parts = [init_model(name, "cpu", tile=52).detect_cr(frame)
             for name in ("ground_imaging", "ACS-WFC")]
    assert np.abs(found - np.mean(parts, axis=0)).max() < 2e-6


def test_provenance_names_all_weights():
    row = lookup("acs-wfc+decam:vote")
    model = init_model(row.name, "cpu")
    assert row.name == "ACS-WFC+decam:vote"
    assert model.provenance["model"] == row.name
    both = f"{MODELS['ACS-WFC'].sha256}+{MODELS['decam'].sha256}"
    assert model.provenance["weights_sha256"] == model.sha256 == row.sha256 == both
    assert row.threshold == model.info.threshold == 0.5
    assert lookup("ACS-WFC+WFC3-UVIS").threshold == 0.325
    for text in (MODELS["ACS-WFC"].citation, MODELS["decam"].units):
        assert text in row.citation + row.units


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ACS-WFC+", "before or after"),
        ("+", "before or after"),
        ("ACS-WFC+acs-wfc", "twice"),
        ("ACS-WFC:vote", "one model"),
        ("ACS-WFC+nothing", "'nothing'"),
        ("ACS-WFC+decam:most", "'decam:most'"),
    ],
)
def test_wrong_names_of_several_are_told(name, words):
    for use in (lookup, init_model):
        with pytest.raises(ModelError, match=words):
            use(name)


def test_several_have_no_reference_tiling():
    with pytest.raises(ModelError, match="one model's own package"):
        init_model("ACS-WFC+decam", "cpu", "full")


def test_a_file_whose_name_looks_like_several_is_a_file(tmp_path):
    path = tmp_path / "a+b:vote"
    path.touch()
    assert split(path) == ((str(path),), "mean")


# the sky


def test_the_level_of_a_sky_is_told_by_its_lower_half():
    rng = np.random.default_rng(0)
    frame = rng.normal(50.0, 7.0, (300, 300))
    frame[:20] = 5000.0
    level = level_of(as_frame(frame))
    assert level.noise == pytest.approx(7.0, rel=0.1) and level.median == pytest.approx(51, abs=1)
    assert level.mean == pytest.approx(frame.mean())
    assert level.deviation == pytest.approx(frame.std())
    assert level_of(as_frame(np.full((3, 3), np.nan))) == Level(0, 0, 0, 0)


def test_a_sky_that_was_taken_off_is_put_back(monkeypatch):
    sky = make_sky(256, 256, seed=5, stars=30, rays=40, background=2000.0)
    model = init_model("ACS-WFC", "cpu")
    with_sky, truth = model.detect_cr(sky.image) > 0.5, sky.truth
    assert model.notes == ()
    taken_off = sky.image - np.float32(np.median(sky.image))
    found = model.detect_cr(taken_off) > 0.5
    assert "sky was subtracted" in model.notes[0] and "deepCR ACS-WFC" in model.notes[0]
    assert (found != with_sky).sum() < 0.02 * with_sky.sum()
    monkeypatch.setattr("glview.models.feed.MISSING", -np.inf)
    blind = model.detect_cr(taken_off) > 0.5
    assert (blind & ~truth).sum() > 2 * (found & ~truth).sum(), "without it stars and noise count"


@pytest.mark.parametrize(
    ("sky", "level", "seen", "noted"),
    [
        ("subtract", (100, 10), 0, False),
        ("ignore", (0, 10), 0, False),
        ("keep", (100, 10), 100, False),
        ("keep", (24, 10), 100, True),
        ("keep", (-300, 10), 100, True),
        ("keep", (26, 10), 26, False),
        ("keep", (1500, 10), 1500, True),
        ("keep", (0, 0), 0, False),
        ("standard", (100, 10), (100 - 130) / 40, False),
    ],
)
def test_what_a_network_sees_of_the_sky(sky, level, seen, noted):
    feed, notes = feed_for(Level(*level, 130.0, 40.0), sky)
    assert feed.apply(np.float32([level[0]]))[0] == pytest.approx(seen)
    assert feed.level == level[0] and bool(notes) == noted


def test_a_flat_frame_can_be_divided_by_its_deviation():
    assert np.isfinite(init_model("WFC3-UVIS", "cpu").detect_cr(np.full((20, 20), 7.0))).all()


# precision


@pytest.mark.parametrize("name", ["ground_imaging", "ACS-WFC", "WFC3-UVIS"])
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_changes_little_and_says_so(image, name, precision):
    model = init_model(name, "cpu", precision=precision)
    exact = init_model(name, "cpu").detect_cr(image)
    found = model.detect_cr(image)
    assert found.dtype == np.float32 and np.isfinite(found).all()
    assert 1e-6 < np.abs(found - exact).max() < 0.1
    assert ((found > 0.5) != (exact > 0.5)).sum() <= 8
    assert model.provenance["sums"] == precision
    assert "sums" not in init_model(name, "cpu").provenance


def test_what_overflows_half_precision_is_computed_exactly(image):
    frame = image.copy()
    frame[40:44, 40:44] = 3e6
    model = init_model("ACS-WFC", "cpu", precision="float16")
    found = model.detect_cr(frame)
    assert np.isfinite(found).all() and any("overflowed" in note for note in model.notes)
    exact = init_model("ACS-WFC", "cpu").detect_cr(frame)
    assert np.abs(found - exact).max() < 0.1


# what is read in parts, and results on disk


class Sliced:
    """A data set that is cut by slices and counts the largest cut."""

    def __init__(self, array):
        self._array, self.largest = array, 0
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, key):
        part = self._array[key]
        self.largest = max(self.largest, part.size)
        return part


def test_a_data_set_is_read_in_parts_into_a_memory_map(tmp_path):
    frame = make_sky(1100, 1000, stars=10, rays=10).image
    given = Sliced(frame.astype(">f8"))
    out = np.memmap(tmp_path / "out", np.float32, "w+", shape=frame.shape)
    model = init_model("ACS-WFC", "cpu")
    assert model.detect_cr(given, out=out) is out
    assert given.largest < 1 << 20
    assert np.array_equal(out, model.detect_cr(frame)) and out.max() > 0.5


def test_an_event_cancels():
    event = threading.Event()
    event.set()
    with pytest.raises(Cancelled):
        init_model("ACS-WFC", "cpu").detect_cr(np.ones((8, 8)), cancel=event)


# memory


NUMPY, TORCH = MemoryError(), RuntimeError("can't allocate memory")
STAGES = [
    ("glview.models.detector.np.zeros", "give out=", (NUMPY,)),
    ("glview.models.seamless.level_of", r"frame of \(8, 8\)", (NUMPY,)),
    ("glview.models.weights.Network", "no room for the network", (NUMPY, TORCH)),
    ("glview.models.unet.F.conv2d", "not enough memory", (NUMPY, TORCH)),
    ("glview.models.unet.F.conv_transpose2d", "not enough memory", (NUMPY, TORCH)),
    ("glview.models.unet.torch.sigmoid", "not enough memory", (NUMPY, TORCH)),
    ("glview.models.look.np.pad", "not enough memory", (NUMPY, TORCH)),
]


@pytest.mark.parametrize(("where", "words", "error"), [
    (where, words, error) for where, words, errors in STAGES for error in errors])
@pytest.mark.parametrize("name", ["ACS-WFC", "ground_imaging"])
def test_out_of_memory_is_told_at_every_stage(monkeypatch, name, where, words, error):
    def fail(*arguments, **options):
        raise error

    made = None if "weights" in where else init_model(name, "cpu")
    monkeypatch.setattr(where, fail)
    with pytest.raises(ModelError, match=words):
        (made or init_model(name, "cpu")).detect_cr(np.ones((8, 8), np.float32))


class Card:
    """A network on a card that takes `pixels` at a time; its tensors lie where the tests can be."""

    device, needs_statistics = torch.device("meta"), False

    def __init__(self, network, pixels):
        self._network, self._run, self._pixels = network, network.frozen(), pixels

    def moved(self, device):
        assert device == "cpu"
        return self._network

    def frozen(self, *_):
        def run(x, box):
            if x.shape[-1] * x.shape[-2] > self._pixels:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return self._run(x, box)

        return run


@pytest.mark.parametrize(("pixels", "smaller", "processor"), [
    (1 << 30, False, False), (100 * 100, True, False), (0, True, True)])
def test_a_card_short_of_memory_takes_smaller_tiles_then_hands_over(
    image, monkeypatch, pixels, smaller, processor
):
    model = init_model("ACS-WFC", "cpu", tile=128)
    expected = model.detect_cr(image)
    (part,) = model.parts
    monkeypatch.setattr(look.Look, "_tensor", on_the_card(look.Look._tensor))
    model.parts = (replace(part, network=Card(part.network, pixels)),)
    assert np.abs(model.detect_cr(image) - expected).max() < 2e-6
    notes = " ".join(model.notes)
    assert ("the tiles were made smaller" in notes) == smaller
    assert ("the processor went on" in notes) == processor


def on_the_card(tensor):
    """`Look._tensor`, whose pixels stay where they are."""

    def stay(self, box):
        network, self._network = self._network, SimpleNamespace(device="cpu")
        try:
            return tensor(self, box)
        finally:
            self._network = network

    return stay
