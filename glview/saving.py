"""A document's mask to disk and back, with everything needed to go on working."""

import numpy as np

import glview
from glview.core import mask
from glview.core.edits import Edits
from glview.core.history import History
from glview.core.mask import EDIT_ADD, EDIT_DELETE, EDIT_NONE, MaskSettings


def read(image):
    """What was saved with this picture: a SavedMask, or None.  Raises files.ReadError."""
    if image.path is None:
        return None
    from glview.files.save import load_mask

    return load_mask(image.path, image.hdu, image.plane)


def restored(saved):
    """(confidence or None, MaskSettings, edits or None) that give exactly the saved mask again.

    Where the saved mask differs from what its own settings give (another program wrote it), edits
    make up for the difference.
    """
    settings = _settings(saved.provenance)
    confidence, edits = saved.probability, saved.edits
    if confidence is None and edits is None:
        confidence, settings = saved.mask.astype(np.float32), MaskSettings()
    elif confidence is not None and not ((confidence >= 0) & (confidence <= 1)).all():
        confidence = np.clip(confidence, 0.0, 1.0)  # another program's; NaN stays
    differs = mask.final_mask(confidence, settings, edits) != saved.mask
    if differs.any():
        edits = np.zeros(saved.mask.shape, np.uint8) if edits is None else edits.copy()
        edits[differs] = np.where(saved.mask[differs], EDIT_ADD, EDIT_DELETE)
    return confidence, settings, edits


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
    detection.covered = 1.0
    detection.status = f"Mask read from {saved.where.name}."
    detection.stamps.touch((0, 0, *document.image.shape))
    document.mask = settings
    document.edits = Edits(document.image.shape, edits)
    document.history = History()  # steps taken before this belong to settings that are gone
    document.saved = detection.stamps.now


def write(image, detection, settings, edits, stamp, beside=False):
    """Save the final mask, the confidence and the edits; worker.

    detection: its confidence and provenance are saved; settings: MaskSettings; edits: a copy of the
    plane or None; stamp: of the file when it was opened, for a file that changed since is refused;
    beside: into a file of its own beside the image's, which may then have changed.
    Returns files.save.SaveResult; raises files.save.SaveError.
    """
    from glview.files.save import save_mask

    confidence, known = detection.confidence, dict(detection.provenance)
    if detection.running:  # the model fills it at this moment
        confidence = confidence.copy()
    found = mask.final_mask(confidence, settings, edits)
    hand = np.zeros(1, np.uint8) if edits is None else edits
    provenance = {
        **known,
        "version": glview.__version__,
        "threshold": settings.threshold,
        "dilation": settings.dilation,
        "shape": settings.shape,
        "added": int(np.count_nonzero(hand == EDIT_ADD)),
        "deleted": int(np.count_nonzero(hand == EDIT_DELETE)),
    }
    if image.planes > 1:
        provenance["plane"] = image.plane
    kept = edits if edits is not None and np.any(edits != EDIT_NONE) else None
    return save_mask(image.path, found, confidence, kept, provenance, hdu=image.hdu,
                     unchanged_since=None if beside else stamp, beside=beside)
