"""What is saved of one image: the extensions by name, checked, and what their headers say."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from glview.core.clean import type_of
from glview.core.mask import FinalMask
from glview.core.plane import Plane
from glview.files import ReadError, reviewtable
from glview.files.cards import card_text, history_text
from glview.files.commit import SaveError, explain
from glview.files.dq import flags_of
from glview.files.extensions import extension, origin_cards, sentence
from glview.files.pixelsum import pixel_sum
from glview.files.wcscards import wcs_cards

PRECISIONS = (2.0**-23, 0.5)  # from, to


@dataclass(frozen=True)
class Content:
    """What `save.save_masks` saves of one image; every field is explained at `save.save_mask`."""

    mask: Any
    probability: Any = None
    edits: Any = None
    provenance: dict | None = None
    review: dict | None = None
    cleaned: Any = None
    dq: str | None = None
    precision: float | None = None


@dataclass(frozen=True)
class Job:
    """An image, what is saved of it by extension name, and what is said of that.

    date: of the saving. warning: a sentence for the user, or "".
    """

    image: object
    planes: dict
    provenance: dict
    date: str
    warning: str = ""

    @property
    def place(self):
        """(number of the image's HDU, plane)."""
        return self.image.hdu, self.provenance.get("plane", 0)

    def parts(self, owner, version, folder=None):
        """The new extensions as byte strings, headers first, two or three for each extension.

        owner: (index, name, version) of the image's HDU. folder: where large ones may be kept in a
        nameless file meanwhile. Raises SaveError.
        """
        try:
            cards = origin_cards(self.provenance, owner)
            told = history_text(sentence(self.provenance))
        except (TypeError, ValueError, OverflowError) as error:
            raise SaveError(f"the provenance does not fit into a header: {error}") from error
        cards += [card_text("DATE", self.date, "UTC"), told]
        placed = wcs_cards(self.image.header) + cards
        parts = []
        try:
            for name, values in self.planes.items():
                if name == "CR_REVIEW":
                    parts += reviewtable.table(name, version, values, cards)
                    continue
                said = placed + getattr(values, "cards", [])
                parts += extension(name, version, values, said, folder)
        except (OSError, ReadError) as error:
            raise SaveError(explain(error, self.image.path)) from error
        return parts


class Rounded:
    """The rows of a probability in multiples of `step`, which change no pixel of the mask.

    A value stays on its side of the threshold, so it moves by up to half a step, or a whole one
    beside the threshold. NaN stays. values: an array or a Plane of float32; step: a power of two.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, values, step, threshold=None):
        self._values, self.shape, self._step = values, values.shape, np.float32(step)
        self._limit = None if threshold is None else np.float32(threshold)

    def any(self, box):
        """False if a box is certainly all 0."""
        return isinstance(self._values, np.ndarray) or self._values.any(box)

    def __getitem__(self, key):
        return self._rounded(self._values[key])

    def _rounded(self, exact):
        steps = np.rint(exact / self._step)
        if self._limit is not None:
            below = np.floor(self._limit / self._step)
            steps = np.where(exact > self._limit, np.maximum(steps, below + 1),
                             np.minimum(steps, below))
        return steps * self._step


class RoundedPlane(Rounded):
    """The same of a Plane: only what it holds is looked at."""

    def entries(self, box):
        """As of the Plane; some of its values may be 0."""
        pointers, columns, found = self._values.entries(box)
        return pointers, columns, self._rounded(found)


class Cleaned:
    """The rows of a cleaned image as they are saved: float32, float64 where that is not enough.

    unit: BUNIT of the image, or None.
    """

    def __init__(self, values, unit=None):
        self.cards = [card_text("BUNIT", unit)] if isinstance(unit, str) else []
        self._values, self.shape = values, tuple(values.shape)
        self.dtype = np.dtype(type_of(values.dtype))

    def __getitem__(self, key):
        return np.asarray(self._values[key]).astype(self.dtype, copy=False)


def job_of(source, image, content, date):
    """The Job of a Content. source: the open file of the image, None if that is another by now.
    Raises SaveError if it does not fit the image."""
    provenance = known(content.provenance)
    image = replace(image, plane=provenance.get("plane", 0))
    provenance["pixels"] = None if source is None else pixel_sum(image) or None
    if getattr(content.probability, "floor", 0):
        provenance["floor"] = content.probability.floor
    planes = _planes(content, provenance)
    flags, warning = None, ""
    if content.dq is not None:
        flags, warning = _flags(source, image, content.dq, planes)
    if flags is not None:
        planes["CR_DQ"], provenance["dq"] = flags, content.dq
    if content.cleaned is not None:
        planes["CR_CLEANED"] = Cleaned(content.cleaned, image.header.get("BUNIT"))
    for name, values in planes.items():
        if tuple(values.shape) != image.shape:
            raise SaveError(f"{name} has the shape {values.shape}, the image {image.shape}")
    if content.review:
        planes["CR_REVIEW"] = _review(content.review, image.shape)
        provenance["reviewed"] = len(content.review)
    return Job(image, planes, provenance, date, warning)


def known(provenance):
    """A provenance as a dict of its own, {} for None; raises SaveError for what is none."""
    if provenance is not None and not isinstance(provenance, Mapping):
        raise SaveError("provenance is a dict such as {'model': 'mine', 'threshold': 0.5}, not a "
                        f"{type(provenance).__name__}")
    return dict(provenance or {})


def _planes(content, provenance):
    """Mask, probability and edits by extension name."""
    planes = {}
    if content.mask is not None:
        planes["CR_MASK"] = _as_mask(content.mask)
    if content.probability is not None:
        values = _as_probability(content.probability)
        planes["CR_PROBABILITY"] = _rounded(values, content.precision, provenance)
    if not planes:
        raise SaveError("there is nothing to save: give a mask, a probability or both")
    if content.edits is not None:
        planes |= _edits(content.edits)
    return planes


def _as_mask(mask):
    mask = mask if _gives_rows(mask) else np.asarray(mask)
    if mask.dtype == np.bool_:
        return mask
    if not ((mask == 0) | (mask == 1)).all():
        raise SaveError("a mask is bool (or 0 and 1); a probability goes into probability=, its "
                        "mask is probability > threshold")
    return mask != 0


def _as_probability(values):
    if _gives_rows(values):
        return values
    try:
        values = np.asarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise SaveError(f"a probability is an array of numbers ({error})") from error
    least, most = np.fmin.reduce(values, None, initial=0), np.fmax.reduce(values, None, initial=1)
    if least < 0 or most > 1:
        raise SaveError("a probability lies in [0, 1], NaN where it is not known; this one goes "
                        f"from {least:g} to {most:g}")
    return values


def _rounded(values, step, provenance):
    if step is None:
        return values
    least, most = PRECISIONS
    if not (least <= step <= most and math.frexp(step)[0] == 0.5):
        raise SaveError(f"the precision is {step!r}: give a power of two from 2**-23 to 0.5, or "
                        "None to keep every bit")
    provenance["rounded"] = max(float(step), provenance.get("rounded") or 0.0)
    made = RoundedPlane if isinstance(values, Plane) else Rounded
    return made(values, step, provenance.get("threshold"))


def _edits(edits):
    edits = edits if isinstance(edits, Plane) else np.asarray(edits)
    parts = edits.values() if isinstance(edits, Plane) else [edits]
    largest = max((part.max(initial=0) for part in parts), default=0)
    if edits.dtype != np.uint8 or largest > 2:
        raise SaveError("edits must be uint8 with 0 (none), 1 (added) and 2 (deleted)")
    return {"CR_EDITS": edits} if largest else {}


def _flags(source, image, convention, planes):
    if "CR_MASK" not in planes:
        raise SaveError(f"flags of {convention} need a mask, and none is saved")
    mask, edits = planes["CR_MASK"], planes.get("CR_EDITS")
    try:
        return flags_of(source, image, convention, mask, edits)
    except ReadError as error:
        raise SaveError(f"{error}; the mask was not saved") from error


def _review(verdicts, shape):
    """The verdicts, checked, with whole numbers for keys."""
    made = {(int(y), int(x)): state for (y, x), state in verdicts.items()}
    for (y, x), state in made.items():
        if state not in reviewtable.STATES or not (0 <= y < shape[0] and 0 <= x < shape[1]):
            raise SaveError(f"the review says {state!r} of pixel {(y, x)}: say one of "
                            f"{', '.join(reviewtable.STATES)} of a pixel (y, x) of the image")
    return made


def _gives_rows(values):
    """Whether this is no array but gives rows when it is sliced."""
    return isinstance(values, FinalMask | Plane)
