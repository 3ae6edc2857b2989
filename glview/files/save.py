"""Save a mask with its image: as FITS extensions, or in a side file where that cannot be.

The bytes of the image's file, without an earlier mask of glview's, are never rewritten: the mask is
put behind them (`files.append`), or a copy with it takes the file's place (`files.commit`).
"""

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from glview.files import ReadError, changed, fits, open_with_source
from glview.files.append import UnsuitableError, put
from glview.files.beside import path_then, side_files
from glview.files.commit import ChangedError, SaveError, commit, lock, unlock
from glview.files.content import Content, job_of, known
from glview.files.dq import FlagsError
from glview.files.header import BLOCK, scan
from glview.files.load import SavedMask, is_fits, load_mask
from glview.files.source import stamp_of
from glview.files.versions import inside_version, side_version

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
    stamp: of the image's file as the save left it, for the next `unchanged_since`, or that of
    before where another program had changed it; side: of the side file, if that was written, for
    the next `sides_since`. date: DATE of the extensions.
    """

    path: Path
    method: str
    why: str
    warning: str
    stamp: tuple[int, int, int]
    side: tuple[int, int, int] | None = None
    date: str = ""

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
    target=None, opened=None,
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
    "rounded", "reviewed", "earlier" and "pixels" come by themselves. Other keys are left out.
    hdu: extension of the image, its number or name; None is the first shown.
    review: {(y, x): "accepted" or "rejected"} of objects, each by one of its pixels: CR_REVIEW.
    cleaned: the image without cosmic rays, an array or what gives its rows, for several threads at
    once: CR_CLEANED, float32, or float64 where the image's values need it.
    dq: the observatory whose flags are wanted, "hst", "wfc3", "jwst", "banzai", "decam" or "lsst":
    CR_DQ, the flags of the file with the mask's bits OR-ed in; None or "plain" for none.
    precision: keep the probability in multiples of this power of two only, on the same side of the
    threshold; None keeps every bit.
    unchanged_since: `stamp` of the file when the image was opened. If it is another by now, or
    gone, it is left alone: "auto" and "beside" write a side file, whose header says (CREARLY) that
    the mask is of an earlier version; the result says so too. "append" and "copy" refuse.
    opened: the Image (of `open_images`) as it was then: where the file is another by now, the side
    file has its header's WCS; None does without. sides_since: `beside.side_stamps` of then; a side
    file that is another by now, or none of those, is not written, and the mask of an earlier
    version goes to one of those only, wherever links lead by now.
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
    return save_masks(path, {hdu: content}, unchanged_since=unchanged_since, method=method,
                      sides_since=sides_since, target=target, opened={hdu: opened})


def save_masks(path, contents, *, unchanged_since=None, sides_since=None, method="auto",
               target=None, opened=None):
    """Save the masks of several images of one file in a single step.

    contents: extension -> Content, or a tuple (mask, probability, edits, provenance); for a cube
    (extension, plane) -> the same. opened: {the same keys: Image or None}; without it nothing is
    saved of a file that changed. All else as for `save_mask`.
    """
    if not _by_extension(contents):
        raise SaveError("save_masks takes {extension: (mask, probability, edits, provenance)}, "
                        "where all but the mask may be left out")
    if method not in METHODS:
        raise SaveError(f"there is no method {method!r}; it is one of {', '.join(METHODS)}")
    since = None if unchanged_since is None else tuple(unchanged_since)
    where, made = _Where(method, target, sides_since), dict(_contents(contents))
    try:
        return _save(path, made, since, where)
    except ChangedError as error:
        inside = target is None and method not in ("auto", "beside")
        if inside or opened is None or since is None:
            raise
        images = [opened[key] or changed.described(path, key, content)
                  for key, content in made.items()]
        if None in images:
            raise
        return _save_of_earlier(images, made.values(), error, since, where)


@dataclass(frozen=True)
class _Where:
    """Where masks go; all as of `save_mask`."""

    method: str
    target: Path | None
    sides: dict | None


def _save(path, contents, since, where):
    """The SaveResult of contents {key: Content}; a ChangedError where the file is another."""
    try:
        changed.check(path, since)
        source, images = _pictures(path, list(contents))
        real = Path(os.path.realpath(images[0].path))
        now = stamp(real)
    except (ReadError, OSError) as error:
        raise SaveError(f"{error}; the mask was not saved") from error
    if since not in (None, now) or (not source.packed and source.stamp != now):
        raise changed.error(source.name)
    if where.target is not None and os.path.realpath(where.target) == os.fspath(real):
        raise SaveError(f"{source.name} is the image itself: leave target out to save into it, "
                        "or name another file")
    date = _date()
    jobs = [job_of(source, image, content, date)
            for image, content in zip(images, contents.values(), strict=True)]
    *found, left, told_by_disk = _put(jobs, source, real, where)
    told = () if source.packed else source.notes  # of an earlier save that was cut short
    warning = " ".join(filter(None, [told_by_disk, *told, *(job.warning for job in jobs)]))
    stamps = (now, left) if found[1] == "beside" else (left, None)
    return SaveResult(*found, warning, *stamps, date)


def _save_of_earlier(images, contents, error, since, where):
    """The same of masks whose file is another by now, as a ChangedError says; images: as they were
    when it was opened."""
    places, date = list(where.sides or side_files(images[0].path)), _date()
    if where.sides:  # a link may lead to another image by now
        images = [replace(image, path=path_then(where.sides)) for image in images]
    jobs = [job_of(None, image, changed.of_earlier(content), date)
            for image, content in zip(images, contents, strict=True)]
    try:
        place, side, warning = _put_beside(jobs, places, where)
    except SaveError as failure:
        failure.args = (f"{error.why}, and {failure}",)
        raise
    told = filter(None, [changed.sentence(error, place), changed.without_flags(contents), warning])
    return SaveResult(place, "beside", error.why, " ".join(told), since, side, date)


def _date():
    return datetime.now(UTC).replace(tzinfo=None).isoformat("T", "milliseconds")


def _by_extension(contents):
    kinds = Content, tuple
    return isinstance(contents, dict) and all(isinstance(c, kinds) for c in contents.values())


def _put(jobs, source, real, where):
    """(file, method, why, the file's stamp, warning) of a save by the method that is asked for, or
    that can be."""
    why, method = ASKED, where.method
    if where.target is None and method != "beside":
        try:
            return real, *_put_inside(jobs, source, real, method)
        except UnsuitableError as error:
            if method != "auto":
                wrong = f"{source.name} could not be saved by the method {method!r}"
                raise SaveError(f"{wrong}: {error}") from error
            why = str(error)
    place, *rest = _put_beside(jobs, side_files(jobs[0].image.path, real), where)
    return place, "beside", why, *rest


def _pictures(path, keys):
    """(Source, the image of each key): extensions, or (extension, plane)."""
    hdus = [key[0] if isinstance(key, tuple) else key for key in keys]
    source, images = open_with_source(path, hdus[0])
    inside = is_fits(source)
    return source, [images[0] if not inside or hdu == hdus[0] else fits.read(source, hdu)[0]
                    for hdu in hdus]


def _contents(contents):
    """(key, Content) of each, without what is true of no mask that is saved now."""
    for key, content in contents.items():
        content = content if isinstance(content, Content) else Content(*content)
        provenance = known(content.provenance)
        provenance.pop("earlier", None)
        if isinstance(key, tuple):
            provenance["plane"] = key[1]
        yield key, replace(content, provenance=provenance)


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


def _put_inside(jobs, source, real, method):
    """(method, why, stamp, warning); raises UnsuitableError where the file cannot take the mask."""
    if why := why_not_inside(source, real):
        raise UnsuitableError(why)
    if lock(source.fd) is False:
        raise UnsuitableError(f"another program is saving into {source.name}")
    try:
        return put(inside_version(jobs, source, real), method)
    finally:
        unlock(source.fd)


def _put_beside(jobs, places, where):
    """Into the target, or the first of the places that can be written: (it, its stamp, a warning
    or "")."""
    if where.target is not None:
        return Path(where.target), *_put_aside(jobs, Path(where.target), where)
    failed = None
    for side in places:
        if failed is not None and not os.access(side.parent, os.W_OK):
            continue
        try:
            return side, *_put_aside(jobs, side, where)
        except SaveError as error:
            failed = failed or error
    failed.beside = True
    raise failed


def _put_aside(jobs, side, where):
    try:
        return commit(side_version(jobs, side, where.sides))
    except ChangedError as error:  # the side file, not the image
        raise SaveError(str(error)) from error
