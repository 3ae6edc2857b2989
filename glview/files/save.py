"""Save a mask with its image: as FITS extensions, or in a side file where that cannot be.

The bytes of the image's file up to its old length (without an earlier mask of glview's) are copied,
never rewritten, and the new version replaces the old one in a single step.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from glview.core.mask import FinalMask
from glview.core.plane import Plane
from glview.files import ReadError, open_with_source, shown_name
from glview.files.cards import card_text, header_bytes, history_text
from glview.files.commit import SaveError, Version, commit, lock
from glview.files.extensions import extension, origin_cards, sentence, wcs_cards
from glview.files.fits import OWN
from glview.files.header import BLOCK, scan
from glview.files.load import (
    SavedMask,
    belongs,
    is_fits,
    is_own,
    load_mask,
    of_plane,
    side_files,
)
from glview.files.source import open_source, stamp_of

__all__ = ["SaveError", "SaveResult", "SavedMask", "load_mask", "save_mask", "stamp"]

SUFFIXES = (".fits", ".fit", ".fts", ".fz")


@dataclass(frozen=True)
class SaveResult:
    """path: the file the mask is in now. method: "extension" or "side file".

    why: what kept the mask out of the image's own file, or "". warning: a sentence, or "".
    stamp: of the image's file afterwards, for the next `unchanged_since`.
    """

    path: Path
    method: str
    why: str
    warning: str
    stamp: tuple[int, int, int]


def stamp(path):
    """What tells that a file has not been touched; take it when the image is opened."""
    return stamp_of(os.stat(path))


def save_mask(
    path, mask, probability=None, edits=None, provenance=None, *, hdu=None, unchanged_since=None,
    beside=False,
):
    """Save a mask as CR_MASK (and CR_PROBABILITY, CR_EDITS) with the image's WCS.

    path: the image's file, perhaps with `[SCI]` behind it; links are followed.
    mask: (height, width) bool, an array or what gives its rows, see `extensions.extension`.
    probability: the same shape, float32 in [0, 1], kept bit for bit; an array or a Plane, whose
    floor is told in the header. edits: the same shape, uint8 (0 none, 1 added, 2 deleted), an array
    or a Plane; saved if any is not 0.
    provenance: see `extensions.origin_cards`. hdu: extension of the image; None is the first shown.
    unchanged_since: `stamp` of the file; saving is refused if the file is another by now.
    beside: write the side file even if the image's own file could take the mask.
    Returns SaveResult. Raises SaveError, and then every file is as it was.
    """
    try:
        source, images = open_with_source(path, hdu)
        image = images[0]
        real = Path(os.path.realpath(image.path))
        now = stamp(real)
    except (ReadError, OSError) as error:
        raise SaveError(f"{error}; the mask was not saved") from error
    changed = unchanged_since is not None and tuple(unchanged_since) != now
    if changed or (not source.packed and source.stamp != now):
        wrong = f"{source.name} was changed by another program since it was opened"
        raise SaveError(f"{wrong}; open it again, so that the mask fits the image")
    provenance = dict(provenance or {})
    if getattr(probability, "floor", 0):
        provenance["floor"] = probability.floor
    job = _Job(
        image,
        _planes(image, mask, probability, edits),
        provenance,
        datetime.now(UTC).replace(tzinfo=None).isoformat("T", "milliseconds"),
    )
    why = "as asked for" if beside else _why_not_inside(source, real)
    if why:
        place, warning = _save_beside(job)
    else:
        place, warning = _save_inside(job, source, real)
    return SaveResult(place, "side file" if why else "extension", why, warning, stamp(real))


@dataclass(frozen=True)
class _Job:
    image: object
    planes: dict
    provenance: dict
    date: str

    def parts(self, owner, version):
        """The new extensions as byte strings. owner: (index, name, version) of the image's HDU."""
        cards = wcs_cards(self.image.header) + origin_cards(self.provenance, owner)
        cards += [card_text("DATE", self.date, "UTC"), history_text(sentence(self.provenance))]
        parts = []
        for name, values in self.planes.items():
            parts += extension(name, version, values, cards)
        return parts


def _planes(image, mask, probability, edits):
    """What is saved by extension name, checked."""
    planes = {"CR_MASK": mask if _gives_rows(mask) else np.asarray(mask)}
    if probability is not None:
        known = _gives_rows(probability)
        planes["CR_PROBABILITY"] = probability if known else np.asarray(probability, np.float32)
    if edits is not None:
        edits = edits if isinstance(edits, Plane) else np.asarray(edits)
        largest = _largest(edits)
        if edits.dtype != np.uint8 or largest > 2:
            raise SaveError("edits must be uint8 with 0 (none), 1 (added) and 2 (deleted)")
        planes |= {"CR_EDITS": edits} if largest else {}
    for name, values in planes.items():
        if values.shape != image.shape:
            raise SaveError(f"{name} has the shape {values.shape}, the image {image.shape}")
    if planes["CR_MASK"].dtype != np.bool_:
        planes["CR_MASK"] = planes["CR_MASK"] != 0
    return planes


def _gives_rows(values):
    """Whether this is no array but gives rows when it is sliced."""
    return isinstance(values, FinalMask | Plane)


def _largest(edits):
    """The largest value of edits, an array or a Plane."""
    parts = edits.values() if isinstance(edits, Plane) else [edits]
    return max((part.max(initial=0) for part in parts), default=0)


def _why_not_inside(source, real):
    """What keeps the mask out of the image's own file, or ""."""
    if source.packed or not is_fits(source):
        return f"{source.name} is not a plain FITS file"
    if not real.name.lower().endswith(SUFFIXES):
        return f"{source.name} does not end in {', '.join(SUFFIXES)}"
    found = scan(source.fd)
    if found.problem or not 0 <= found.hdus[-1].end - found.size < BLOCK:
        return f"{source.name} is damaged or has other data behind it"
    if not os.stat(real).st_mode & 0o222 or not os.access(real, os.W_OK):
        return f"{source.name} is write-protected"
    if not os.access(real.parent, os.W_OK):
        return f"the folder of {source.name} is write-protected"
    return ""


def _save_inside(job, source, real):
    hdus = scan(source.fd).hdus
    hdu = hdus[job.image.hdu]
    own = [one for one in hdus if is_own(one) and belongs(one, hdu, hdus)]
    replaced = of_plane(own, job.provenance.get("plane", 0))
    kept = [one for one in hdus if one not in replaced]
    owner = (kept.index(hdu), hdu.name, hdu.version)
    if not lock(source.fd):
        raise SaveError(f"another program is saving {source.name}; try again when it is done")
    return real, commit(_version(job, real, source, kept, owner))


def _save_beside(job):
    """Into the first side file that can be written; returns it and a warning."""
    failed = None
    for side in side_files(job.image.path):
        if failed is not None and not os.access(side.parent, os.W_OK):
            continue
        try:
            return side, commit(_side_version(job, side))
        except SaveError as error:
            failed = failed or error
    raise failed


def _side_version(job, side):
    """The side file with this mask in place of the one it may hold for the same extension."""
    owner = (job.image.hdu, str(job.image.header.get("EXTNAME", "")).strip(), 1)
    if not os.path.lexists(side):
        return _version(job, side, None, [], owner)
    try:
        source = open_source(side)
        found = scan(source.fd)
    except ReadError as error:
        raise SaveError(f"{error}; move it away, then save again") from error
    if "GLVSIDE" not in found.hdus[0].cards or found.problem:
        raise SaveError(f"{source.name} exists and is not whole or not glview's; move it away")
    own = [one for one in found.hdus if one.cards.get("CREXT") == owner[0]]
    replaced = of_plane(own, job.provenance.get("plane", 0))
    kept = [one for one in found.hdus if one not in replaced]
    return _version(job, side, source, kept, owner)


def _version(job, target, source, kept, owner):
    """The new file: HDUs kept of the old one, byte for byte, and the job's extensions."""
    used = {one.version for one in kept if one.name.upper() in OWN}
    number = next(count for count in range(1, len(used) + 2) if count not in used)
    parts = job.parts(owner, number)
    if source is None:
        parts = [_empty_primary(job.image.path), *parts]
    spans = tuple((one.header_offset, min(one.end, source.size)) for one in kept)
    hdus = len(kept) + len(job.planes) + (source is None)
    return Version(target, source, spans, tuple(parts), hdus, source and source.stamp)


def _empty_primary(path):
    cards = [
        card_text("SIMPLE", True, "FITS standard 4.0"),
        card_text("BITPIX", 8),
        card_text("NAXIS", 0),
        card_text("EXTEND", True),
        card_text("GLVSIDE", shown_name(path)),
        history_text("The cosmic-ray mask of the image named in GLVSIDE, saved by glview."),
    ]
    return header_bytes(cards)
