"""The pictures that are compared: other documents, and twins of the one on screen."""

from copy import copy
from dataclasses import replace
from typing import NamedTuple
from weakref import WeakKeyDictionary

from glview.core.clean import cleaned
from glview.core.edits import Edits
from glview.core.mask import FinalMask
from glview.core.pools import Pools
from glview.document import Document
from glview.workspace import Overlay


class Side(NamedTuple):
    """What a pane, or the part of it on one side of the divider, is drawn from."""

    document: Document
    overlay: Overlay


class Sides:
    """Makes the sides.

    A twin is a copy of a document for one frame, which shares everything with it but what makes it
    another picture; `Document.twin` names that, so that its tiles are kept apart.
    """

    def __init__(self):
        self._unedited = WeakKeyDictionary()  # the document compared last -> Edits, Pools

    def of(self, workspace):
        """(left, right): right is None if nothing divides the image pane."""
        compare = workspace.compare
        right = self._side(workspace, compare.right) if compare.right else None
        return self._side(workspace, compare.whole), right

    def _side(self, workspace, kind):
        document, overlay = workspace.document, workspace.overlay
        if kind in ("image", "cleaned"):
            overlay = replace(overlay, shown=False)
        if kind == "previous":
            document = previous(workspace) or document
        elif kind == "model":
            document = self._without_edits(document)
        elif kind == "cleaned" and document.has_mask:
            document = _filled(document)
        return Side(document, overlay)

    def _without_edits(self, document):
        if not document.edits.any:
            return document
        if document not in self._unedited:
            shape = document.image.shape
            self._unedited = WeakKeyDictionary({document: (Edits(shape), Pools(shape))})
        twin = copy(document)
        twin.twin, (twin.edits, twin.pools) = "model", self._unedited[document]
        return twin


def _filled(document):
    mask = FinalMask(document.detection.confidence, document.mask, document.edits.plane)
    twin = copy(document)
    twin.twin, twin.image = "cleaned", cleaned(document.image, mask)
    return twin


def previous(workspace):
    """The document of the nearest open file before the current one, round and round, or None."""
    for back in range(1, len(workspace.entries)):
        document = workspace.entries[workspace.current - back].document
        if document is not None:
            return document
    return None
