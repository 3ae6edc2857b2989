"""The pencil: a round brush that writes one edit code; one drag is one step of the history."""

from glview.core.history import Stroke


class Pencil:
    """A stroke under way, and where the last one ended (for straight lines with Shift).

    The step is in the history from its first pixel on and grows with the drag, so that an undo or a
    save in the middle of a drag finds there what is on the screen.
    """

    def __init__(self):
        self._document = self._at = self._step = None
        self._ended = None  # key of the last stroke's document, which may be closed by now
        self._value = 0

    def press(self, document, pixel, size, value, straight=False):
        """Start at `pixel` (y, x) with a brush of `size` and an edit code.

        straight: draw a line from where the last stroke in this document ended.
        """
        start = self._at if straight and document.key is self._ended else pixel
        self._document, self._step, self._value = document, None, value
        self._ended = document.key
        self._draw(start, pixel, size)

    def drag(self, document, pixel, size):
        """Go on to `pixel`; a stroke ends where the user leaves its document."""
        if document is not self._document:
            self.release(document)
        elif pixel != self._at:
            self._draw(self._at, pixel, size)

    def release(self, document):
        """End the stroke; what it drew is a step of its document's history already."""
        self._document = self._step = None

    def _draw(self, start, end, size):
        patches = self._document.edits.draw(start, end, size, self._value)
        self._at = end
        if not patches:
            return
        history = self._document.history
        if self._step is not None and history.last is self._step:
            self._step = Stroke((*self._step.patches, *patches))
            history.amend(self._step)
        else:
            self._step = Stroke(patches)
            history.record(self._step)
