"""A document's mask to disk and back, with everything needed to go on working."""

import math
from dataclasses import replace

import numpy as np

import glview
from glview.core import looks, plane
from glview.core.clean import FARTHEST, NEAREST, cleaned
from glview.core.coverage import Coverage, from_text, minus, to_text
from glview.core.edits import Edits, as_plane, counted
from glview.core.history import History
from glview.core.mask import FinalMask, MaskSettings
from glview.core.plane import Plane
from glview.core.shares import percent
from glview.core.stretch import Stretch
from glview.document import Part
from glview.remaking import confidence_of, found_rows, mended
from glview.workspace import Saving

OF_ONE_SAVE = {"covered", "searched", "dq", "reviewed", "cleaning", "look", "objects", "masked",
               "earlier", "pixels"}
"""Provenance that is made anew."""
MOST_BOXES = 1000  # of what was searched, in a header; joined ones are seldom more than a hundred
NOT_CLEANED = "The CR-cleaned image was not saved"  # begins what is told where only the mask was
USUAL, LEFT_OUT = Saving(), Saving("none").step


def read(image):
    """What was saved with this picture: a SavedMask, a StoredMask if it is too large to be read as
    a whole, or None.  Raises files.ReadError."""
    if image.path is None:
        return None
    from glview.files.load import load_mask, stored_mask

    large = math.prod(image.shape) > plane.DENSE_PIXELS
    return (stored_mask if large else load_mask)(image.path, image.hdu, image.plane, image.source,
                                                  image.side)


def restored(saved, cancel=None):
    """(confidence or None, MaskSettings, edits or None) that give exactly the saved mask again.

    saved: what `read` gave.  The confidence is an array, or a Plane for a large frame; edits are a
    Plane.  Where it was left out it is 1.0 where a model may have found what is masked, see
    `remaking.found_rows`.  Where the saved mask differs from what its own settings give (another
    program wrote it), edits make up for the difference.
    cancel: callable -> bool, asked between bands.  Raises Cancelled, or files.ReadError.
    """
    settings, confidence, edits = _settings(saved.provenance), None, None
    if saved.probability is not None:
        confidence = confidence_of(saved, saved.probability_rows, cancel)
    elif saved.edits is None or saved.provenance.get("rounded") == LEFT_OUT:
        confidence = confidence_of(
            saved, lambda y0, y1: found_rows(saved, settings, y0, y1), cancel)
        if saved.edits is None and not settings.dilation:
            return confidence, settings, None
    if saved.edits is not None:
        edits = Plane(saved.shape, np.uint8)
        edits.fill(saved.edits_rows, cancel)
    return confidence, settings, mended(saved, (confidence, settings, edits), cancel)


def _settings(known):
    """The MaskSettings in a provenance; the default ones if its header cannot be true."""
    names = ("threshold", "dilation", "shape")
    try:
        return MaskSettings(**{name: known[name] for name in names if name in known})
    except (TypeError, ValueError):
        return MaskSettings()


def restore(document, saved, found):
    """Show what was saved.  found: what `restored` made of it; main thread only."""
    confidence, settings, edits = found
    detection = document.detection
    detection.confidence = confidence
    detection.provenance = dict(saved.provenance) or {"model": "another program"}
    alone = saved.probability is None and confidence is not None
    if alone:
        detection.provenance["rounded"] = LEFT_OUT
    detection.covered = _share(saved.provenance.get("covered", 1.0))
    detection.coverage, detection.part = _searched(detection, document.image.shape)
    nobody = "by hand" if confidence is None else "another program"
    maker = detection.provenance.get("model", nobody)
    detection.status = (f"Mask read from {saved.where.name}: {maker}, "
                        f"threshold {settings.threshold:g}")
    if alone and "model" in saved.provenance:
        detection.status += ("\nIts confidence was not saved: another threshold changes nothing "
                             "before it is searched again.")
    detection.stamps.touch((0, 0, *document.image.shape))
    document.mask = settings
    document.edits = Edits(document.image.shape, edits)
    document.verdicts = dict(saved.review)
    document.dq = saved.provenance.get("dq")
    document.cleaned = saved.where if "cleaning" in saved.provenance else None
    look = looks.from_text(saved.provenance.get("look"))
    if look is not None and document.stretch is document.usual:  # else somebody chose another one
        document.stretch = document.usual = look
    document.history = History()  # steps taken before this belong to settings that are gone
    document.saved, document.lossy = detection.stamps.now, False
    document.stored = confidence is not None


def _searched(detection, shape):
    """(Coverage or None, Part or None): where a search was that did not end, and can go on."""
    known = detection.provenance
    boxes = from_text(str(known.get("searched", "")))[:MOST_BOXES]
    inside = all(y1 <= shape[0] and x1 <= shape[1] for _, _, y1, x1 in boxes)
    if detection.covered == 1.0 or not boxes or not inside:
        return None, None
    coverage, model = Coverage.of(shape, boxes), known.get("model")
    others = from_text(str(known.get("regions", "")))
    own = [piece for box in boxes for piece in minus(box, others)]
    rounded = known.get("rounded")  # what would come is finer than what is there
    if not own or rounded or not isinstance(model, str):
        return coverage, None
    return coverage, Part(model, str(known.get("weights_sha256", "")), detection.confidence,
                          tuple(own), detection.covered)


def unfinished(detection):
    """A warning that a saved mask is of a part of the frame alone, or ""."""
    if detection.confidence is None or detection.covered == 1.0:
        return ""
    known = detection.gaps is None or len(detection.gaps.boxes) <= MOST_BOXES
    where = "" if known else ", in too many places to be kept, so that it cannot go on from there"
    return f"; only {percent(detection.covered)} of the frame was searched{where}"


def _share(value):
    """A share of the frame out of a header; 1 for what cannot be one."""
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else 1.0


def write(image, detection, settings, edits, stamp, beside=False, *, sides=None, verdicts=None,
          dq=None, clean=False, look=None, choices=USUAL):
    """Save the final mask, the confidence, the edits and the verdicts; worker.

    detection: its confidence and provenance are saved; settings: MaskSettings; edits: a copy of the
    Plane, an array, or None; stamp: of the file when it was opened, for one that changed since is
    left alone, and a side file written by every method; beside: into a file of its own beside the
    image's in any case.  sides: the same of its side files, see `files.beside.side_stamps`;
    verdicts: as in Document; dq: a key of files.dq.CONVENTIONS, or None for no flags; clean: save
    the image without its cosmic rays too, or have NOT_CLEANED in the warning; look: the Stretch it
    is displayed with; choices: a workspace.Saving.
    Returns files.save.SaveResult; raises files.save.SaveError.
    """
    content = _content(image, detection, settings, edits, verdicts, look, choices)
    if clean:
        content.provenance["cleaning"] = (f"medians of good pixels within {NEAREST} to {FARTHEST} "
                                          "pixels")
        content = replace(content, cleaned=cleaned(image, content.mask))
    return _saved(image, replace(content, dq=dq), hdu=image.hdu, sides_since=sides,
                  unchanged_since=stamp, opened=image, target=None if beside else image.side,
                  method="beside" if beside else choices.method)


def foresee(image, detection, settings, edits, stamp=None, *, sides=None, verdicts=None, dq=None,
            look=None, choices=USUAL):
    """What `write` would do with the same arguments, a files.foresee.Foreseen; worker.

    Raises files.save.SaveError, if `write` would.
    """
    from glview.files.commit import ChangedError
    from glview.files.foresee import foresee
    from glview.files.save import FlagsError

    content = _content(image, detection, settings, edits, verdicts, look, choices)
    where = choices.method, image.side, stamp, sides
    try:
        return foresee(image, replace(content, dq=dq), *where)
    except ChangedError:
        return foresee(image, replace(content, dq=dq), "beside", *where[1:])
    except FlagsError as error:
        found = foresee(image, content, *where)
        return replace(found, warning=f"No CR_DQ can be saved: {error}")


def lacking(detection, choices):
    """What a save by these choices keeps less of than is known, for the user; "" if nothing."""
    if choices.step <= _coarseness(detection.provenance) or detection.confidence is None:
        return ""
    left = "without the confidence" if choices.confidence == "none" else (
        f"confidence rounded to {choices.bits} bits")
    part = "" if detection.part is None else ", so that the search cannot go on from there"
    return f"; {left}{part}"


def _coarseness(provenance):
    """What a confidence is known in multiples of, 0.0 for exact."""
    rounded = provenance.get("rounded", 0.0)
    return rounded if isinstance(rounded, int | float) and not provenance.get("regions") else 0.0


def _content(image, detection, settings, edits, verdicts, look, choices):
    """The files.content.Content of a save, without flags."""
    from glview.files.content import Content

    confidence, known = detection.confidence, dict(detection.provenance)
    known = {name: known[name] for name in known.keys() - OF_ONE_SAVE}
    if confidence is not None and _may_be_filled(detection):
        confidence = confidence.copy()
    added, deleted = (0, 0) if edits is None else counted(as_plane(edits))
    provenance = {
        **known,
        "version": glview.__version__,
        "threshold": settings.threshold,
        "dilation": settings.dilation,
        "shape": settings.shape,
        "added": added,
        "deleted": deleted,
    }
    if look not in (None, Stretch()):  # the usual one is not worth keeping against others' taste
        provenance["look"] = looks.to_text(look)
    if confidence is not None and detection.covered < 1.0:
        provenance["covered"] = round(detection.covered, 6)
        boxes = detection.gaps.boxes if detection.gaps is not None else ()
        if 0 < len(boxes) <= MOST_BOXES:
            provenance["searched"] = to_text(boxes)
    if image.planes > 1:
        provenance["plane"] = image.plane
    # What came without a confidence is known as 0 or 1, and none is made up.
    masked = choices.confidence == "none" or _coarseness(known) >= LEFT_OUT
    kept = None if masked else confidence
    if masked and confidence is not None:
        provenance["rounded"] = LEFT_OUT
    elif not _coarseness(known):
        provenance.pop("rounded", None)
    return Content(FinalMask(confidence, settings, edits), kept, edits, provenance, verdicts,
                   precision=choices.step or None)


def _may_be_filled(detection):
    """True if a model fills the confidence, or would where it goes on, or a Plane could change."""
    part = detection.part
    return (detection.running or isinstance(detection.confidence, Plane)
            or (part is not None and part.confidence is detection.confidence))


def _saved(image, content, **keywords):
    """What `save_mask` returns.  Flags that do not fit the file, pixels that cannot be read to be
    cleaned, or another program that changed the file are no reason to lose the work."""
    from glview.files import ReadError
    from glview.files.commit import ChangedError
    from glview.files.save import FlagsError, SaveError, save_mask

    told = ""
    try:
        return save_mask(image.path, **vars(content), **keywords)
    except FlagsError as error:
        content, told = replace(content, dq=None), f"CR_MASK was saved, but no CR_DQ: {error}"
    except ChangedError:
        if keywords["method"] == "beside":
            raise
        keywords["method"] = "beside"
    except SaveError as error:
        if content.cleaned is None or not isinstance(error.__cause__, ReadError):
            raise
        known = {name: value for name, value in content.provenance.items() if name != "cleaning"}
        content, told = replace(content, cleaned=None, provenance=known), (
            f"{NOT_CLEANED}: {error.__cause__}.")
    result = _saved(image, content, **keywords)
    return replace(result, warning=" ".join(filter(None, [result.warning, told])))
