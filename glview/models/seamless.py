"""Tiles with a halo under one fixed normalisation: no seams, no uncovered border, any size."""

import math

import numpy as np

from glview.models.frame import level_of
from glview.models.look import Look
from glview.models.tiling import Pending, failure, is_memory

_SMALLEST = 64  # tiles are not halved below this
_LIVE_COST = 1.6  # of a pixel in the statistics pass, in pixels of the folded network


def seamless(task):
    """Run the task; returns the number of bad pixels.

    Normalisation by group takes its statistics from the whole frame up to `look.WHOLE` pixels (and
    unless a tile size is asked for, that pass is the result), from evenly spaced samples above.
    """
    level = level_of(task.frame)
    looks = [Look(task, part, level) for part in task.parts]
    return _tiles(task, looks, _prepare(task, looks))


def _prepare(task, looks):
    """Let all of them take their statistics; returns the progress after that."""
    costs = [_LIVE_COST * sum((y1 - y0) * (x1 - x0) for y0, x0, y1, x1 in look.live)
             for look in looks]
    total = sum(costs) + math.prod(task.frame.shape) * len(looks)
    done = 0.0
    for look, cost in zip(looks, costs, strict=True):
        look.prepare(lambda part, at=done, more=cost: task.watch.at((at + part * more) / total))
        done += cost
    return done / total


def _tiles(task, looks, share):
    """Look tile by tile, progress from `share`; returns the bad pixels.

    Where memory lacks, all tiles still to do are cut in four; where they are small already, the
    processor takes over from a graphics card.
    """
    stride = _stride(task)
    size = -(-_side(task, looks) // stride) * stride
    corner, shape = _aligned(task.region, stride, task.frame.shape)
    pending = Pending(shape, size, task.watch.gaze, task.known, corner)
    area = math.prod(shape)
    left, count = pending.area, 0
    while pending:
        task.watch.at(share + (1.0 - share) * (1.0 - left / area))
        box = pending.take()
        try:
            values, bad = _together(task, [look(box) for look in looks])
        except (RuntimeError, MemoryError) as error:
            if not is_memory(error) or not _relieved(task, pending, box, looks):
                advice = "close other programs, or use a smaller frame"
                raise failure(error, f"a tile of {pending.size} pixels", advice) from error
            continue
        count += task.put(box, values, bad)
        left -= bad.size
    task.watch.at(1.0)
    return count


def _stride(task):
    return max(part.recipe.stride for part in task.parts)


def _aligned(region, stride, shape):
    """(corner, shape) of the region, made larger so that it begins and ends on the stride's grid:
    its pixels then come out as in a search of the whole frame."""
    if region is None:
        return (0, 0), shape
    low = [edge // stride * stride for edge in region[:2]]
    high = [min(-(-edge // stride) * stride, side)
            for edge, side in zip(region[2:], shape, strict=True)]
    return low, (high[0] - low[0], high[1] - low[1])


def _side(task, looks):
    """Of the tiles."""
    if task.tile:
        return task.tile
    if all(look.whole for look in looks):
        return max(task.frame.shape)
    if any(part.network.device.type != "cpu" for part in task.parts):
        return 2048
    return max(part.recipe.tile or 320 for part in task.parts)


def _relieved(task, pending, box, looks):
    """Put a box back that memory lacked for, in a way that needs less; False if there is none."""
    stride = _stride(task)
    if pending.size > _SMALLEST:
        pending.cut(box, -(-pending.size // (2 * stride)) * stride)
        task.note("memory was short: the tiles were made smaller")
        return True
    if not any([look.retreat() for look in looks]):
        return False
    pending.cut(box, pending.size)
    return True


def _together(task, results):
    """(confidence, bad) of all parts' (confidence, bad) of one box."""
    bad = results[0][1]
    if len(results) == 1:
        return results[0]
    values = [found for found, _ in results]
    if task.rule == "vote":
        values = [one > np.float32(part.info.threshold)
                  for one, part in zip(values, task.parts, strict=True)]
    return np.mean(values, axis=0, dtype=np.float32), bad
