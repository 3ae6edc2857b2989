"""The table of models, the choice of one, and reading weights."""

import hashlib
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from glview.models import MODELS, ModelError, choose, init_model, installed, lookup, registry
from glview.models.registry import weights_path

SHIPPED = weights_path(MODELS["ACS-WFC"])


def test_importing_the_package_loads_no_torch_and_no_foreign_package():
    code = (
        "import sys, glview.models, glview.models.remote\n"
        "glview.models.choose({'TELESCOP': 'HST'})\n"
        "print(*(n for n in ('torch', 'cosmic_conn', 'deepCR', 'astropy') if n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_using_every_model_never_imports_their_packages():
    for name in MODELS:
        init_model(name, device="cpu").detect_cr(np.ones((8, 8)))
    assert not {"cosmic_conn", "deepCR"} & set(sys.modules)


def test_every_row_is_complete_and_its_weights_are_the_tested_file():
    for name, row in MODELS.items():
        assert row.name == name and installed(name)
        assert row.units and row.sentence and row.citation and row.licence
        assert re.search("sky|frame's mean", row.units) and 0 < row.threshold < 1
        if not row.weights:
            assert row.sha256 == "" and row.package
            continue
        assert hashlib.sha256(weights_path(row).read_bytes()).hexdigest() == row.sha256


def test_the_shipped_weights_carry_their_notice():
    notice = (SHIPPED.parent / "NOTICE.md").read_text()
    for path in SHIPPED.parent.glob("*.safetensors"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in notice and path.name in notice
    assert "Copyright (c) 2019, UC Berkeley" in notice and "Redistribution and use" in notice


@pytest.mark.parametrize("name", ["acs-wfc", "deepCR", "deepcr_acs_wfc", "ACS-WFC"])
def test_a_model_has_aliases_in_any_case(name):
    assert lookup(name) is MODELS["ACS-WFC"]


@pytest.mark.parametrize(
    ("header", "name", "word"),
    [
        ({"ORIGIN": "LCOGT", "INSTRUME": "fa05", "TELESCOP": "1m0-08"}, "ground_imaging", "LCO"),
        ({"ORIGIN": "LCOGT", "INSTRUME": "nres01"}, "NRES", "NRES"),
        ({"TELESCOP": "HST", "INSTRUME": "ACS", "DETECTOR": "WFC"}, "ACS-WFC", "precision"),
        ({"TELESCOP": "HST     ", "INSTRUME": "STIS"}, "ACS-WFC", "STIS"),
        ({"TELESCOP": "HST", "INSTRUME": "WFC3", "DETECTOR": "UVIS"}, "WFC3-UVIS", "0.15"),
        ({"TELESCOP": "HST", "INSTRUME": "WFC3", "DETECTOR": "IR"}, "ACS-WFC", "STIS"),
        ({"TELESCOP": "Gemini-South", "INSTRUME": "GMOS-S"}, "ground_imaging", "Gemini"),
        ({"TELESCOP": "SAAO 1.0m", "INSTRUME": "STE3 CCD"}, "ground_imaging", "general"),
        ({}, "ground_imaging", "without instrument keywords"),
        ({"TELESCOP": 3.5, "INSTRUME": None}, "ground_imaging", "general"),
    ],
)
def test_the_header_chooses_the_model_and_says_why(header, name, word):
    chosen, why = choose(header)
    assert chosen == name
    assert word in why and MODELS[name].title in why


def test_without_the_other_package_the_shipped_model_is_chosen_and_tells_it(
    monkeypatch,
):
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    name, why = choose({"ORIGIN": "LCOGT", "INSTRUME": "fa05"})
    assert name == "ACS-WFC"
    assert 'pip install "glview[cosmic-conn]"' in why and "ground_imaging" in why
    assert init_model("auto").info.name == "ACS-WFC"
    with pytest.raises(ModelError, match="pip install"):
        init_model("NRES")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ModelError, match=r"ground_imaging, NRES, HST_ACS_WFC, ACS-WFC"):
        init_model("groundimaging")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tiling": "smooth"}, "seamless, full, cosmic-conn"),
        ({"device": "abacus"}, "device"),
        ({"device": "cuda:99"}, "device"),
        ({"crop": -5}, "crop"),
        ({"crop": 7}, "crop"),
        ({"tile": 1.5}, "tile"),
        ({"precision": "int8"}, "float32, bfloat16, float16"),
        ({"precision": "bfloat16", "tiling": "full"}, "float32 only"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(ModelError, match=words):
        init_model("ACS-WFC", **options)


def test_changed_weights_of_a_known_name_are_refused(monkeypatch, tmp_path):
    changed = tmp_path / "x.safetensors"
    changed.write_bytes(SHIPPED.read_bytes()[:-1] + b"\x01")
    monkeypatch.setattr("glview.models.weights.weights_path", lambda info: changed)
    with pytest.raises(ModelError, match="sha256"):
        init_model("ACS-WFC")


@pytest.mark.parametrize("name", [name for name, row in MODELS.items() if row.weights])
def test_weights_may_be_given_as_a_path(name):
    path = weights_path(MODELS[name])
    mine, theirs = init_model(str(path), device="cpu"), init_model(name, device="cpu")
    image = np.random.default_rng(1).normal(100, 10, (24, 20))
    assert np.array_equal(mine.detect_cr(image), theirs.detect_cr(image))
    assert mine.info.name == path.name
    assert mine.provenance["weights_sha256"] == MODELS[name].sha256


def test_a_training_checkpoint_is_opened(tmp_path):
    path = tmp_path / "run.tar"
    torch.save({"epoch": 3, "state_dict": load_file(SHIPPED)}, path)
    assert init_model(str(path)).parts[0].recipe.layout.norm == "batch"


class _Trap:
    """What unpickling it would leave behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def _spoil(tmp_path):
    """Broken files: (name, words of the error)."""
    tensors = load_file(SHIPPED)
    whole = weights_path(MODELS["NRES"]).read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "text.pth").write_text("these are no weights")
    (tmp_path / "cut.safetensors").write_bytes(SHIPPED.read_bytes()[:5000])
    (tmp_path / "trap.pth").write_bytes(pickle.dumps(_Trap(str(tmp_path / "sprung"))))
    torch.save([1, 2, 3], tmp_path / "list.pth")
    torch.save({"a": torch.ones(3)}, tmp_path / "other.pth")
    key = "module.outc.conv.weight"
    save_file(tensors | {key: torch.ones(1, 16, 1, 1)}, tmp_path / "shape.safetensors")
    save_file(tensors | {key: torch.full((1, 32, 1, 1), torch.nan)}, tmp_path / "nan.safetensors")
    (tmp_path / "folder.pth").mkdir()
    broken = {"cut.pth", "empty.pth", "text.pth", "cut.safetensors", "trap.pth"}
    return dict.fromkeys(broken, "truncated or holds more") | {
        "list.pth": "no tensors",
        "other.pth": "no network that glview knows",
        "shape.safetensors": "no network that glview knows",
        "nan.safetensors": "no network that glview knows",
        "folder.pth": "cannot read",
        "missing.pth": "cannot read",
    }


def test_broken_weights_are_refused_and_nothing_is_run(tmp_path):
    for name, words in _spoil(tmp_path).items():
        with pytest.raises(ModelError, match=words):
            init_model(str(tmp_path / name))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("collects", [True, False])
def test_the_collector_is_as_it_was_once_torch_is_imported(collects):
    code = ("import gc, glview.models\n"
            f"{'' if collects else 'gc.disable()'}\n"
            "seen = []\n"
            "gc.callbacks.append(lambda *_: seen.append(1))\n"
            "assert glview.models.engine().load_model\n"
            "print(len(seen), gc.isenabled())")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", str(collects)]
