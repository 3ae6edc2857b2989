"""The U-Net family that the known networks belong to, computed from a table of their tensors.

Two ways to run one: `frozen`, with every normalisation folded into its convolution, for tiles;
and `live`, which takes group statistics from the very pixels it is given.
"""

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it

from glview.models import heap
from glview.models.registry import ModelError

_EPS = 1e-5
_ROWS = 1 << 12  # pixels of one float32 sum: few enough to be exact and stay in the cache
_CACHED = 1 << 17  # numbers that stay in the cache from one operation to the next


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

    def moved(self, device):
        """The same network on another device."""
        return Network(self.layout, self._tensors, torch.device(device))

    @property
    def needs_statistics(self):
        """True if the normalisation depends on the image."""
        return self.layout.norm == "group"

    def frozen(self, statistics=None, dtype=torch.float32):
        """The network with fixed normalisation: (N, 1, H, W) float32 -> confidence, same shape; or,
        called with a box (y0, x0, y1, x1) as well, that of the box, at less cost.

        statistics: from `live`; not needed where the weights store them.  dtype: of the sums; of
        half precision the last layer's result is made float32 before the sigmoid.
        """
        pairs = {key: [_placed(one, self.device).to(dtype) for one in pair]
                 for key, pair in self.folded(statistics).items()}
        folded = [pairs[conv] for conv, _, _, _ in self.layout.convolutions()]

        def convolve(xs, index):
            return [F.relu_(F.conv2d(x, *folded[index], padding=1)) for x in xs]

        return lambda x, box=None: self._run([x.to(dtype)], convolve, pairs, box)[0]

    def live(self, xs, poll=lambda fraction: None, dtype=torch.float32, wanted=True):
        """(confidences, statistics) with the group statistics pooled over all of xs.

        xs: list of (N, 1, H, W) float32, one after the other so that their layers never lie in
        memory together.  poll(fraction) is called before each convolution.  dtype: of the sums,
        float32 or bfloat16: others overflow before the normalisation.  wanted: False for the
        statistics alone, with no confidences, at less cost.
        """
        rows = list(self.layout.convolutions())
        statistics = []
        keys = [*self._plain(), *(conv for conv, _, _, _ in rows)]
        pairs = {key: [one.to(dtype) for one in self._pair(key)] for key in keys}

        def summed(x, index):
            return F.conv2d(x, *pairs[rows[index][0]], padding=1)  # (N, C, H, W)

        def normalised(x, index):
            scale, shift = self._affine(rows[index][1], *statistics[index])
            shift, scale = shift.to(dtype)[:, None, None], scale.to(dtype)[:, None, None]
            for part in x.split(max(1, _CACHED // (x.shape[1] * x.shape[3])), 2):
                F.relu_(torch.addcmul(shift, part, scale, out=part))
            return x

        def convolve(xs, index):
            poll(index / len(rows))
            if index == len(rows) - 2:
                heap.trim()  # the two largest layers fit into no gap that others left
            sums = (summed(x, index) for x in xs)
            if index < len(rows) - 1 or wanted:
                sums = list(sums)
            statistics.append(_group_moments(sums, self.layout.groups))
            return [normalised(x, index) for x in sums]

        def again(x):
            return normalised(summed(normalised(summed(x, 0), 0), 1), 1)

        return self._run([x.to(dtype) for x in xs], convolve, pairs, again=again), statistics

    def _run(self, xs, convolve, pairs, box=None, again=None):
        """The U: `convolve(xs, i)` is the i-th convolution with normalisation and ReLU.

        It takes its inputs one by one from what may be a generator, and returns a list.
        box: what is asked for of each; on the way up all else is cut away.  again: makes the first
        block's result, the largest of all, once more, so that it need not be kept meanwhile.
        """
        xs = [x.contiguous(memory_format=torch.channels_last) for x in xs]  # (N, 1, H, W) each
        depth = len(self.layout.ups)
        needed = None if box is None else _needed(box, xs[0].shape[2:], depth)
        skips, inputs, corner = [], xs.copy(), (0, 0)
        for level in range(depth + 1):
            xs = convolve(_spent(convolve(_spent(xs), 2 * level)), 2 * level + 1)
            if level < depth:
                made_again = again is not None and level == 0
                skips.append(map(again, inputs) if made_again else _spent(xs))
                xs = [_halved(x) for x in (_spent(xs) if made_again else xs)]
        for step, (key, _, _) in enumerate(self.layout.ups):
            index, skip = 2 * (depth + 1 + step), skips.pop()
            if box is not None:
                one = needed[depth - step]
                xs = [_cut(x, one, corner) for x in xs]
                corner = 2 * one[0], 2 * one[1]
                skip = (_cut(x, [2 * edge for edge in one]) for x in skip)
            joined = _joined(skip, xs, pairs[key])
            xs = convolve(_spent(convolve(joined, index)), index + 1)
        if box is not None:
            xs = [_cut(x, box, corner) for x in xs]
        head = pairs[self.layout.head[0]]
        return [torch.sigmoid(F.conv2d(x, *head).float()) for x in xs]

    def _plain(self):
        """Keys of what is not normalised."""
        return [*(key for key, _, _ in self.layout.ups), self.layout.head[0]]

    def folded(self, statistics=None):
        """Key -> (weight, bias), float32 or float64, of layers that do their own normalisation."""
        pairs = {key: self._pair(key) for key in self._plain()}
        for index, (conv, norm, _, _) in enumerate(self.layout.convolutions()):
            weight, bias = (one.double() for one in self._pair(conv))
            if self.layout.norm != "none":
                moments = statistics[index] if statistics else self._stored(norm)
                scale, shift = self._affine(norm, *moments)
                weight, bias = weight * scale[:, None, None, None], bias * scale + shift
            pairs[conv] = weight, bias
        return pairs

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

    Asking for it in the input alone does not do: with one channel the two orders are the same.  So
    they are in the first kernel, which is why it is copied: `contiguous` would leave its strides.
    """
    tensor = tensor.float().to(device)
    if tensor.ndim == 4:
        return torch.empty_like(tensor, memory_format=torch.channels_last).copy_(tensor)
    return tensor


def _needed(box, shape, depth):
    """The boxes of each level that what is asked for of the first one comes from on the way up.

    Two 3x3 convolutions see two pixels more on every side; a level's pixel is made of half as many
    of the one below.  The image's edge stays one: its zeros are part of the result.
    """
    boxes, margin = [tuple(box)], 0
    for level in range(1, depth + 1):
        margin, side = (margin + 3) // 2, 1 << level
        low = [max(0, edge // side - margin) for edge in box[:2]]
        high = [min(length // side, -(-edge // side) + margin)
                for edge, length in zip(box[2:], shape, strict=True)]
        boxes.append((*low, *high))
    return boxes


def _cut(x, box, corner=(0, 0)):
    """A box (y0, x0, y1, x1) of an (N, C, H, W) tensor whose first pixel is `corner`."""
    (y0, x0, y1, x1), (top, left) = box, corner
    return x[:, :, y0 - top : y1 - top, x0 - left : x1 - left]


def _spent(xs):
    """Each of a list's tensors, of which none is kept."""
    while xs:
        yield xs.pop(0)


def _halved(x):
    """The maxima of 2 x 2 pixels of an (N, C, H, W) tensor, of whose last row or column one is left
    out where there is no second: (N, C, H // 2, W // 2).

    With channels last it takes less time than torch's pooling, in bfloat16 less than half.
    """
    height, width = (side // 2 * 2 for side in x.shape[2:])
    x = x[:, :, :height, :width]
    tall = torch.maximum(x[:, :, ::2], x[:, :, 1::2])
    return torch.maximum(tall[..., ::2], tall[..., 1::2])


def _joined(skips, xs, pair):
    """Each skip with what comes from below it, twice enlarged: 256 bytes a pixel, so one by one."""
    for skip in skips:
        yield torch.cat([skip, F.conv_transpose2d(xs.pop(0), *pair, stride=2)], 1)


def _group_moments(xs, groups):
    """Mean and population variance of each group of channels over all pixels of all xs.

    xs: (N, C, H, W) each, perhaps of a generator.  Returns two (C,) float64, equal inside a group.
    Sums of sums are float64, because float32 sums over a frame lose the fourth digit.
    """
    total, count = 0.0, 0
    for x in xs:
        channels = x.shape[1]
        for rows in x.permute(0, 2, 3, 1).reshape(-1, channels).split(_ROWS):
            rows = rows.float()
            total += torch.stack([rows.sum(0), rows.square().sum(0)]).double()
            count += len(rows)
    total /= count
    width = channels // groups
    mean, square = total.reshape(2, groups, width).mean(2)
    variance = (square - mean * mean).clamp_(min=0.0)
    return mean.repeat_interleave(width), variance.repeat_interleave(width)


def one_pass(network, pixels):
    """Confidence of an (H, W) float32 array in one pass with live normalisation: (H, W) float32."""
    x = torch.from_numpy(pixels).to(network.device)[None, None]  # (1, 1, H, W)
    confidence = network.live([x])[0][0] if network.needs_statistics else network.frozen()(x)
    return confidence[0, 0].cpu().numpy()
