"""What the next save of a document is going to write, worked out by a worker while it is asked."""

from dataclasses import replace

from glview import saving
from glview.files.commit import SaveError


class Foresight:
    """Asks for one document at a time; the answer stands until something changes what is saved."""

    def __init__(self, workspace, jobs):
        self.workspace, self._jobs = workspace, jobs
        self._asked = self._answered = self._known = None

    def of(self, document):
        """Once a frame, while it is wanted: a Foreseen, a sentence that says why there is none, or
        None while it is being worked out."""
        if words := self._hindered(document):
            return words
        choices, last = self.workspace.saving, document.history.last
        entry = self.workspace.entry_of(document)
        key = document.key, document.mask_key, document.saved, choices, id(last), entry.stamp
        if key != self._asked and not self._jobs.has("foresee"):
            self._ask(document, key, choices, entry)
        return self._known if self._answered == key else None

    def _hindered(self, document):
        if document is None:
            return "No picture is open."
        if document.image.path is None:
            return "This picture has no file; its mask goes to the program that opened the window."
        if document.readonly:
            return document.readonly
        if document.detection.running:
            return "A model is at work; what it comes to is known when it is done."
        return "" if document.has_mask else "There is no mask to save yet: detect, or paint one."

    def _ask(self, document, key, choices, entry):
        self._asked, detection = key, replace(document.detection)
        settings, edits = document.mask, document.edits.plane.copy()
        more = {"sides": dict(entry.sides), "verdicts": dict(document.verdicts),
                "dq": choices.dq or document.dq, "look": document.stretch, "choices": choices}
        stamp = entry.stamp

        def work(cancelled):
            try:
                return saving.foresee(document.image, detection, settings, edits, stamp, **more)
            except SaveError as error:
                return f"It cannot be saved so: {error}"

        def done(found):
            self._answered, self._known = key, found

        self._jobs.start("foresee", work, done, lambda error: done(f"It is not known: {error}"))
