"""The state: the open files, what is known of each, and how they are looked at.

One tree.  Settings are frozen dataclasses that are replaced, so equal values mean equal pictures;
what the user would want back goes through the document's history; only the main thread writes here.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glview import budget
from glview.budget import Budget
from glview.core.compare import Compare
from glview.core.view import View
from glview.document import Document


@dataclass(frozen=True)
class Overlay:
    """How the mask is drawn.  colour: of model pixels on the image pane, RGB in [0, 1];
    opacity: 0 to 1; outline: only the border of the masked pixels; pane: what the mask pane
    shows, "mask" or "confidence"."""

    shown: bool = True
    colour: tuple[float, float, float] = (0.15, 0.75, 1.0)
    opacity: float = 0.6
    outline: bool = False
    pane: str = "mask"


@dataclass(frozen=True)
class Saving:
    """What a save writes beside the mask and the edits, and where.

    confidence: "exact", "rounded" to multiples of 2**-bits, or "none"; dq: the observatory whose
    flags are saved too, a key of files.dq.CONVENTIONS, or "" for what was saved before; method: as
    of files.save.save_mask.
    """

    confidence: str = "exact"
    bits: int = 16
    dq: str = ""
    method: str = "auto"

    @property
    def step(self):
        """What the confidence is kept in multiples of: 0.0 for every bit, 1.0 for none of it."""
        return {"exact": 0.0, "rounded": 2.0**-self.bits, "none": 1.0}[self.confidence]


@dataclass
class Entry:
    """One line of the file list.

    documents: what was opened of it, by (hdu, plane); shown: the key of the one on screen.
    coming: how far it is unpacked, while it is; partial: what can be seen of it meanwhile.
    error: why it cannot be shown.  stamp: of the file when it was opened or saved; sides: the same
    of its side files, by path.  side: the side file in another folder that was opened, or None.
    ext: the extension that the user asked for, a name or a number.  before: the stamp that was
    known when it was opened again, or None.  dates: when the masks that were read or saved here
    were made; outdated: those made before another program changed the file.
    """

    path: Path | None
    name: str
    ext: str | None = None
    documents: dict[tuple[int, int], Document] = field(default_factory=dict)
    shown: tuple[int, int] | None = None
    error: str = ""
    loading: bool = False
    coming: Any = None
    partial: Document | None = None
    stamp: tuple[int, int, int] | None = None
    sides: dict[Path, tuple | None] = field(default_factory=dict)
    side: Path | None = None
    before: tuple[int, int, int] | None = None
    dates: set[str] = field(default_factory=set)
    outdated: set[str] = field(default_factory=set)

    @property
    def nbytes(self):
        """Main memory that the file's pictures and masks hold, in bytes."""
        kept = 0 if self.document is None else self.document.image.kept()
        return kept + sum(document.nbytes for document in self.documents.values())

    @property
    def document(self):
        return self.documents.get(self.shown, self.partial)


@dataclass
class Workspace:
    """The whole state of the window.

    view: shared by all panes; fit: keep the whole frame in view; split: the image pane's share of
    the width.  cursor: (y, x) image pixel under the mouse or None.  notices: sentences the user has
    not closed; told: what was done last, for the status line; bare: only the pictures
    are shown.  closing: the user is being asked about unsaved changes.  budget: what memory may
    be used; cache: keep pyramids beside their files; saving: what a save writes.  precision: of
    a detection's sums, one of models.registry.  compare: what is looked at for comparison.
    """

    entries: list[Entry]
    current: int = 0
    view: View = field(default_factory=View)
    fit: bool = True
    tool: str = "hand"
    brush: int = 1
    split: float = 0.5
    overlay: Overlay = field(default_factory=Overlay)
    model: str = "auto"
    cursor: tuple[int, int] | None = None
    notices: list[str] = field(default_factory=list)
    told: str = ""
    bare: bool = False
    closing: bool = False
    budget: Budget = field(default_factory=budget.default)
    cache: bool = False
    saving: Saving = field(default_factory=Saving)
    precision: str = "float32"
    compare: Compare = field(default_factory=Compare)

    @property
    def entry(self):
        """The current line of the file list."""
        return self.entries[self.current]

    @property
    def document(self):
        """The current document, or None while there is none."""
        return self.entry.document if self.entries else None

    def entry_of(self, document):
        """The line that a document belongs to; None if it was closed."""
        return next((one for one in self.entries if document in one.documents.values()), None)

    def stamp_of(self, document):
        """That of a document's file when it was opened or saved; None of an array."""
        entry = self.entry_of(document)
        return None if entry is None else entry.stamp

    def refuses(self, document):
        """True if a document's mask cannot be changed now; then the user is told why."""
        if document.awaits:
            self.told = document.readonly
        elif document.barred:
            self.notify(document.barred)
        return bool(document.readonly)

    def arrived(self, document, name):
        """What a document awaited by that name is there, and nobody is told to wait for it."""
        waiting = document.readonly
        document.awaits.discard(name)
        if not document.awaits and self.told == waiting:
            self.told = ""

    def notify(self, sentence, name=""):
        """Show a sentence until the user closes it; the same sentence is shown once.

        name: of the file that it is about, which it begins with unless it has it anywhere.
        """
        if name and not _about(name).search(sentence):
            sentence = f"{name}: {sentence}"
        if sentence not in self.notices:
            self.notices.append(sentence)

    def unsay(self, name, begin=""):
        """Take back the sentences about a file that begin so: they no longer hold."""
        self.notices[:] = [one for one in self.notices
                           if not (one.startswith(begin) and _about(name).search(one))]


def _about(name):
    """What finds a file's name in a sentence, and not in a longer name."""
    return re.compile(rf"(?<!\S){re.escape(name)}(?!\w)")
