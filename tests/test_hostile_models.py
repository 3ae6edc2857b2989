"""Files that are given as models and are none: one ModelError, no code run, no memory taken."""

import io
import os
import pickle
import struct
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from peak import Peak
from safetensors.torch import load_file, save, save_file

from glview.models import MODELS, ModelError, init_model, lookup, modelfile
from glview.models.registry import weights_path

SHIPPED = weights_path(MODELS["ACS-WFC"])
FOREIGN = 'weights = "w.pt"\nunits = "counts"\nsky = "keep"\nhalo = 0\nstride = 1\n'
SCRIPT = f'architecture = "torchscript"\n{FOREIGN}'
LACOSMIC = 'architecture = "lacosmic"\n[lacosmic]\n'
MOST_TAKEN = 400 << 20  # bytes that a refusal may cost


@pytest.fixture(autouse=True)
def costs():
    """No refusal takes long, or much memory."""
    began, peak = time.monotonic(), Peak()
    yield
    assert peak.grown < MOST_TAKEN and time.monotonic() - began < 30


class Trap:
    """What unpickling it would leave behind."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def refused(path, words=r"\w+"):
    with pytest.raises(ModelError, match=words) as caught:
        init_model(str(path), "cpu")
    assert "\n" not in str(caught.value)


def safetensors(header, data=b"", claimed=None):
    length = struct.pack("<Q", len(header) if claimed is None else claimed)
    return length + header.encode() + data


def one(shape, end):
    return f'{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{end}]}}}}'


SAFETENSORS = {
    "header longer than the file": safetensors("{}", claimed=1 << 62),
    "header of 99 MB": safetensors("", bytes(2000), claimed=99_000_000),
    "4 TB claimed": safetensors(one([1 << 40], 1 << 42)),
    "sizes that overflow": safetensors(one([1 << 32, 1 << 32, 4], 0)),
    "a hole": safetensors(one([2], 8), bytes(16)),
    "nested": safetensors("[" * 50_000),
    "another type": safetensors(one([2], 8).replace("F32", "F99"), bytes(8)),
    "negative": safetensors(one([-2], 8), bytes(8)),
    "pickled": pickle.dumps([1]),
    "empty": b"",
}


@pytest.mark.parametrize("name", SAFETENSORS)
def test_safetensors_that_lie(tmp_path, name):
    (tmp_path / "w.safetensors").write_bytes(SAFETENSORS[name])
    refused(tmp_path / "w.safetensors", "truncated or holds more")


def test_weights_cut_off_anywhere_or_with_any_bit_flipped_are_weights_or_refused(tmp_path):
    rng, whole = np.random.default_rng(0), SHIPPED.read_bytes()
    path = tmp_path / "w.safetensors"
    for length in [*range(0, 3000, 211), *rng.integers(3000, len(whole), 10)]:
        path.write_bytes(whole[:length])
        refused(path)
    for _ in range(30):
        broken = bytearray(whole)
        broken[int(rng.integers(0, 4000))] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(broken)
        try:
            init_model(str(path), "cpu")
        except ModelError:
            pass


def zipped(path, members, kind=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", kind) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


@pytest.mark.parametrize("suffix", ["pth", "pt", "tar"])
def test_a_pickle_that_would_run_code_runs_none(tmp_path, suffix):
    trap = Trap(tmp_path / "sprung")
    path = tmp_path / f"w.{suffix}"
    for protocol in (0, 2, 4):
        path.write_bytes(pickle.dumps(trap, protocol))
        refused(path, "holds more than plain tensors")
        pickled = pickle.dumps({"state_dict": trap}, protocol)
        refused(zipped(path, {"archive/data.pkl": pickled, "archive/version": "3"}), "holds more")
        (tmp_path / "my.toml").write_text(SCRIPT)
        members = {"a/data.pkl": pickled, "a/constants.pkl": pickled, "a/version": "3"}
        zipped(tmp_path / "w.pt", members)
        refused(tmp_path / "my.toml", "no TorchScript module")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("shape", [(1 << 40,), (1 << 20, 1 << 10)], ids=["4 TB", "4 GB"])
@pytest.mark.parametrize("name", ["x.weight_v", "module.outc.conv.weight"])
def test_a_tensor_that_is_larger_than_its_data_is_refused(tmp_path, shape, name):
    tensors = load_file(SHIPPED) | {name: torch.zeros(1).expand(shape)}
    tensors["x.weight_g"] = torch.zeros(1).expand((shape[0], 1))
    torch.save(tensors, tmp_path / "w.pth")
    assert (tmp_path / "w.pth").stat().st_size < 4 << 20
    refused(tmp_path / "w.pth", "larger than its data")


@pytest.mark.parametrize("make", [
    lambda one: one.to("meta"), lambda one: one.to_sparse(), lambda one: one.to(torch.complex64),
    lambda one: one.int(),
], ids=["meta", "sparse", "complex", "integers"])
def test_tensors_that_are_no_plain_numbers_are_refused(tmp_path, make):
    tensors = load_file(SHIPPED)
    key = "module.outc.conv.weight"
    torch.save(tensors | {key: make(tensors[key])}, tmp_path / "w.pth")
    refused(tmp_path / "w.pth")


def test_an_archive_that_unpacks_to_gigabytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(modelfile, "MOST_BYTES", 16 << 20)
    torch.save({"a": torch.zeros(8 << 20)}, tmp_path / "large.pth")
    with zipfile.ZipFile(tmp_path / "large.pth") as file:
        members = {name: file.read(name) for name in file.namelist()}
    path = zipped(tmp_path / "w.pth", members, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 20
    refused(path, "more than .* GiB")
    refused(tmp_path / "large.pth", "more than .* GiB")
    (tmp_path / "my.toml").write_text(SCRIPT.replace("w.pt", "w.pth"))
    refused(tmp_path / "my.toml", "more than .* GiB")


def test_a_sparse_file_of_50_gigabytes_is_refused_at_once(tmp_path):
    with open(tmp_path / "w.safetensors", "wb") as file:
        file.write(safetensors(one([(50 << 30) // 4], 50 << 30)))
        file.truncate(file.tell() + (50 << 30))
    refused(tmp_path / "w.safetensors", "more than 4 GiB")


def test_an_old_torch_file_that_claims_too_much_is_refused(tmp_path):
    kept = io.BytesIO()
    torch.save({"a": torch.zeros(64)}, kept, _use_new_zipfile_serialization=False)
    claimed = kept.getvalue().replace(b"K@", b"\x8a\x05\x00\x00\x00\x00\x02")
    assert claimed != kept.getvalue()
    (tmp_path / "w.pth").write_bytes(claimed)
    refused(tmp_path / "w.pth", "truncated")


@pytest.mark.parametrize("suffix", ["pth", "safetensors", "toml"])
def test_what_is_no_file_is_refused_without_waiting(tmp_path, suffix):
    pipe, device, loop = (tmp_path / f"{name}.{suffix}" for name in ("pipe", "device", "loop"))
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    loop.symlink_to(loop)
    (tmp_path / f"folder.{suffix}").mkdir()
    for path in (pipe, device, tmp_path / f"folder.{suffix}"):
        refused(path, "cannot read .* a folder, a pipe or a device")
    refused(loop, "cannot read .*: Too many levels")
    for name in (pipe.name, device.name, "folder.pth", "."):
        (tmp_path / "my.toml").write_text(SCRIPT.replace("w.pt", name))
        refused(tmp_path / "my.toml", "cannot read the weights")


TOML = {
    "nested arrays": ("a=" + "[" * 9000, "no TOML"),
    "nested tables": ("[lacosmic]\na=" + "{a=" * 5000, "no TOML"),
    "a name of 40,000 parts": ("a" + ".a" * 40_000 + "=1", "longer than 32 KiB"),
    "20 megabytes": (f'name="{"x" * 20_000_000}"', "longer than 32 KiB"),
    "a number of 5000 digits": ("tile=" + "9" * 5000, "no TOML"),
    "a number of 400 digits": (f"{SCRIPT}scale=1{'0' * 400}", "scale must be"),
    "a scale of infinity": (f"{SCRIPT}scale=inf", "scale must be"),
    "a tile of 400 digits": (f"{SCRIPT}tile=1{'0' * 400}", "tile must be"),
    "a zero byte in a name": (SCRIPT.replace("w.pt", "w\\u0000.pt"), "cannot read the weights"),
    "somebody's home": (SCRIPT.replace("w.pt", "~no-such-user/w.pt"), "cannot read the weights"),
    "a date": ("architecture=1979-05-27", "architecture must be"),
    "a table twice": ("[[unet]]\na=1\n[[unet]]", "unet must be a table"),
    "gain not a number": (f"{LACOSMIC}gain=nan", "gain must be"),
    "sigclip infinite": (f"{LACOSMIC}sigclip=inf", "sigclip must be"),
    "niter without end": (f"{LACOSMIC}niter=1{'0' * 30}", "niter must be"),
}


@pytest.mark.parametrize("name", TOML)
def test_toml_that_is_meant_badly(tmp_path, name):
    text, words = TOML[name]
    (tmp_path / "my.toml").write_text(text)
    for use in (lookup, init_model):
        with pytest.raises(ModelError, match=words) as caught:
            use(str(tmp_path / "my.toml"))
        assert len(str(caught.value)) < 1000


def test_a_network_too_deep_for_any_picture_is_refused(tmp_path):
    blocks = [["d0", 1, 1], *([f"d{i}", 1, 1] for i in range(1, 41)),
              *([f"u{i}", 2, 1] for i in range(40))]
    ups = [[f"t{i}", 1, 1] for i in range(40)]
    save_file({"a": torch.zeros(1)}, tmp_path / "w.safetensors")
    (tmp_path / "my.toml").write_text(
        'architecture = "unet"\nweights = "w.safetensors"\nunits = "counts"\nsky = "keep"\n'
        f'[unet]\nblocks = {blocks}\nups = {ups}\nhead = ["h", 1]\nnorm = "none"\n')
    refused(tmp_path / "my.toml", "at most 8 ups")


def test_onnx_and_torchscript_files_cut_off_or_random(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that TorchScript may go one day
        torch.jit.save(torch.jit.script(torch.nn.Identity()), tmp_path / "t.pt")
    whole, rng = (tmp_path / "t.pt").read_bytes(), np.random.default_rng(1)
    (tmp_path / "my.toml").write_text(SCRIPT)
    for data in (b"", whole[:100], whole[: len(whole) // 2], whole[:-1], rng.bytes(5000),
                 save({"a": torch.zeros(3)})):
        (tmp_path / "w.pt").write_bytes(data)
        refused(tmp_path / "my.toml", "w.pt is no TorchScript module")
    pytest.importorskip("onnxruntime")
    (tmp_path / "my.toml").write_text(SCRIPT.replace("torchscript", "onnx"))
    for data in (b"", whole, rng.bytes(5000), b"\x08\x08" + rng.bytes(300), b"\x08\x08"):
        (tmp_path / "w.pt").write_bytes(data)
        refused(tmp_path / "my.toml", "w.pt")


def test_the_trap_of_these_tests_works(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))
    assert (tmp_path / "sprung").is_dir() and Path(SHIPPED).is_file()
