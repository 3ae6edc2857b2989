"""What is under the cursor: pixel, exact value, sky position, confidence, and why it is masked."""

import math

import numpy as np

from glview.core import mask

WHY = {mask.NONE: "not masked", mask.MODEL: "model", mask.DILATED: "dilated",
       mask.ADDED: "added by hand", mask.DELETED: "deleted by hand"}


def exact(value):
    """A value as in the file: whole numbers whole, floats with just the digits that tell them
    apart from their neighbours in their own precision."""
    if not isinstance(value, np.floating):
        return str(value)
    if not math.isfinite(value):
        return str(float(value)).replace("nan", "NaN").replace("inf", "Inf")
    # numpy's str() goes over to exponents at other sizes for each type and release.
    if value == 0 or 1e-4 <= abs(float(value)) < 1e16:
        return np.format_float_positional(value, trim="0")
    return np.format_float_scientific(value, trim="-")


class Readout:
    """The line of text for the pixel under the cursor.

    The value is read by a worker, for a compressed file may take its time; what is in memory is
    looked up at once.
    """

    def __init__(self, jobs):
        self._jobs = jobs
        self._key, self._value = None, ""
        self.text = ""

    def update(self, document, cursor):
        """Bring `text` up to date for the pixel `cursor` = (y, x) or None."""
        if document is None or cursor is None or not _inside(cursor, document.image.shape):
            self.text = ""
            return
        y, x = cursor
        key = (document.key, y, x)
        if key != self._key:
            self._key, self._value = key, "..."
            image = document.image
            self._jobs.start(
                "readout", lambda cancelled: exact(image[y : y + 1, x : x + 1][0, 0]),
                lambda text: self._keep(key, text),
                lambda error: self._keep(key, f"cannot be read ({error})"))
        self.text = "   ".join(part for part in self._parts(document, y, x) if part)

    def _keep(self, key, text):
        if key == self._key:
            self._value = text

    def _parts(self, document, y, x):
        yield f"FITS {x + 1}, {y + 1}"
        yield f"array [{y}, {x}]"
        yield f"value {self._value}"
        yield document.sky(y, x) if document.sky is not None else None
        if document.has_mask:
            confidence, gaps = document.detection.confidence, document.detection.gaps
            unsearched = gaps is not None and not gaps.has(y, x)
            if unsearched:
                yield "not searched"
            elif confidence is not None:
                known = float(confidence[y, x])
                yield "confidence NaN" if math.isnan(known) else f"confidence {known:.4f}"
            code = mask.mask_state(confidence, document.mask, document.edits.plane,
                                   (y, x, y + 1, x + 1))[0, 0]
            yield None if unsearched and code == mask.NONE else WHY[int(code)]


def _inside(pixel, shape):
    return 0 <= pixel[0] < shape[0] and 0 <= pixel[1] < shape[1]
