"""A setting of the mask while the mouse holds it."""

from imgui_bundle import imgui


class MaskDrag:
    """Makes one step of undo of all that a drag changes.  held: a drag is under way."""

    def __init__(self):
        self._began = None  # the document and its mask settings then

    @property
    def held(self):
        return self._began is not None

    def rescue(self, document):
        """Once a frame, before anything is drawn: end a drag whose end was not seen, for another
        file came or the panel went away while the mouse held it."""
        if self.held and (self._began[0] is not document or not imgui.is_any_item_active()):
            self.end()

    def begin(self, document):
        """The mouse takes hold of a setting of this document."""
        self._began = document, document.mask

    def end(self):
        """The mouse lets go: one step in the history of the document it began on."""
        if self.held:
            document, before = self._began
            document.settle(before, document.mask)
            self._began = None
