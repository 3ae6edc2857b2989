"""Reading weights: by name from where they are installed, or from any file of a known network."""

import hashlib
from importlib import import_module
from pathlib import Path

import torch
from safetensors.torch import load_file

from glview.models.registry import INSTALL, MODELS, ModelError, ModelInfo, lookup, weights_path
from glview.models.unet import check_tensors

_SUFFIXES = (".pth", ".pt", ".tar", ".safetensors")


def read_weights(name):
    """(row, recipe, tensors, sha256) of a model's name or of a file's path.

    Raises ModelError: an unknown name, weights that are not installed, other than tested, broken,
    or of a network that glview does not know.
    """
    if str(name).lower().endswith(_SUFFIXES):
        return _from_path(Path(name).expanduser())
    info = lookup(str(name))
    path = weights_path(info)
    if path is None:
        raise ModelError(f"the weights of {info.name} are not installed; do: {INSTALL}")
    digest = _digest(path)
    if digest != info.sha256:
        raise ModelError(
            f"{path} is not the file of {info.name} that glview knows (its sha256 is"
            f" {digest[:12]}, not {info.sha256[:12]}); install the package again, or give the"
            " path itself to use it all the same"
        )
    recipe = import_module(info.module).RECIPES[info.recipe]
    tensors = load_tensors(path)
    check_tensors(recipe.layout, tensors)
    return info, recipe, tensors, digest


def load_tensors(path):
    """Name -> tensor from a .safetensors or torch file; nothing but tensors is ever unpickled."""
    try:
        if path.suffix.lower() == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"cannot read the weights {path}: {error.strerror or error}") from error
    except Exception as error:  # torch's unpickler meets garbage with an error of any kind
        broken = f"{path} is truncated or holds more than plain tensors; get the file again"
        raise ModelError(broken) from error
    return _state(loaded, path)


def _state(loaded, path):
    """The mapping that holds tensors: the file's own, or the one inside a training checkpoint."""
    candidates = [loaded, *loaded.values()] if isinstance(loaded, dict) else []
    for found in candidates:
        if isinstance(found, dict) and any(isinstance(v, torch.Tensor) for v in found.values()):
            return found
    raise ModelError(f"{path} holds no tensors by name; a model's state dict is needed")


def _digest(path):
    """sha256 of a file in hexadecimal."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"cannot read the weights {path}: {error.strerror or error}") from error


def _from_path(path):
    """The first known network whose tensors the file holds."""
    digest = _digest(path)
    tensors = load_tensors(path)
    rows = {(row.module, row.recipe): row for row in MODELS.values()}
    reasons = []
    for module, recipe_name in rows:
        recipe = import_module(module).RECIPES[recipe_name]
        if recipe.layout.norm == "group" and any("running_mean" in name for name in tensors):
            continue  # it has every tensor of the group network, and more
        try:
            check_tensors(recipe.layout, tensors)
        except ModelError as error:
            reasons.append(str(error))
            continue
        return _own_row(path, rows[module, recipe_name], digest), recipe, tensors, digest
    raise ModelError(f"{path} is of no network that glview knows ({reasons[0]})")


def _own_row(path, like, digest):
    return ModelInfo(
        name=path.name,
        title=path.name,
        module=like.module,
        recipe=like.recipe,
        package="",
        weights=str(path),
        sha256=digest,
        units=like.units,
        threshold=like.threshold,
        licence="the file's own",
        citation="",
        sentence=f"your own weights for the network of {like.title}",
    )
