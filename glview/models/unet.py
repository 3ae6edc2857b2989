"""The U-Net family that the known networks belong to, computed from a table of their tensors.

Two ways to run one: `frozen`, with every normalisation folded into its convolution, for tiles;
and `live`, which takes group statistics from the very pixels it is given.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it

from glview.models.registry import ModelError

_EPS = 1e-5
_ROWS = 1 << 15  # pixels of one float64 partial sum, small enough for the processor's cache


def check_tensors(layout, tensors):
    """Raise ModelError unless every tensor is there, of the right shape, floating and finite."""
    for name, shape in layout.shapes().items():
        tensor = tensors.get(name)
        if not isinstance(tensor, torch.Tensor):
            raise ModelError(f"the weights lack {name}; they are of another network")
        if tuple(tensor.shape) != shape:
            raise ModelError(f"{name} has shape {tuple(tensor.shape)}, this network has {shape}")
        if not tensor.is_floating_point() or not torch.isfinite(tensor).all():
            raise ModelError(f"{name} holds numbers that are not finite; get the file again")


class Network:
    """A layout with its tensors on a device."""

    def __init__(self, layout, tensors, device):
        self.layout = layout
        self.device = device
        self._tensors = {name: _placed(tensors[name], device) for name in layout.shapes()}

    @property
    def needs_statistics(self):
        """True if the normalisation depends on the image."""
        return self.layout.norm == "group"

    def frozen(self, statistics=None):
        """The network with fixed normalisation: (N, 1, H, W) float32 -> confidence, same shape.

        statistics: from `live`; not needed where the weights store them.
        """
        if statistics is None:
            statistics = [self._stored(norm) for _, norm, _, _ in self.layout.convolutions()]
        folded = []
        for (conv, norm, _, _), (mean, variance) in zip(
            self.layout.convolutions(), statistics, strict=True
        ):
            scale, shift = self._affine(norm, mean, variance)
            weight = self._tensors[f"{conv}.weight"].double() * scale[:, None, None, None]
            bias = self._tensors[f"{conv}.bias"].double() * scale + shift
            folded.append((_placed(weight, self.device), bias.float()))

        def convolve(x, index):
            weight, bias = folded[index]
            return F.relu_(F.conv2d(x, weight, bias, padding=1))

        return lambda x: self._run(x, convolve)

    def live(self, x, poll=lambda fraction: None):
        """(confidence, statistics) with the group statistics pooled over all of x.

        x: (N, 1, H, W) float32.  poll(fraction) is called before each convolution.
        """
        rows = list(self.layout.convolutions())
        statistics = []

        def convolve(x, index):
            poll(index / len(rows))
            conv, norm, _, _ = rows[index]
            x = F.conv2d(x, *self._pair(conv), padding=1)  # (N, C, H, W)
            statistics.append(_group_moments(x, self.layout.groups))
            scale, shift = self._affine(norm, *statistics[-1])
            shift, scale = shift.float()[:, None, None], scale.float()[:, None, None]
            return F.relu_(torch.addcmul(shift, x, scale, out=x))

        return self._run(x, convolve), statistics

    def _run(self, x, convolve):
        """The U: `convolve(x, i)` is the i-th convolution with normalisation and ReLU."""
        x = x.contiguous(memory_format=torch.channels_last)  # (N, 1, H, W)
        depth = len(self.layout.ups)
        skips = []
        for level in range(depth + 1):
            x = convolve(convolve(x, 2 * level), 2 * level + 1)
            if level < depth:
                skips.append(x)
                x = F.max_pool2d(x, 2)
        for step, (key, _, _) in enumerate(self.layout.ups):
            up = F.conv_transpose2d(x, *self._pair(key), stride=2)
            x = torch.cat([skips.pop(), up], 1)
            del up  # at full resolution each of these is 128 bytes a pixel
            index = 2 * (depth + 1 + step)
            x = convolve(convolve(x, index), index + 1)
        return torch.sigmoid(F.conv2d(x, *self._pair(self.layout.head[0])))

    def _pair(self, key):
        return self._tensors[f"{key}.weight"], self._tensors[f"{key}.bias"]

    def _stored(self, norm):
        mean, variance = (self._tensors[f"{norm}.running_{part}"] for part in ("mean", "var"))
        return mean.double(), variance.double()

    def _affine(self, norm, mean, variance):
        """(scale, shift) float64 per channel, so that normalised = scale x + shift."""
        scale = self._tensors[f"{norm}.weight"].double() / torch.sqrt(variance + _EPS)
        return scale, self._tensors[f"{norm}.bias"].double() - scale * mean


def _placed(tensor, device):
    """float32 on the device; kernels with channels last, so that the convolutions' results are.

    Asking for it in the input alone does not do: with one channel the two orders are the same.
    """
    tensor = tensor.float().to(device)
    if tensor.ndim == 4:
        return tensor.contiguous(memory_format=torch.channels_last)
    return tensor


def _group_moments(x, groups):
    """Mean and population variance of each group of channels over batch and space.

    x: (N, C, H, W) float32.  Returns two (C,) float64, equal inside a group.
    Sums are float64, because float32 sums over a frame lose the fourth digit.
    """
    channels = x.shape[1]
    total = torch.zeros(2, channels, dtype=torch.float64, device=x.device)
    for rows in x.permute(0, 2, 3, 1).reshape(-1, channels).split(_ROWS):
        rows = rows.double()
        total[0] += rows.sum(0)
        total[1] += rows.square_().sum(0)
    total /= x.numel() // channels
    mean, square = total.reshape(2, groups, channels // groups).mean(2)
    width = channels // groups
    variance = (square - mean * mean).clamp_(min=0.0)
    return mean.repeat_interleave(width), variance.repeat_interleave(width)


def one_pass(network, pixels):
    """Confidence of an (H, W) float32 array in one pass with live normalisation: (H, W) float32."""
    x = torch.from_numpy(pixels).to(network.device)[None, None]  # (1, 1, H, W)
    confidence = network.live(x)[0] if network.needs_statistics else network.frozen()(x)
    return confidence[0, 0].cpu().numpy()
