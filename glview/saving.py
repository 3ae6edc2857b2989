"""A document's mask to disk and back, with everything needed to go on working."""

import math
from dataclasses import replace

import numpy as np

import glview
from glview.core import looks, plane
from glview.core.cancel import Cancelled
from glview.core.clean import FARTHEST, NEAREST, cleaned
from glview.core.edits import Edits, as_plane, counted
from glview.core.history import History
from glview.core.mask import EDIT_ADD, EDIT_DELETE, FinalMask, MaskSettings
from glview.core.plane import Plane
from glview.core.stretch import Stretch

OF_ONE_SAVE = {"covered", "dq", "reviewed", "cleaning", "look", "objects", "masked"}
"""Provenance that is made anew."""


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
    Plane.  Where the saved mask differs from what its own settings give (another program wrote
    it), edits make up for the difference.
    cancel: callable -> bool, asked between bands.  Raises Cancelled, or files.ReadError.
    """
    settings, confidence, edits = _settings(saved.provenance), None, None
    if saved.probability is None and saved.edits is None:
        return _confidence(saved, saved.mask_rows, cancel), MaskSettings(), None
    if saved.probability is not None:
        confidence = _confidence(saved, saved.probability_rows, cancel)
    if saved.edits is not None:
        edits = Plane(saved.shape, np.uint8)
        edits.fill(saved.edits_rows, cancel)
    return confidence, settings, _mended(saved, (confidence, settings, edits), cancel)


def _confidence(saved, rows, cancel):
    """The confidence in [0, 1] that rows(y0, y1) give, NaN kept where there is room for it."""
    if math.prod(saved.shape) <= plane.DENSE_PIXELS:
        return _in_range(rows(0, saved.shape[0]))
    confidence = Plane(saved.shape, np.float32, plane.FLOOR)
    confidence.fill(lambda y0, y1: _in_range(rows(y0, y1)), cancel)
    return confidence


def _in_range(values):
    """Another program's confidence may lie outside [0, 1]; NaN stays."""
    values = values.astype(np.float32, copy=False)
    if ((values >= 0) & (values <= 1)).all():
        return values
    return np.clip(values, 0.0, 1.0)


def _mended(saved, made, cancel):
    """The edits, with what they lack to give the saved mask; None if there are none."""
    shown, edits = FinalMask(*made), made[2]
    for y0, y1 in plane.bands(saved.shape):
        if cancel is not None and cancel():
            raise Cancelled
        found = saved.mask_rows(y0, y1)
        differs = shown[y0:y1, :] != found
        if differs.any():
            edits = Plane(saved.shape, np.uint8) if edits is None else edits
            rows = edits[y0:y1, :]
            rows[differs] = np.where(found[differs], EDIT_ADD, EDIT_DELETE)
            edits.put(y0, 0, rows)
    return edits


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
    detection.covered = _share(saved.provenance.get("covered", 1.0))
    nobody = "by hand" if confidence is None else "another program"
    maker = detection.provenance.get("model", nobody)
    detection.status = (f"Mask read from {saved.where.name}: {maker}, "
                        f"threshold {settings.threshold:g}")
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
    document.saved = detection.stamps.now


def unfinished(detection):
    """A warning that a saved mask is of a part of the frame alone, or ""."""
    searched = detection.confidence is None or detection.covered == 1.0
    return "" if searched else f"; only {detection.covered:.1%} of the frame was searched"


def _share(value):
    """A share of the frame out of a header; 1 for what cannot be one."""
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else 1.0


def write(image, detection, settings, edits, stamp, beside=False, *, sides=None, verdicts=None,
          dq=None, clean=False, look=None):
    """Save the final mask, the confidence, the edits and the verdicts; worker.

    detection: its confidence and provenance are saved; settings: MaskSettings; edits: a copy of the
    Plane, an array, or None; stamp: of the file when it was opened, for a file that changed since
    is refused; beside: into a file of its own beside the image's, which may then have changed.
    sides: the same of its side files, see `files.beside.side_stamps`; verdicts: as in Document; dq:
    a key of files.dq.CONVENTIONS, or None for no flags; clean: save the image without its cosmic
    rays too; look: the Stretch it is displayed with.
    Returns files.save.SaveResult; raises files.save.SaveError.
    """
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
    if image.planes > 1:
        provenance["plane"] = image.plane
    found = FinalMask(confidence, settings, edits)
    if clean:
        provenance["cleaning"] = f"medians of good pixels within {NEAREST} to {FARTHEST} pixels"
    return _saved(image, (found, confidence, edits, provenance), dq, hdu=image.hdu,
                  review=verdicts, cleaned=cleaned(image, found) if clean else None,
                  unchanged_since=None if beside else stamp, sides_since=sides,
                  method="beside" if beside else "auto", target=None if beside else image.side)


def _may_be_filled(detection):
    """True if a model fills the confidence, or would where it goes on, or a Plane could change."""
    part = detection.part
    return (detection.running or isinstance(detection.confidence, Plane)
            or (part is not None and part.confidence is detection.confidence))


def _saved(image, content, dq, **keywords):
    """What `save_mask` returns; flags that do not fit the file are no reason to lose the work."""
    from glview.files.save import FlagsError, save_mask

    try:
        return save_mask(image.path, *content, dq=dq, **keywords)
    except FlagsError as error:
        result = save_mask(image.path, *content, **keywords)
        told = f"CR_MASK was saved, but no CR_DQ: {error}"
        return replace(result, warning=" ".join(filter(None, [result.warning, told])))
