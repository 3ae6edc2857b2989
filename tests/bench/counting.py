"""Objects of the final mask: `find_objects` against scipy's label and find_objects."""

import time
from dataclasses import replace

import numpy as np
from scipy import ndimage

from bench import report
from bench.programs import ProgramError
from glview import find_objects
from glview.core.image import from_array
from glview.core.mask import MaskSettings

SIZES = (4, 64)
EIGHT = np.ones((3, 3), bool)


def measure(frames, options):
    """One table; both sides start from the same confidence in memory."""
    repeats = 2 if options.quick else 5
    table = report.Table(
        "Objects of the final mask, seconds: median (range)",
        ("frame, dilation", "n", "objects", "glview", "scipy", "scipy / glview"))
    for size in SIZES:
        confidence = frames.confidence(size)
        for radius in (0, 2):
            settings = replace(MaskSettings(), dilation=radius)
            _row(table, f"{size} Mpx, {radius}", confidence, settings, repeats)
    table.notes += [
        "scipy: threshold, binary_dilation, label and find_objects, which gives boxes only;",
        "glview: the same mask, boxes, areas, centres, confidences, flux and peak.",
    ]
    return [table]


def _row(table, name, confidence, settings, repeats):
    image = from_array(np.maximum(confidence, 0.5), "bench")
    ours, theirs = [], []
    for number in range(repeats + 1):
        taken, found = _timed(lambda: find_objects(confidence, settings, image=image))
        peer, boxes = _timed(lambda: _by_scipy(confidence, settings))
        if len(found) != len(boxes):
            raise ProgramError(f"{name}: {len(found)} objects, scipy counts {len(boxes)}")
        if number:
            ours.append(taken)
            theirs.append(peer)
    table.add(name, repeats, len(found), *map(report.fine, (ours, theirs)),
              report.ratio(theirs, ours))


def _by_scipy(confidence, settings):
    mask = confidence > np.float32(settings.threshold)
    if settings.dilation:
        side = 2 * settings.dilation + 1
        mask = ndimage.binary_dilation(mask, np.ones((side, side), bool))
    labels, _ = ndimage.label(mask, EIGHT)
    return ndimage.find_objects(labels)


def _timed(work):
    began = time.perf_counter()
    made = work()
    return time.perf_counter() - began, made
