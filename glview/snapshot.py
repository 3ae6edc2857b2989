"""A document's mask as it was at a moment, to be put back."""

from glview.document import Finding


class Snapshot:
    """The mask of a document as it is now, with its history, so that it can be put back."""

    def __init__(self, document):
        history, detection = document.history, document.detection
        self.done, self._undone = list(history.done), list(history.undone)
        self._saved, self._verdicts = history.saved, dict(document.verdicts)
        self._mask, self._plane = document.mask, document.edits.plane.copy()
        self._finding, self._status = Finding.of(detection), detection.status
        self._on_disk = document.saved == detection.stamps.now

    def holds(self, document):
        """True if nothing was done since."""
        history = document.history
        return (len(history.done) == len(self.done) and len(history.undone) == len(self._undone)
                and (not self.done or history.last is self.done[-1]))

    def take_back(self, document):
        """Take back what the user did since."""
        history, count = document.history, len(self.done)
        while len(history.done) > count:
            history.undo(document)
        history.undone[:] = self._undone
        if not self.holds(document):
            self.put_back(document)

    def put_back(self, document):
        """Let the document be what it was, whatever happened to it."""
        history, detection = document.history, document.detection
        if not self.holds(document):
            document.edits.put(0, 0, self._plane)
        history.done[:], history.undone[:] = self.done, self._undone
        history.mark_saved(self._saved)
        document.mask = self._mask
        document.verdicts.clear()
        document.verdicts.update(self._verdicts)
        was = self._finding
        if detection.confidence is not was.confidence or detection.part is not was.part:
            was.show(document, (0, 0, *document.image.shape))
            detection.status = self._status
            if self._on_disk:
                document.saved = detection.stamps.now
