"""Models that a user describes by a TOML file: U-Nets, TorchScript, ONNX, L.A.Cosmic's settings."""

import hashlib
import json
import shutil
import sys
import warnings
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from glview.models import MODELS, ModelError, init_model, installed, lookup
from glview.models.deepcr import RECIPES
from glview.models.recipe import Layout
from glview.models.registry import weights_path
from glview.models.unet import Network

SHIPPED = weights_path(MODELS["ACS-WFC"])
FOREIGN = {"weights": "w.pt", "units": "counts", "sky": "subtract", "halo": 12, "stride": 2}
FRAME = np.random.default_rng(4).normal(200, 14, (90, 70)).astype(np.float32)
FRAME[30, 20:45] += 3000


def unet(layout):
    return {"blocks": layout.blocks, "ups": layout.ups, "head": layout.head, "norm": layout.norm}


def toml(path, said):
    """Write a dict of plain values and tables of them; JSON's lists and texts are TOML's."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in said.items()
             if not isinstance(value, dict)]
    for key, table in said.items():
        if isinstance(table, dict):
            lines += [f"[{key}]", *(f"{k} = {json.dumps(v)}" for k, v in table.items())]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def own(tmp_path):
    """What describes the shipped network, whose weights lie beside my.toml."""
    shutil.copy(SHIPPED, tmp_path / "w.safetensors")
    return {"architecture": "unet", "weights": "w.safetensors", "units": "electrons, sky in",
            "sky": "keep", "threshold": 0.3, "unet": unet(RECIPES["batch"].layout)}


@pytest.fixture
def script(tmp_path):
    """A TorchScript module: confidence 1 above 1000; returns what describes it."""

    class Cut(torch.nn.Module):
        def forward(self, x):
            return (x > 1000.0).float()

    save_script(Cut(), tmp_path / "w.pt")
    return {"architecture": "torchscript", **FOREIGN}


def save_script(module, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.trace(module, torch.zeros(1, 1, 8, 8)), path)


def test_a_described_network_equals_the_known_one(own, tmp_path):
    path = toml(tmp_path / "my.toml", own)
    model = init_model(path, "cpu")
    known = init_model("ACS-WFC", "cpu").detect_cr(FRAME)
    assert np.abs(model.detect_cr(FRAME) - known).max() < 2e-6 and known.max() > 0.5
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    assert model.info.name == f"my@{digest}" and model.info.threshold == 0.3
    assert model.sha256 == MODELS["ACS-WFC"].sha256


def test_its_row_is_known_without_torch_and_changes_with_the_settings(own, tmp_path):
    path = toml(tmp_path / "my.toml", own | {"name": "night net"})
    row = lookup(str(path))
    assert row == init_model(path).info and row.title == "night net"
    assert installed(str(path)) and row.sha256 == MODELS["ACS-WFC"].sha256
    toml(path, own | {"name": "night net", "scale": 2.0})
    assert lookup(str(path)).name != row.name
    both = lookup(f"{path}+decam:vote")
    assert "night net" in both.title and init_model(both.name.replace(
        lookup(str(path)).name, str(path)), "cpu").sha256 == both.sha256


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("norm", ["group", "batch", "none"])
def test_a_network_of_any_depth_has_no_seams(tmp_path, depth, norm):
    widths = [4 * 2**level for level in range(depth + 1)]
    down = [(f"d{i}", widths[i - 1] if i else 1, width) for i, width in enumerate(widths)]
    up = [(f"u{i}", 2 * width, width) for i, width in enumerate(reversed(widths[:-1]))]
    ups = [(f"t{i}", 2 * width, width) for i, width in enumerate(reversed(widths[:-1]))]
    layout = Layout((*down, *up), tuple(ups), ("out", 4), norm, 2)
    generator = torch.Generator().manual_seed(depth)
    tensors = {name: 0.4 * torch.rand(shape, generator=generator) - 0.15
               for name, shape in layout.shapes().items()}
    tensors = {name: one.abs() + 0.5 if name.endswith("var") else one
               for name, one in tensors.items()}
    torch.save(tensors, tmp_path / "w.pth")
    path = toml(tmp_path / "my.toml", {
        "architecture": "unet", "weights": "w.pth", "units": "counts", "sky": "standard",
        "unet": unet(layout) | {"groups": 2}})
    small, large = (init_model(path, "cpu", tile=tile).detect_cr(FRAME) for tile in (16, 96))
    assert large.std() > 0 and np.abs(small - large).max() < 5e-6


def test_a_torchscript_module_sees_what_its_file_says(script, tmp_path):
    path = toml(tmp_path / "my.toml", script | {"scale": 2.0})
    found = init_model(path, "cpu", tile=32).detect_cr(FRAME)
    assert np.array_equal(found > 0.5, FRAME > 2200)
    assert set(np.unique(found)) == {0.0, 1.0}


def test_logits_are_made_a_confidence(script, tmp_path):
    class Slope(torch.nn.Module):
        def forward(self, x):
            return 0.01 * x - 10.0

    save_script(Slope(), tmp_path / "w.pt")
    with pytest.raises(ModelError, match=r'not a confidence.*output = "logits"'):
        init_model(toml(tmp_path / "my.toml", script), "cpu").detect_cr(FRAME)
    path = toml(tmp_path / "my.toml", script | {"output": "logits"})
    level = np.sort(FRAME, axis=None)[(FRAME.size - 1) // 2]
    expected = 1 / (1 + np.exp(10 - 0.01 * (FRAME - level)))
    assert np.abs(init_model(path, "cpu").detect_cr(FRAME) - expected).max() < 1e-5


class Halves(torch.nn.Module):
    def forward(self, x):
        return x[..., ::2, ::2] * 0


class Holes(torch.nn.Module):
    def forward(self, x):
        return x * torch.nan


@pytest.mark.parametrize(("module", "words"), [(Halves(), "one number for each pixel"),
                                               (Holes(), "not finite")])
def test_what_a_network_gives_is_checked(script, tmp_path, module, words):
    save_script(module, tmp_path / "w.pt")
    with pytest.raises(ModelError, match=words):
        init_model(toml(tmp_path / "my.toml", script), "cpu").detect_cr(FRAME)


@pytest.mark.skipif(not (find_spec("onnxruntime") and find_spec("onnx")),
                    reason="onnx and onnxruntime are not installed")
def test_an_onnx_model_equals_the_network_it_was_made_from(tmp_path):
    import onnx
    from onnx import TensorProto, helper

    sides = [1, 1, "h", "w"]
    node = helper.make_node("Conv", ["x", "k"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    kernel = np.random.default_rng(0).normal(0, 0.002, (1, 1, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, sides)],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, sides)],
        [helper.make_tensor("k", TensorProto.FLOAT, kernel.shape, kernel.ravel().tolist())])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(made, tmp_path / "w.onnx")
    said = FOREIGN | {"architecture": "onnx", "weights": "w.onnx", "output": "logits"}
    small, large = (init_model(toml(tmp_path / "my.toml", said), "cpu", tile=tile).detect_cr(FRAME)
                    for tile in (16, 0))
    level = np.sort(FRAME, axis=None)[(FRAME.size - 1) // 2]
    x = torch.from_numpy(np.pad(FRAME - level, 12, mode="reflect"))[None, None]
    expected = torch.sigmoid(torch.conv2d(x, torch.from_numpy(kernel), padding=1))[0, 0, 12:-12]
    inner = np.s_[1:-1, 1:-1]
    assert np.abs(large - expected[:, 12:-12].numpy())[inner].max() < 1e-6
    assert np.abs(small - large).max() < 1e-6
    (tmp_path / "w.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="no ONNX model"):
        init_model(tmp_path / "my.toml")


def test_without_onnxruntime_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (tmp_path / "w.pt").touch()
    with pytest.raises(ModelError, match=r"glview\[onnx\]"):
        init_model(toml(tmp_path / "my.toml", FOREIGN | {"architecture": "onnx"}))


@pytest.mark.skipif(not installed("lacosmic"), reason="astroscrappy is not installed")
def test_lacosmic_can_be_told_the_detector(tmp_path):
    from astroscrappy import detect_cosmics

    said = {"architecture": "lacosmic", "lacosmic": {"readnoise": 3.0, "sigclip": 6, "gain": 2.0}}
    found = init_model(toml(tmp_path / "my.toml", said)).detect_cr(FRAME)
    assert np.array_equal(found > 0.5, detect_cosmics(FRAME, readnoise=3.0, sigclip=6, gain=2.0)[0])


WRONG = [
    ({"colour": 1}, "unknown key colour"),
    ({"architecture": "resnet"}, "architecture must be one of unet"),
    ({"architecture": 3}, "architecture must be"),
    ({"architecture": None}, "lacks architecture"),
    ({"weights": None}, "lacks weights"),
    ({"sky": None}, "lacks sky"),
    ({"unet": None}, "lacks unet"),
    ({"unet": 3}, r"must be a table, \[unet\]"),
    ({"weights": "no.pth"}, "cannot read the weights .*no.pth"),
    ({"weights": ["a"]}, "weights must be"),
    ({"sha256": "12"}, "64 hexadecimal"),
    ({"sha256": "0" * 64}, f"sha256 of .* is {MODELS['ACS-WFC'].sha256}, not 0000"),
    ({"sky": "blue"}, "sky must be one of subtract"),
    ({"threshold": 1.5}, "threshold must be a number from 0 to 1"),
    ({"threshold": True}, "threshold must be"),
    ({"scale": 0.0}, "scale must be"),
    ({"name": "a+b"}, "name must be"),
    ({"halo": 24}, "halo cannot be chosen for unet"),
    ({"tile": -1}, "tile must be"),
    ({"lacosmic": {}}, "lacosmic cannot be chosen"),
]


@pytest.mark.parametrize(("change", "words"), WRONG, ids=[words for _, words in WRONG])
def test_a_wrong_key_is_told(own, tmp_path, change, words):
    said = {key: value for key, value in (own | change).items() if value is not None}
    path = toml(tmp_path / "my.toml", said)
    for use in (lookup, init_model):
        with pytest.raises(ModelError, match=f"my.toml: .*{words}"):
            use(str(path))


NETWORKS = [
    ({"norm": "layer"}, "norm must be"),
    ({"depth": 3}, "unknown key depth"),
    ({"head": ["module.outc.conv"]}, "head must be"),
    ({"head": ["module.outc.conv", 16]}, "head takes 16 channels, but gets 32"),
    ({"blocks": []}, "blocks must be rows"),
    ({"blocks": [["a", 1, 32]]}, "1 ups need 3 blocks"),
    ({"ups": [["module.up8.up", 32, 32]]}, "takes 32 channels, but gets 64"),
    ({"groups": 7, "norm": "group"}, "groups must divide"),
]


@pytest.mark.parametrize(("change", "words"), NETWORKS, ids=[words for _, words in NETWORKS])
def test_a_wrong_network_is_told(own, tmp_path, change, words):
    path = toml(tmp_path / "my.toml", own | {"unet": own["unet"] | change})
    with pytest.raises(ModelError, match=words):
        init_model(path)


def test_groups_mean_nothing_where_nothing_is_normalised_by_group(own, tmp_path):
    path = toml(tmp_path / "my.toml", own | {"unet": own["unet"] | {"groups": 7}})
    assert init_model(path, "cpu").parts[0].recipe.layout.norm == "batch"


def test_weights_of_another_shape_are_told(own, tmp_path):
    table = own["unet"]
    blocks = [["module.inc.conv.conv", 1, 16], ["module.down1.mpconv.1.conv", 16, 64],
              ["module.up8.conv.conv", 48, 32]]
    path = toml(tmp_path / "my.toml", own | {"unet": table | {"blocks": blocks}})
    with pytest.raises(ModelError, match=r"has shape \(32, 1, 3, 3\), this network has \(16, 1"):
        init_model(path)


def test_files_that_are_no_models_are_told(script, tmp_path):
    path = tmp_path / "my.toml"
    for text, words in ((b"a = [", "no TOML"), (b"\xff\xfe", "no TOML"), (b"", "lacks architect")):
        path.write_bytes(text)
        with pytest.raises(ModelError, match=words):
            init_model(path)
    with pytest.raises(ModelError, match="cannot read the model"):
        init_model(tmp_path / "missing.toml")
    toml(path, script | {"halo": 13})
    with pytest.raises(ModelError, match="halo must be a multiple of stride"):
        init_model(path)
    toml(path, script)
    (tmp_path / "w.pt").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="no TorchScript module"):
        init_model(path)


def test_lacosmic_with_wrong_settings_is_told(tmp_path):
    for table, words in (({"sigma": 3}, "unknown key sigma"), ({"gain": -1}, "gain must be a"),
                         ({"niter": 2.5}, "niter must be"), ({"sepmed": 1}, "true or false")):
        path = toml(tmp_path / "my.toml", {"architecture": "lacosmic", "lacosmic": table})
        with pytest.raises(ModelError, match=words):
            init_model(path)


def test_a_network_without_normalisation_is_what_torch_computes():
    layout = Layout((("a", 1, 2),), (), ("b", 2), "none")
    tensors = {name: torch.rand(shape) - 0.4 for name, shape in layout.shapes().items()}
    x = torch.rand(1, 1, 9, 9)
    y = x
    for key in ("a.0", "a.2"):
        y = torch.relu(torch.conv2d(y, tensors[f"{key}.weight"], tensors[f"{key}.bias"], padding=1))
    y = torch.sigmoid(torch.conv2d(y, tensors["b.weight"], tensors["b.bias"]))
    with torch.inference_mode():
        found = Network(layout, tensors, torch.device("cpu")).frozen()(x)
    assert torch.allclose(found, y, atol=1e-6)
