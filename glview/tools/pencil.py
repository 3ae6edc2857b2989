"""The pencil: a round brush that writes one edit code; one drag is one step of the history."""

from glview.core.history import Stroke


class Pencil:
    """A stroke under way, and where the last one ended (for straight lines with Shift)."""

    def __init__(self):
        self._patches, self._at, self._value = [], None, 0
        self.active = False

    def press(self, document, pixel, size, value, straight=False):
        """Start at `pixel` (y, x) with a brush of `size` and an edit code.

        straight: draw a line from where the last stroke ended.
        """
        start = self._at if straight and self._at is not None else pixel
        self._patches, self._value, self.active = [], value, True
        self._draw(document, start, pixel, size)

    def drag(self, document, pixel, size):
        """Go on to `pixel`."""
        if self.active and pixel != self._at:
            self._draw(document, self._at, pixel, size)

    def release(self, document):
        """End the stroke; it becomes one step, unless it changed nothing."""
        if self.active and self._patches:
            document.history.record(Stroke(tuple(self._patches)))
        self._patches, self.active = [], False

    def _draw(self, document, start, end, size):
        patch = document.edits.draw(start, end, size, self._value)
        if patch is not None:
            self._patches.append(patch)
        self._at = end
