"""Tiles with a halo under one fixed normalisation: no seams, no uncovered border, any size."""

import numpy as np
import torch

from glview.models.frame import sky
from glview.models.tiling import Pending, failure, is_memory

WHOLE = 1 << 20  # pixels up to which the group statistics are those of the whole frame
_SAMPLE = 256  # smaller samples are biased by the zeros that convolutions see past their edge
_SAMPLES = 16
_SMALLEST = 64  # tiles are not halved below this
_LIVE_COST = 1.6  # of a pixel in the statistics pass, in pixels of the folded network


def seamless(task):
    """Run the task; returns the number of bad pixels.

    Normalisation by group takes its statistics from the whole frame up to WHOLE pixels (and
    unless a tile size is asked for, that pass is the result), from evenly spaced samples above.
    """
    level = sky(task.frame)
    if not task.network.needs_statistics:
        return _tiles(task, task.network.frozen(), level, 0.0)
    height, width = task.frame.shape
    if height * width > WHOLE:
        chosen = samples(task.frame.shape)
    elif task.tile:
        chosen = [(0, 0, height, width)]
    else:
        return _one_pass(task, level)
    live = _LIVE_COST * sum((y1 - y0) * (x1 - x0) for y0, x0, y1, x1 in chosen)
    share = live / (live + height * width)
    statistics = _live(task, chosen, level, share)[1]
    return _tiles(task, task.network.frozen(statistics), level, share)


def samples(shape):
    """At most 16 evenly spaced boxes of 256 pixels a side, or of the frame's where that is less."""
    height, width = shape
    across = max(1, min(4, width // _SAMPLE))
    down = max(1, min(_SAMPLES // across, height // _SAMPLE))
    across = max(1, min(_SAMPLES // down, width // _SAMPLE))
    ys = np.linspace(0, max(0, height - _SAMPLE), down).astype(int).tolist()
    xs = np.linspace(0, max(0, width - _SAMPLE), across).astype(int).tolist()
    tall, wide = min(_SAMPLE, height), min(_SAMPLE, width)
    return [(y, x, y + tall, x + wide) for y in ys for x in xs]


def _one_pass(task, level):
    """The statistics pass over the whole frame, whose confidence is the result."""
    height, width = task.frame.shape
    box = (0, 0, height, width)
    values = _live(task, [box], level, 1.0)[0][0, 0, :height, :width].cpu().numpy()
    count = task.put(box, values, task.frame.filled(box, level)[1])
    task.watch.at(1.0)
    return count


def _live(task, chosen, level, share):
    """(confidence, statistics) over boxes of one size; progress up to `share`.

    Where memory lacks, half of the boxes must do.
    """
    while True:
        try:
            x = torch.stack([_tensor(task, box, level)[0] for box in chosen])  # (N, 1, H, W)
            return task.network.live(x, lambda fraction: task.watch.at(share * fraction))
        except (RuntimeError, MemoryError) as error:
            if len(chosen) == 1 or not is_memory(error):
                advice = "close other programs, or give a tile size and the model ACS-WFC"
                raise failure(error, "the statistics of the frame", advice) from error
            chosen = chosen[::2]


def _tensor(task, box, level):
    """((1, h, w) float32 on the device, bad): a box without its sky, padded to the stride.

    A box on the stride's grid needs padding only where the frame ends; it is by reflection.
    """
    pixels, bad = task.frame.filled(box, level)
    if task.recipe.subtract_sky:
        pixels -= np.float32(level)
    stride = task.recipe.layout.stride
    pixels = np.pad(pixels, [(0, -size % stride) for size in pixels.shape], mode="reflect")
    return torch.from_numpy(pixels)[None].to(task.network.device), bad


def _tiles(task, network, level, share):
    """Run the folded network tile by tile, progress from `share`; returns the bad pixels.

    Where memory lacks, all tiles still to do are cut in four.
    """
    stride = task.recipe.layout.stride
    size = task.tile or (240 if task.network.device.type == "cpu" else 2048)
    pending = Pending(task.frame.shape, -(-size // stride) * stride, task.watch.gaze, task.known)
    area = task.frame.shape[0] * task.frame.shape[1]
    left, count = pending.area, 0
    while pending:
        task.watch.at(share + (1.0 - share) * (1.0 - left / area))
        box = pending.take()
        try:
            values, bad = _tile(task, network, box, level)
        except (RuntimeError, MemoryError) as error:
            if pending.size <= _SMALLEST or not is_memory(error):
                advice = "close other programs, or use a smaller frame"
                raise failure(error, f"a tile of {pending.size} pixels", advice) from error
            pending.cut(box, -(-pending.size // (2 * stride)) * stride)
            continue
        count += task.put(box, values, bad)
        left -= bad.size
    task.watch.at(1.0)
    return count


def _tile(task, network, box, level):
    """(confidence, bad) of one box: the network sees `halo` more pixels on every side."""
    y0, x0, y1, x1 = box
    halo = task.recipe.halo
    height, width = task.frame.shape
    top, left = max(0, y0 - halo), max(0, x0 - halo)
    seen = (top, left, min(y1 + halo, height), min(x1 + halo, width))
    x, bad = _tensor(task, seen, level)
    inner = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    return network(x[None])[0, 0][inner].cpu().numpy(), bad[inner]
