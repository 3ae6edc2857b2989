"""Detection from the window: a child process computes, tiles of confidence arrive as they come."""

from dataclasses import replace

from glview.core.mask import MaskSettings
from glview.models import registry


class Detector:
    """At most one detection at a time.  wake: ends the window's sleep when an event has come."""

    def __init__(self, workspace, wake):
        self.workspace, self._wake = workspace, wake
        self._remote = self._document = self._before = None
        self._labels, self._hint = {}, (None, "")

    @property
    def running(self):
        """The Document that a model works on, or None."""
        return self._document

    def labels(self):
        """Model name -> words for the menu; models that are not installed say so."""
        if not self._labels:  # looked up once: it asks the file system for each model
            self._labels["auto"] = "auto: by the instrument"
            for name, info in registry.MODELS.items():
                known = registry.installed(name)
                self._labels[name] = info.title + ("" if known else " (not installed)")
        return self._labels

    def hint(self, document):
        """A sentence on the chosen model."""
        key = (self.workspace.model, document.key)
        if self._hint[0] != key:
            self._hint = key, self._sentence(document)
        return self._hint[1]

    def _sentence(self, document):
        if self.workspace.model == "auto":
            return registry.choose(document.image.header)[1]
        try:
            info = registry.lookup(self.workspace.model)
        except registry.ModelError:  # a file of weights, or a name from another version
            return f"The weights in {self.workspace.model}."
        return f"{info.sentence} Expects {info.units}. {info.licence}."

    @staticmethod
    def credits():
        """A line on each model: what to cite, and its licence."""
        return [f"{info.title}: {info.citation}; {info.licence}"
                for info in registry.MODELS.values()]

    def start(self, document):
        """Begin to detect on `document`; a refusal becomes a notice."""
        if self._remote is not None:
            return
        from glview.models.remote import Detection

        detection = document.detection
        name, why = self.workspace.model, ""
        if name == "auto":
            name, why = registry.choose(document.image.header)
        view = self.workspace.view
        try:
            self._remote = Detection(document.image, name, {"centre": (view.y, view.x)}, self._wake)
        except registry.ModelError as error:
            self.workspace.notify(f"Detection is not possible: {error}")
            return
        self._document = document
        self._before = (detection.confidence, detection.covered, detection.provenance,
                        document.saved == detection.stamps.now)
        detection.running, detection.covered = True, 0.0
        detection.status = why or self.labels().get(name, f"The weights in {name}")

    def poll(self):
        """Take over what the child sent.  Main thread, once a frame."""
        if self._remote is None:
            return
        handlers = {"ready": self._on_ready, "progress": self._on_progress, "tile": self._on_tile,
                    "done": self._on_done, "error": self._on_error}
        for event in self._remote.poll():
            for name in event.keys() & handlers.keys():
                handlers[name](event[name], event)
            if self._remote is None:
                return

    def cancel(self):
        """Stop now; what was known before the start is shown again."""
        if self._remote is not None:
            self._finish("Detection was cancelled.", restore=True)

    def close(self):
        """Stop without a word, at the end of the program."""
        if self._remote is not None:
            self._remote.close()
            self._remote = None

    # events of the child

    def _on_ready(self, name, event):
        document = self._document
        detection = document.detection
        detection.confidence = self._remote.confidence
        detection.provenance = dict(event.get("provenance", {}))
        detection.stamps.touch((0, 0, *document.image.shape))
        suggested = event.get("threshold")
        if suggested is not None and document.mask.threshold == MaskSettings().threshold:
            document.settle(document.mask, replace(document.mask, threshold=float(suggested)))
        self._note(event)

    def _on_progress(self, fraction, event):
        self._document.detection.covered = float(fraction)

    def _on_tile(self, box, event):
        self._document.detection.stamps.touch(tuple(box))

    def _on_done(self, _, event):
        self._document.detection.covered = 1.0
        self._note(event)
        seconds = event.get("seconds")
        self._finish(f"Done in {seconds:.1f} s." if seconds else "Done.")

    def _on_error(self, sentence, event):
        self.workspace.notify(f"Detection failed: {sentence}")
        self._finish("Detection failed; see the notice.", restore=True)

    def _note(self, event):
        for note in event.get("notes", ()):
            self._say(note)

    def _say(self, sentence):
        detection = self._document.detection
        if sentence not in detection.status:
            detection.status = f"{detection.status}\n{sentence}".strip()

    def _finish(self, sentence, restore=False):
        document, remote = self._document, self._remote
        self._say(sentence)
        self._remote = self._document = None
        detection = document.detection
        detection.running = False
        if restore:
            detection.confidence, detection.covered, detection.provenance, on_disk = self._before
            detection.stamps.touch((0, 0, *document.image.shape))
            if on_disk:
                document.saved = detection.stamps.now
        remote.close()
