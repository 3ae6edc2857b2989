"""From a model's name, or the path of a file, to its network."""

from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from glview.models.engines import LaCosmic, Onnx, TorchScript
from glview.models.modelfile import digest_of
from glview.models.own import read_own
from glview.models.recipe import LACOSMIC_RECIPE, Recipe
from glview.models.registry import INSTALL, MODELS, ModelError, ModelInfo, lookup, weights_path
from glview.models.unet import Network, check_tensors

_SUFFIXES = (".pth", ".pt", ".tar", ".safetensors")


@dataclass(frozen=True)
class Part:
    """One network that is ready: network is a `unet.Network` or one of `engines`."""

    info: ModelInfo
    recipe: Recipe
    network: Any
    sha256: str


def load_part(name, device):
    """The Part of a model's name or of a file's path, on a torch.device.

    Raises ModelError: an unknown name, weights that are not installed, other than tested, broken,
    or of a network that glview does not know; no room for them.
    """
    if name.lower().endswith(_SUFFIXES):
        return _from_path(Path(name).expanduser(), device)
    if name.lower().endswith(".toml"):
        return _from_own(read_own(name), device)
    info = lookup(name)
    if not info.module:
        return Part(info, LACOSMIC_RECIPE, LaCosmic(), "")
    path = weights_path(info)
    if path is None:
        raise ModelError(f"the weights of {info.name} are not installed; do: {INSTALL}")
    digest = digest_of(path)
    if digest != info.sha256:
        raise ModelError(
            f"{path} is not the file of {info.name} that glview knows (its sha256 is"
            f" {digest[:12]}, not {info.sha256[:12]}); install the package again, or give the"
            " path itself to use it all the same"
        )
    recipe = import_module(info.module).RECIPES[info.recipe]
    return Part(info, recipe, _network(recipe.layout, load_tensors(path), device), digest)


def _network(layout, tensors, device):
    check_tensors(layout, tensors)
    try:
        return Network(layout, tensors, device)
    except (RuntimeError, MemoryError) as error:
        raise ModelError(f"{device} has no room for the network; use cpu") from error


def _from_own(own, device):
    if own.kind == "lacosmic":
        network = LaCosmic(own.settings)
    elif own.kind == "onnx":
        network = Onnx(own.weights, own.logits)
    elif own.kind == "torchscript":
        network = TorchScript(own.weights, device, own.logits)
    else:
        network = _network(own.recipe.layout, load_tensors(own.weights), device)
    return Part(own.info, own.recipe, network, own.info.sha256)


def load_tensors(path):
    """Name -> tensor from a .safetensors or torch file; nothing but tensors is ever unpickled."""
    try:
        if path.suffix.lower() == ".safetensors":
            loaded = load_file(path)
        else:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"cannot read the weights {path}: {error.strerror or error}") from error
    except Exception as error:  # torch's unpickler meets garbage with an error of any kind
        broken = f"{path} is truncated or holds more than plain tensors; get the file again"
        raise ModelError(broken) from error
    tensors = _state(loaded, path)
    _check_plain(tensors, path)
    return _multiplied(tensors)


def _state(loaded, path):
    """The mapping that holds tensors: the file's own, or the one inside a training checkpoint."""
    candidates = [loaded, *loaded.values()] if isinstance(loaded, dict) else []
    for found in candidates:
        if isinstance(found, dict) and any(isinstance(v, torch.Tensor) for v in found.values()):
            return found
    raise ModelError(f"{path} holds no tensors by name; a model's state dict is needed")


def _check_plain(tensors, path):
    """Raise ModelError for a tensor whose numbers are not all there, such as one that says its one
    number a billion times: what is done with it would take that memory."""
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            continue
        if tensor.layout is not torch.strided or tensor.device.type != "cpu":
            raise ModelError(f"{path} holds {name} in a form that is not plain numbers")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise ModelError(f"{path} holds {name}, which claims to be larger than its data")


def _multiplied(tensors):
    """The same with each weight-normalised kernel, `weight_g` and `weight_v`, as its `weight`."""
    plain = {}
    for name, tensor in tensors.items():
        size = tensors.get(f"{name[:-2]}_g") if str(name).endswith(".weight_v") else None
        if size is None:
            plain[name] = tensor
            continue
        try:
            length = tensor.double().flatten(1).norm(dim=1).reshape(size.shape)
        except (AttributeError, RuntimeError, IndexError) as error:
            raise ModelError(f"{name[:-2]}_g and {name} do not fit each other") from error
        plain[name[:-2]] = tensor.double() * (size.double() / length)
    return plain


def _from_path(path, device):
    """The first known network whose tensors the file holds."""
    digest = digest_of(path)
    tensors = load_tensors(path)
    rows = {(row.module, row.recipe): row for row in reversed(MODELS.values()) if row.module}
    reasons = []
    for (module, recipe_name), row in reversed(rows.items()):
        recipe = import_module(module).RECIPES[recipe_name]
        if recipe.layout.norm == "group" and any("running_mean" in name for name in tensors):
            continue  # it has every tensor of the group network, and more
        try:
            network = _network(recipe.layout, tensors, device)
        except ModelError as error:
            reasons.append(str(error))
            continue
        return Part(_own_row(path, row, digest), recipe, network, digest)
    raise ModelError(f"{path} (sha256 {digest[:12]}) is of no network that glview knows"
                     f" ({reasons[0]}); describe it in a .toml file")


def _own_row(path, like, digest):
    return replace(
        like,
        name=path.name,
        title=path.name,
        package="",
        weights=str(path),
        sha256=digest,
        licence="the file's own",
        citation="",
        sentence=f"your own weights for the network of {like.title}",
        aliases=(),
    )
