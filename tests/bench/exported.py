"""The network that comes with glview as ONNX, described by a .toml as a user's own would be."""

import json

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from glview.models.weights import load_part

OPSET = 17
IR = 10  # of the file; a newer one is refused by older releases of onnxruntime


def export(name, folder):
    """Write a model's network and its .toml; returns the .toml's path.

    name: of a model that needs no statistics of the frame, for they would be another frame's.
    """
    part = load_part(name, torch.device("cpu"))
    path = folder / f"{name}.onnx"
    onnx.save(_model(part.network), path)
    recipe = part.recipe
    said = {"architecture": "onnx", "name": f"{name} as ONNX", "weights": path.name,
            "units": part.info.units, "sky": recipe.sky, "halo": recipe.halo,
            "stride": recipe.stride, "threshold": part.info.threshold}
    toml = path.with_suffix(".toml")
    toml.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items()))
    return toml


def _model(network):
    """The U, its normalisation folded into the convolutions: (N, 1, H, W) float32 -> the same."""
    assert not network.needs_statistics
    layout, pairs = network.layout, network.folded()
    depth = len(layout.ups)
    convolutions = [key for key, _, _, _ in layout.convolutions()]
    nodes, skips, x = [], [], "pixels"

    def node(kind, *inputs, **how):
        nodes.append(helper.make_node(kind, list(inputs), [f"n{len(nodes)}"], **how))
        return nodes[-1].output[0]

    def weighted(kind, x, key, **how):
        return node(kind, x, f"{key}.weight", f"{key}.bias", **how)

    for level, keys in enumerate(zip(convolutions[::2], convolutions[1::2], strict=True)):
        if level > depth:
            up = weighted("ConvTranspose", x, layout.ups[level - depth - 1][0], strides=[2, 2])
            x = node("Concat", skips.pop(), up, axis=1)
        elif level:
            skips.append(x)
            x = node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        for key in keys:
            x = node("Relu", weighted("Conv", x, key, pads=[1, 1, 1, 1]))
    node("Sigmoid", weighted("Conv", x, layout.head[0]))
    return _file(nodes, pairs)


def _file(nodes, pairs):
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, "height", "width"])
             for name in ("pixels", nodes[-1].output[0])]
    values = [numpy_helper.from_array(tensor.numpy().astype(np.float32), f"{key}.{part}")
              for key, pair in pairs.items() for part, tensor in zip(("weight", "bias"), pair,
                                                                     strict=True)]
    graph = helper.make_graph(nodes, "network", sides[:1], sides[1:], values)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
