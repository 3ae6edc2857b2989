"""What an earlier run, or the person at the window, left of an image: is it what is asked for?"""

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glview.core.mask import MaskSettings
from glview.core.objects import find_objects
from glview.core.plane import Plane
from glview.files import ReadError, fits, shown_name
from glview.files.beside import side_files
from glview.files.extensions import provenance_of
from glview.files.header import scan
from glview.files.load import belongs, is_fits, is_own, of_plane
from glview.files.source import Source, open_source

DECIDING = ("model", "weights_sha256", "tiling", "crop", "sums")
MIXED = {"covered", "regions", "earlier"}
"""A part of the frame was searched, another part otherwise, or an earlier version of the image."""
BETWEEN = " | "  # two notes in a header
EVERY = 24  # bits of the confidence, float32
NOTHING, DONE, EDITED = "nothing", "done", "edited"
"""Nothing that stays; what is asked for; saved by a person, and not what is asked for."""
WHY = {"earlier": " for an earlier version of the image", "covered": ", of a part of the frame",
       "regions": ", in part by another model"}
"""What its provenance tells of a mask that is EDITED."""


@dataclass(frozen=True)
class _Saved:
    """One saved mask: the open file and its extensions there, its provenance; fresh: younger than
    the image; here: in the place that this run would write to; where: the file."""

    source: Source
    hdus: tuple
    origin: dict
    fresh: bool
    here: bool
    where: Path

    @property
    def names(self):
        """The names of its extensions."""
        return {one.name.upper() for one in self.hdus}

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
    Raises ReadError for a mask saved by hand that is of another size and in the way.
    """
    saved = _in_side(item, source, image, request)
    if request.in_place or item.output in side_files(item.path):  # where the window looks
        saved += _in_file(item, source, image, request)
    for one in saved:
        _check_size(one, image.shape, request.overwrite)
    if request.overwrite:
        return NOTHING, {}
    for one in saved:
        asked = one.edited or (one.here and one.fresh and one.names >= set(request.keep))
        asked = asked and request.dq in (None, "plain", one.origin.get("dq"))
        asked = asked and one.bits >= (request.bits or EVERY)
        if asked and _same(one.origin, wanted(), "CR_MASK" in request.keep):
            return DONE, _figures(one, image.shape)
    for one in saved:
        if one.edited:
            known = _figures(one, image.shape)
            return EDITED, known | {"notes": (_reason(one.origin), *known["notes"])}
    return NOTHING, {}


def _check_size(saved, shape, overwrite):
    """Raise ReadError for a mask saved by hand that has another shape, unless it may be replaced:
    one of an earlier version of the image is never, for it may be all that is left of that."""
    sizes = {one.naxis[::-1] for one in saved.hdus if one.kind in fits.VIEWABLE} - {shape}
    earlier = saved.origin.get("earlier") is True
    if not (sizes and saved.edited) or (overwrite and not (earlier and saved.here)):
        return
    was, now = ("{1} x {0}".format(*one) for one in (sizes.pop(), shape))
    name = shown_name(saved.where)
    if earlier:
        raise ReadError(f"{name} is the mask of an earlier version of the image ({was}, now "
                        f"{now}): move it away")
    raise ReadError(f"{name} is the mask of another image ({was}, this one is {now}): move it "
                    "away, or --overwrite replaces it")


def _reason(origin):
    """Why a mask that was saved by hand is not what is asked for, as a sentence."""
    other = " under other settings" if "model" in origin else " without a model"
    why = next((text for key, text in WHY.items() if key in origin), other)
    return f"saved by hand{why}: left as it is (--overwrite replaces it)"


def _figures(saved, shape):
    known = {name: saved.origin.get(name) for name in ("threshold", "objects", "masked")}
    if saved.edited:
        known |= _counted(saved, shape)
    notes = damaged(saved.origin.get("damaged", 0))
    return known | {"by_hand": saved.edited, "output": os.fsdecode(saved.where),
                    "warned": bool(notes),
                    "notes": notes + split(str(saved.origin.get("notes", "")))}


def _counted(saved, shape):
    """Objects and masked pixels of a mask as it lies there; {} where only a confidence does."""
    masks = [one.index for one in saved.hdus if one.name.upper() == "CR_MASK"]
    if not masks:
        return {}
    values = fits.read(saved.source, masks[-1])[0]
    added = Plane(shape, np.uint8)
    added.fill(lambda y0, y1: values[y0:y1, :] > 0)
    objects = find_objects(None, MaskSettings(), added)
    return {"objects": len(objects), "masked": int(objects["area"].sum())}


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
    return _grouped(source, of_plane(own, image.plane), True, request.in_place, item.path)


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
    here = not request.in_place or closed(item, source)
    return _grouped(side, of_plane(own, image.plane), fresh, here, item.output)


def closed(item, source):
    """Whether the image's own file takes no extensions, as far as can be told without writing."""
    return bool(source.packed) or not is_fits(source) or not os.access(item.path, os.W_OK)


def _grouped(source, hdus, fresh, here, where):
    if not hdus:
        return []
    return [_Saved(source, tuple(hdus), provenance_of(hdus[0].cards), fresh, here, where)]
