"""Save a mask with its image: as FITS extensions, or in a side file where that cannot be.

The bytes of the image's file, without an earlier mask of glview's, are never rewritten: the mask is
put behind them (`files.append`), or a copy with it takes the file's place (`files.commit`).
"""

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from glview.files import ReadError, fits, open_with_source, pairing
from glview.files.append import UnsuitableError, put, spans
from glview.files.beside import side_files
from glview.files.cards import card_text, header_bytes, history_text
from glview.files.commit import SaveError, Version, commit, lock, stamp_if_there, unlock
from glview.files.content import Content, job_of, known
from glview.files.dq import FlagsError
from glview.files.fits import OWN
from glview.files.header import BLOCK, scan
from glview.files.load import SavedMask, is_fits, load_mask, of_plane, without
from glview.files.source import open_source, stamp_of

__all__ = ["Content", "FlagsError", "SaveError", "SaveResult", "SavedMask", "load_mask",
           "save_mask", "save_masks", "stamp"]

METHODS = ("auto", "append", "copy", "beside")
ASKED = "as asked for"
OF_BATCHES = {"unseen", "objects", "masked"}  # true only of a mask that nobody has looked at
SUFFIXES = (".fits", ".fit", ".fts", ".fz")


@dataclass(frozen=True)
class SaveResult:
    """path: the file the mask is in now. method: "append", "copy" or "beside", see `save_mask`.

    why: what barred the usual method, or "". warning: a sentence, or "".
    stamp: of the image's file afterwards, for the next `unchanged_since`; side: of the side file,
    if that was written, for the next `sides_since`.
    """

    path: Path
    method: str
    why: str
    warning: str
    stamp: tuple[int, int, int]
    side: tuple[int, int, int] | None = None

    @property
    def place(self):
        """Where the mask is, in the user's words."""
        return "side file" if self.method == "beside" else "extension"


def stamp(path):
    """What tells that a file has not been touched; take it when the image is opened."""
    return stamp_of(os.stat(path))


def save_mask(
    path, mask, probability=None, edits=None, provenance=None, *, hdu=None, review=None,
    cleaned=None, dq=None, precision=None, unchanged_since=None, sides_since=None, method="auto",
    target=None,
):
    """Save a mask as CR_MASK (and CR_PROBABILITY, CR_EDITS ...) with the image's WCS.

    Extensions that glview saved for the image before are replaced, all of them.

    path: the image's file, perhaps with `[SCI]` behind it; links are followed.
    mask: (height, width) bool, or 0 and 1 of any type; None saves the probability alone.
    probability: the same shape, float32 in [0, 1], kept bit for bit; an array or a Plane, whose
    floor is told in the header. edits: the same shape, uint8 (0 none, 1 added, 2 deleted), an array
    or a Plane; saved if any is not 0.
    provenance: a dict for the headers, every key of which may be left out: "model" (its name),
    "weights_sha256", "threshold" (the mask is probability > it), "dilation" (pixels), "shape"
    ("square", "disk" or "diamond"), "tiling", "crop", "regions", "sums", "added" and "deleted"
    (pixels by hand), "covered" (share of the frame that was searched), "searched" (its sections),
    "notes" and "damaged" (what the search told of the image), "plane" (of a cube, from 0),
    "cleaning" (how `cleaned` was made), "look", "save" and "version", which glview writes; "floor",
    "rounded" and "reviewed" come by themselves. Other keys are left out.
    hdu: extension of the image, its number or name; None is the first shown.
    review: {(y, x): "accepted" or "rejected"} of objects, each by one of its pixels: CR_REVIEW.
    cleaned: the image without cosmic rays, an array or what gives its rows, for several threads at
    once: CR_CLEANED, float32, or float64 where the image's values need it.
    dq: the observatory whose flags are wanted, "hst", "wfc3", "jwst", "banzai", "decam" or "lsst":
    CR_DQ, the flags of the file with the mask's bits OR-ed in; None or "plain" for none.
    precision: keep the probability in multiples of this power of two only, on the same side of the
    threshold; None keeps every bit.
    unchanged_since: `stamp` of the file; saving is refused if the file is another by now.
    sides_since: `beside.side_stamps`; the same of a side file that would be written.
    method: "append" puts the extensions at the end of the image's own file, in place, whatever its
    size; "copy" writes the file anew and renames that; "beside" writes a side file. "auto" copies a
    small file and appends to a large one; where that cannot be it takes the next of the three, and
    the result says why.
    target: write this side file, in any folder, instead.
    Returns SaveResult. Raises SaveError, whose `state` tells that every file is as it was, or that
    behind the image's own bytes there is something that the next opening clears up.
    """
    provenance = {key: value for key, value in known(provenance).items()
                  if key not in OF_BATCHES}
    content = Content(mask, probability, edits, provenance, review, cleaned, dq, precision)
    return save_masks(path, {hdu: content}, unchanged_since=unchanged_since,
                      sides_since=sides_since, method=method, target=target)


def save_masks(path, contents, *, unchanged_since=None, sides_since=None, method="auto",
               target=None):
    """Save the masks of several images of one file in a single step.

    contents: extension -> Content, or a tuple (mask, probability, edits, provenance); for a cube
    (extension, plane) -> the same. All else as for `save_mask`.
    """
    if not _by_extension(contents):
        raise SaveError("save_masks takes {extension: (mask, probability, edits, provenance)}, "
                        "where all but the mask may be left out")
    try:
        source, images = _pictures(path, list(contents))
        real = Path(os.path.realpath(images[0].path))
        now = stamp(real)
    except (ReadError, OSError) as error:
        raise SaveError(f"{error}; the mask was not saved") from error
    changed = unchanged_since is not None and tuple(unchanged_since) != now
    if changed or (not source.packed and source.stamp != now):
        wrong = f"{source.name} was changed by another program since it was opened"
        raise SaveError(f"{wrong}; open it again, so that the mask fits the image")
    date = datetime.now(UTC).replace(tzinfo=None).isoformat("T", "milliseconds")
    jobs = [job_of(source, image, content, date)
            for image, content in zip(images, _contents(contents), strict=True)]
    sides = sides_since or {}
    if target is not None:
        if os.path.realpath(target) == os.fspath(real):
            raise SaveError(f"{source.name} is the image itself: leave target out to save into it, "
                            "or name another file")
        version = _side_version(jobs, Path(target), sides)
        found = Path(target), "beside", ASKED, commit(version)
    else:
        found = _save(jobs, source, real, method, sides)
    told = () if source.packed else source.notes  # of an earlier save that was cut short
    warning = " ".join(filter(None, [found[-1], *told, *(job.warning for job in jobs)]))
    side = stamp_if_there(found[0]) if found[1] == "beside" else None
    return SaveResult(*found[:-1], warning, stamp(real), side)


def _by_extension(contents):
    kinds = Content, tuple
    return isinstance(contents, dict) and all(isinstance(c, kinds) for c in contents.values())


def _save(jobs, source, real, method, sides):
    """(file, method, why, warning) of a save by the method that is asked for, or that can be."""
    if method not in METHODS:
        raise SaveError(f"there is no method {method!r}; it is one of {', '.join(METHODS)}")
    why = ASKED
    if method != "beside":
        try:
            return real, *_save_inside(jobs, source, real, method)
        except UnsuitableError as error:
            if method != "auto":
                wrong = f"{source.name} could not be saved by the method {method!r}"
                raise SaveError(f"{wrong}: {error}") from error
            why = str(error)
    place, warning = _save_beside(jobs, sides)
    return place, "beside", why, warning


def _pictures(path, keys):
    """(Source, the image of each key): extensions, or (extension, plane)."""
    hdus = [key[0] if isinstance(key, tuple) else key for key in keys]
    source, images = open_with_source(path, hdus[0])
    inside = is_fits(source)
    return source, [images[0] if not inside or hdu == hdus[0] else fits.read(source, hdu)[0]
                    for hdu in hdus]


def _contents(contents):
    for key, content in contents.items():
        content = content if isinstance(content, Content) else Content(*content)
        if isinstance(key, tuple):
            content = replace(content, provenance={**(content.provenance or {}), "plane": key[1]})
        yield content


def why_not_inside(source, real):
    """What keeps the mask out of the image's own file, or ""."""
    if source.packed or not is_fits(source):
        return f"{source.name} is not a plain FITS file"
    if not real.name.lower().endswith(SUFFIXES):
        return f"{source.name} does not end in {', '.join(SUFFIXES)}"
    found = scan(source.fd)
    if found.problem or not 0 <= found.hdus[-1].end - found.size < BLOCK:
        return f"{source.name} is damaged or has other data behind it"
    if len(found.hdus) == 1 and found.hdus[0].cards.get("EXTEND") is False:
        return (f"the header of {source.name} says EXTEND = F, that no extension may follow; set "
                "that to T to have the mask in the file")
    if not os.stat(real).st_mode & 0o222 or not os.access(real, os.W_OK):
        return f"{source.name} is write-protected"
    return ""


def _save_inside(jobs, source, real, method):
    """(method, why, warning); raises UnsuitableError where the file cannot take the mask."""
    if why := why_not_inside(source, real):
        raise UnsuitableError(why)
    if lock(source.fd) is False:
        raise UnsuitableError(f"another program is saving into {source.name}")
    try:
        return put(_inside_version(jobs, source, real), method)
    finally:
        unlock(source.fd)


def _inside_version(jobs, source, real):
    """The image's file with these masks in place of those it may hold for the same images."""
    hdus = scan(source.fd).hdus
    kept = without(hdus, [job.place for job in jobs])
    owners = [(kept.index(hdu), hdu.name, hdu.version)
              for hdu in (hdus[job.image.hdu] for job in jobs)]
    return _version(jobs, real, source, kept, owners)


def _save_beside(jobs, sides):
    """Into the first side file that can be written; returns it and a warning."""
    failed = None
    for side in side_files(jobs[0].image.path):
        if failed is not None and not os.access(side.parent, os.W_OK):
            continue
        try:
            return side, commit(_side_version(jobs, side, sides))
        except SaveError as error:
            failed = failed or error
    failed.beside = True
    raise failed


def _side_version(jobs, side, sides):
    """The side file with these masks in place of those it may hold for the same images.

    sides: stamps that it may have, see `save_mask`.
    """
    images = [job.image for job in jobs]
    owners = [(one.hdu, str(one.header.get("EXTNAME", "")).strip(), _version_of(one))
              for one in images]
    if not os.path.lexists(side):
        return _version(jobs, side, None, [], owners)
    try:
        source = open_source(side)
        found = scan(source.fd)
    except ReadError as error:
        raise SaveError(f"{error}; move it away, then save again") from error
    if source.stamp != sides.get(side, source.stamp):
        raise SaveError(f"{source.name} was changed by another program since the image was opened; "
                        "move it away, then save again")
    if "GLVSIDE" not in found.hdus[0].cards or found.problem:
        raise SaveError(f"{source.name} exists and is not whole or not glview's; move it away")
    replaced = []
    for job in jobs:
        own = [one for one in found.hdus if one.cards.get("CREXT") == job.image.hdu]
        replaced += of_plane(own, job.place[1])
    kept = [one for one in found.hdus if one not in replaced]
    return _version(jobs, side, source, kept, owners)


def _version_of(image):
    version = image.header.get("EXTVER")
    return version if type(version) is int else 1


def _version(jobs, target, source, kept, owners):
    """The new file: HDUs kept of the old one, byte for byte, and the extensions of the jobs."""
    used = {one.version for one in kept if one.name.upper() in OWN}
    free = (number for number in count(1) if number not in used)
    parts = [part for job, owner in zip(jobs, owners, strict=True)
             for part in job.parts(owner, next(free), target.parent)]
    if source is None:
        parts = [_empty_primary(jobs[0].image.path, target), *parts]
    hdus = len(kept) + sum(len(job.planes) for job in jobs) + (source is None)
    return Version(target, source, spans(source, kept), tuple(parts), hdus, source and source.stamp)


def _empty_primary(path, target):
    cards = [
        card_text("SIMPLE", True, "FITS standard 4.0"),
        card_text("BITPIX", 8),
        card_text("NAXIS", 0),
        card_text("EXTEND", True),
        *pairing.cards(path, target),
        history_text("The cosmic-ray mask of the image named in GLVSIDE, saved by glview."),
    ]
    return header_bytes(cards)
