"""What an earlier run, or the person at the window, left of an image: is it what is asked for?"""

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glview.files import ReadError
from glview.files.beside import side_files
from glview.files.extensions import provenance_of
from glview.files.header import scan
from glview.files.load import belongs, is_fits, is_own, of_plane
from glview.files.source import open_source

DECIDING = ("model", "weights_sha256", "tiling", "crop", "sums")
MIXED = {"covered", "regions", "earlier"}
"""A part of the frame was searched, another part otherwise, or an earlier version of the image."""
BETWEEN = " | "  # two notes in a header
EVERY = 24  # bits of the confidence, float32
NOTHING, DONE, EDITED = "nothing", "done", "edited"
"""Nothing that stays; what is asked for; saved by a person, under other settings."""


@dataclass(frozen=True)
class _Saved:
    """One saved mask: the names of its extensions, its provenance; fresh: younger than the image;
    here: in the place that this run would write to; where: the file."""

    names: frozenset[str]
    origin: dict
    fresh: bool
    here: bool
    where: Path

    @property
    def edited(self):
        """Whether a person may have looked at it: only what a batch wrote is a batch's to replace.
        """
        return self.origin.get("unseen") is not True

    @property
    def bits(self):
        """Of the confidence that were kept."""
        step = self.origin.get("rounded")
        exact = not isinstance(step, float) or not 0 < step < 1
        return EVERY if exact or "CR_PROBABILITY" not in self.names else -math.frexp(step)[1] + 1


def standing(item, source, image, request, wanted):
    """(NOTHING, DONE or EDITED, what a Row tells of the mask that stands).

    source, image: the open file and the plane in question. wanted: () -> provenance that the
    result would have; asked only if there is something to compare it with.
    """
    saved = _in_side(item, source, image, request)
    if request.in_place or item.output in side_files(item.path):  # where the window looks
        saved += _in_file(item, source, image, request)
    for one in saved:
        asked = one.edited or (one.here and one.fresh and one.names >= set(request.keep))
        asked = asked and request.dq in (None, "plain", one.origin.get("dq"))
        asked = asked and one.bits >= (request.bits or EVERY)
        if asked and _same(one.origin, wanted(), "CR_MASK" in request.keep):
            return DONE, _figures(one)
    edited = [one for one in saved if one.edited]
    return (EDITED, _figures(edited[0])) if edited else (NOTHING, {})


def _figures(saved):
    known = {name: saved.origin.get(name) for name in ("threshold", "objects", "masked")}
    notes = damaged(saved.origin.get("damaged", 0))
    return known | {"output": os.fsdecode(saved.where), "warned": bool(notes),
                    "notes": notes + split(str(saved.origin.get("notes", "")))}


def damaged(parts):
    """The note on so many damaged parts of an image, in a tuple that is empty if there are none."""
    if not parts:
        return ()
    return ("1 damaged part counts as bad pixels" if parts == 1 else
            f"{parts} damaged parts count as bad pixels",)


def joined(notes):
    """Notes on a search as one text for a header; `split` gives them back."""
    return BETWEEN.join(notes)


def split(text):
    """The notes of such a text."""
    return tuple(filter(None, text.split(BETWEEN)))


def _same(known, wanted, masked):
    """Whether two provenances are of the same map and, if it is `masked`, of the same mask."""
    if any(known.get(key) != wanted.get(key) for key in DECIDING) or MIXED & known.keys():
        return False
    if not masked:
        return True
    grown = ("dilation", "shape") if wanted["dilation"] else ("dilation",)
    threshold = known.get("threshold")
    return (isinstance(threshold, int | float)
            and np.float32(threshold) == np.float32(wanted["threshold"])
            and all(known.get(key, 0) == wanted[key] for key in grown))


def _in_file(item, source, image, request):
    """Masks in the image's own file."""
    if not is_fits(source):
        return []
    hdus = scan(source.fd).hdus
    own = [one for one in hdus if is_own(one) and belongs(one, hdus[image.hdu], hdus)]
    return _grouped(of_plane(own, image.plane), True, request.in_place, item.path)


def _in_side(item, source, image, request):
    """Masks in the file of their own that this run writes to."""
    if not item.output.is_file():
        return []
    try:
        side = open_source(item.output)
        hdus = scan(side.fd).hdus
    except ReadError:  # saving will say what is wrong with it
        return []
    own = [one for one in hdus if is_own(one) and one.cards.get("CREXT") == image.hdu]
    fresh = side.stamp[2] >= os.stat(item.path).st_mtime_ns
    return _grouped(of_plane(own, image.plane), fresh, not request.in_place or closed(item, source),
                    item.output)


def closed(item, source):
    """Whether the image's own file takes no extensions, as far as can be told without writing."""
    return bool(source.packed) or not is_fits(source) or not os.access(item.path, os.W_OK)


def _grouped(hdus, fresh, here, where):
    if not hdus:
        return []
    names = frozenset(one.name.upper() for one in hdus)
    return [_Saved(names, provenance_of(hdus[0].cards), fresh, here, where)]
