"""What the user did, in steps that can be taken back and done again."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from glview.core.edits import Patch


@dataclass(frozen=True)
class Set:
    """A setting of the document got another value.  name: the document's attribute."""

    name: str
    before: Any
    after: Any
    nbytes = 0

    def do(self, document):
        setattr(document, self.name, self.after)

    def undo(self, document):
        setattr(document, self.name, self.before)


@dataclass(frozen=True)
class Stroke:
    """Pixels changed by hand between pressing and releasing the button."""

    patches: tuple[Patch, ...]

    @cached_property
    def nbytes(self):
        """Main memory that it holds, in bytes."""
        return sum(patch.before.nbytes + patch.after.nbytes for patch in self.patches)

    def do(self, document):
        for patch in self.patches:
            document.edits.put(patch.y, patch.x, patch.after)

    def undo(self, document):
        for patch in reversed(self.patches):
            document.edits.put(patch.y, patch.x, patch.before)


@dataclass(frozen=True)
class Verdict:
    """Objects were judged.  changes: (y, x, before, after) of each: its anchor pixel, and what was
    and is said of it, "accepted", "rejected" or "" for nothing."""

    changes: tuple[tuple[int, int, str, str], ...]
    nbytes = 0

    def do(self, document):
        for y, x, _, after in self.changes:
            _judge(document.verdicts, (y, x), after)

    def undo(self, document):
        for y, x, before, _ in reversed(self.changes):
            _judge(document.verdicts, (y, x), before)


@dataclass(frozen=True)
class Searched:
    """What a model found inside `box` (y0, x0, y1, x1) took the place of an earlier finding.

    before, after: each has show(document, box); None where that is lost, as after a crash it may
    be: then the document stays as it is.
    """

    box: tuple[int, int, int, int]
    before: Any = None
    after: Any = None

    @cached_property
    def nbytes(self):
        """Main memory of what it goes back to, in bytes; less where a Plane shares its tiles."""
        return getattr(getattr(self.before, "confidence", None), "nbytes", 0)

    def do(self, document):
        if self.after is not None:
            self.after.show(document, self.box)

    def undo(self, document):
        if self.before is not None:
            self.before.show(document, self.box)


@dataclass(frozen=True)
class Together:
    """Steps that are done and taken back as one."""

    steps: tuple[Any, ...]

    @cached_property
    def nbytes(self):
        """Main memory that they hold, in bytes."""
        return sum(step.nbytes for step in self.steps)

    def do(self, document):
        for step in self.steps:
            step.do(document)

    def undo(self, document):
        for step in reversed(self.steps):
            step.undo(document)


def _judge(verdicts, anchor, said):
    if said:
        verdicts[anchor] = said
    else:
        verdicts.pop(anchor, None)


def _bar(step, side, words):
    lost = isinstance(step, Searched) and getattr(step, side) is None
    return f"What the model had found {words} was lost when glview ended" if lost else ""


class History:
    """Steps done and undone, without limit.

    A step is recorded after it happened, for a drag shows its effect before it ends.
    """

    def __init__(self):
        self.done, self.undone = [], []
        self._saved, self._weighed = None, ((0, 0, None), 0)

    @property
    def last(self):
        """The step that would be undone next, or None."""
        return self.done[-1] if self.done else None

    @property
    def undo_bar(self):
        """Why the last step cannot be taken back, a sentence, or ""."""
        return _bar(self.last, "before", "before this search")

    @property
    def redo_bar(self):
        """Why what was taken back last cannot be done again, or ""."""
        return _bar(self.undone[-1] if self.undone else None, "after", "by this search")

    @property
    def changed(self):
        """True if the document is another one than when `mark_saved` was told."""
        return self.last is not self._saved

    @property
    def saved(self):
        """The step that was `last` in the document that is on disk, or None."""
        return self._saved

    @property
    def nbytes(self):
        """Main memory that all steps hold, in bytes; counted anew once they are others."""
        now = len(self.done), len(self.undone), self.last
        known, total = self._weighed
        if known[:2] != now[:2] or known[2] is not now[2]:
            total = sum(step.nbytes for step in (*self.done, *self.undone))
            self._weighed = now, total
        return total

    @property
    def length(self):
        """Number of steps in line: those done, and after them those that can be done again."""
        return len(self.done) + len(self.undone)

    def at(self, place):
        """The step at that place in line, the first at 0."""
        count = len(self.done)
        return self.done[place] if place < count else self.undone[count - place - 1]

    def load(self, steps, place):
        """Begin with these steps in line; the document shows the first `place`, and is on disk."""
        self.done, self.undone = list(steps[:place]), list(reversed(steps[place:]))
        self._saved = self.last

    def mark_saved(self, step):
        """What is on disk is the document as it was when `step` was its `last`."""
        self._saved = step

    def record(self, step):
        """Keep a step that has happened; what was undone before is forgotten."""
        self.done.append(step)
        self.undone.clear()

    def amend(self, step):
        """Put `step`, which is the last one and more, in the place of the last one."""
        self.done[-1] = step
        self.undone.clear()

    def undo(self, document):
        """Take back the last step; False if there is none."""
        if not self.done:
            return False
        step = self.done.pop()
        step.undo(document)
        self.undone.append(step)
        return True

    def redo(self, document):
        """Do the last undone step again; False if there is none."""
        if not self.undone:
            return False
        step = self.undone.pop()
        step.do(document)
        self.done.append(step)
        return True
