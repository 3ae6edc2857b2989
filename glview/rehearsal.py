"""Every loop of the window once, on next to nothing: `python -m glview.rehearsal` compiles them.

Run in the window's own process it loads them, so that no frame waits for that.
"""

import os
import sys
import tempfile
import threading
from functools import partial
from pathlib import Path

import numpy as np

from glview import opening
from glview.core import clean, compiled, crew, cutout, flood, histogram, mask, plane, pyramid
from glview.core.candidates import Candidates
from glview.core.catalogue import Catalogue
from glview.core.counting import Counter
from glview.core.edits import Edits
from glview.core.image import from_array
from glview.core.mask import EDIT_ADD, EDIT_NONE, MaskSettings
from glview.core.plane import FLOOR, Plane
from glview.core.pools import Pools
from glview.core.tiles import Stamps

SHAPE = (70, 130)
BLOCK = 2880
WATCHED = "--watched"
TYPES = {">f4": -32, ">i2": 16}  # as FITS stores them, and its name for them


def picture():
    """Read files as they come from a telescope, and make them small."""
    for kind, code in TYPES.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rehearsal.fits"
            path.write_bytes(_fits(_values().astype(kind), code))
            image = opening.look_into(path).image
            levels = opening.pyramid_for(image)
            levels.scale = histogram.scale_for(0.0, 1.0)
            opening.reduce(image, levels)
            for level in (1, 3):
                pyramid.tile(image, levels, level, 0, 0)


def edits():
    """Tiles of a detection, strokes of a pencil, what the panes show of them."""
    plane.warm()
    drawn, found = Edits(SHAPE), Plane(SHAPE, np.float32, FLOOR)
    for values in np.eye(1, 3), np.eye(1), np.ones((3, 3)), _values():
        found.put(0, 0, values.astype(np.float32))
    for size, code in ((1, EDIT_ADD), (3, EDIT_ADD), (1, EDIT_NONE)):
        drawn.draw((3, 3), (40, 60), size, code)
    stamps = Stamps(SHAPE), drawn.stamps
    for confidence in (found, _values()):
        mask.mask_state(confidence, MaskSettings(0.5, 1), drawn.plane)
        for level in (1, 4):
            Pools(SHAPE).tile(confidence, MaskSettings(0.5, 1), drawn.plane, stamps, level, 0, 0)
        cutout.cutout(from_array(_values()), confidence, MaskSettings(), drawn.plane, (3, 3, 6, 6))


def objects():
    """Count objects, move the threshold, draw a stroke."""
    image, drawn, stamps = from_array(_values()), Edits(SHAPE), Stamps(SHAPE)
    for confidence in (_values(), _values().astype(">f4"),
                       Plane.from_array(_values(), FLOOR)):
        counter = Counter(image)
        for look in (MaskSettings(), MaskSettings(0.6, 1), MaskSettings(1.0)):
            drawn.draw((3, 3), (40, 60), 2, EDIT_ADD)
            counted = counter.count(counter.ask(confidence, look, drawn.plane,
                                                (stamps, drawn.stamps)))
            _ask(counted.catalogue)
        _grow(Candidates(confidence, image, 0.9), drawn)


def _ask(catalogue: Catalogue):
    catalogue.within((0, 0, 9, 9))
    catalogue.alike((0, 0, 9, 9))
    catalogue.top(3, "flux")
    catalogue.at(3, 3)


def _grow(candidates, drawn):
    candidates.objects(MaskSettings(0.95, 2), drawn.plane)
    candidates.objects(MaskSettings(0.5, 2), drawn.plane)
    candidates.update([(0, 0, 9, 9)])
    candidates.thin(candidates.count // 2)


def tools():
    """A click with the pick tool, histograms, the picture without its cosmic rays."""
    image, found = from_array(_values()), Plane.from_array(_values(), FLOOR)
    flood.connected(np.ones((3, 3), bool), (1, 1))
    for confidence in (_values(), found):
        histogram.of_confidence(confidence, histogram.edges_between(0.0, 1.0, 4))
    for shown in (image, from_array(_values().astype(np.float64))):
        clean.cleaned(shown, mask.FinalMask(found, MaskSettings()))[0:40, 0:40]


ACTS = {"picture": picture, "edits": edits, "objects": objects, "tools": tools}
LOOPS = {"picture": 41, "edits": 75, "objects": 78, "tools": 13}
"""About how many of them each act compiles, to tell how far it is."""


def _values():
    return np.random.default_rng(1).random(SHAPE, np.float32)


def _fits(values, code):
    """The bytes of a FITS file."""
    cards = {"SIMPLE": "T", "BITPIX": code, "NAXIS": 2, "NAXIS1": values.shape[1],
             "NAXIS2": values.shape[0]}
    head = "".join(f"{name:8s}= {value:>20}".ljust(80) for name, value in cards.items()) + "END"
    head = head.encode()
    return b"".join(part.ljust(-(-len(part) // BLOCK) * BLOCK, fill) for part, fill in
                    ((head, b" "), (values.tobytes(), b"\0")))


def main(watched):
    """Compile act after act, and say which is done and how far it is: "at" and a share of 1.

    watched: end when standard input does.
    """
    crew.step_back()
    if watched:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    before = 0
    for name, act in ACTS.items():
        with compiled.counting(partial(_say_how_far, before, LOOPS[name])):
            act()
        print(name, flush=True)
        before += LOOPS[name]
    compiled.keep()


def _say_how_far(before, most, count):
    print(f"at {(before + min(count, most)) / sum(LOOPS.values()):.3f}", flush=True)


def _end_with_parent():
    while os.read(0, 1):  # not by sys.stdin, which Python wants to lock at its end
        pass
    os._exit(1)


if __name__ == "__main__":
    main(WATCHED in sys.argv)
