"""Detection from the window: a child process computes, tiles of confidence arrive as they come."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from glview.core.coverage import Coverage
from glview.core.mask import MaskSettings
from glview.core.plane import DENSE_PIXELS, FLOOR, Plane, confidence_for
from glview.models import registry
from glview.workspace import Document, Part

HANDLING = 0.008  # seconds of a frame that tiles may take; the rest comes with the next frame
STEP = 256  # pixels that the view's centre moves before the child is told, about a tile
PAUSE = 0.2  # seconds between two such words


@dataclass
class _Run:
    """The detection under way.

    model, why: its name and why it was chosen; before: what the document had; boxes: tiles that
    have come; resumed: the Part that it goes on from, or None; sha256: of the weights;
    looked, said: where the child knows that the person looks, and when it was told; ready: set
    when the tiles' way into a Plane is compiled.
    """

    document: Document
    model: str
    before: tuple
    resumed: Part | None
    looked: tuple[float, float]
    said: float = 0.0
    sha256: str = ""
    boxes: list = field(default_factory=list)
    events: deque = field(default_factory=deque)
    remote: Any = None
    ready: threading.Event = field(default_factory=threading.Event)

    def prepare(self, wake):
        """Load what tiles need, which at its first use would hold up a frame; then `wake`."""
        scratch = Plane((3, 3), np.float32, FLOOR)
        for few_then_many in np.eye(1, 3), np.eye(1), np.ones((3, 3)):
            scratch.put(0, 0, few_then_many.astype(np.float32))
        self.ready.set()
        wake()


class Detector:
    """At most one detection at a time.  wake: ends the window's sleep when an event has come."""

    def __init__(self, workspace, wake):
        self.workspace, self._wake = workspace, wake
        self._run = None
        self._labels, self._choice, self._hint = {}, (None, None), (None, "")
        self._together = None, {}

    @property
    def running(self):
        """The Document that a model works on, or None."""
        return self._run and self._run.document

    @property
    def behind(self):
        return self._run is not None and bool(self._run.events)  # no frame had the time for them

    def labels(self):
        """Model name -> words for the menu; models that are not installed say so."""
        if not self._labels:  # looked up once: it asks the file system for each model
            self._labels["auto"] = "auto: by the instrument"
            for name, info in registry.MODELS.items():
                known = registry.installed(name)
                self._labels[name] = info.title + ("" if known else " (not installed)")
        return self._labels

    def together(self):
        """Name -> words of the chosen model alone and with each other one; {} if that is open."""
        first = registry.first(self.workspace.model)
        if self._together[0] != first:
            self._together = first, registry.partners(first)
        return self._together[1]

    def hint(self, document):
        """A sentence on the chosen model."""
        key = (self.workspace.model, document.key)
        if self._hint[0] != key:
            self._hint = key, self._sentence(document)
        return self._hint[1]

    def _sentence(self, document):
        if self.workspace.model == "auto":
            return self._chosen(document)[1]
        try:
            info = registry.lookup(self.workspace.model)
        except registry.ModelError as error:  # a file of weights, or a name from another version
            path = Path(self.workspace.model)
            weights = path.is_file() and path.suffix.lower() != ".toml"
            return f"The weights in {path}." if weights else f"{error}."
        return f"{info.sentence} Expects {info.units}. {info.licence}."

    def _chosen(self, document):
        """(model, why) for a document; why is "" where the user named the model."""
        key = (self.workspace.model, document.key)
        if self._choice[0] != key:
            auto = self.workspace.model == "auto"
            chosen = registry.choose(document.image.header) if auto else (key[0], "")
            self._choice = key, chosen
        return self._choice[1]

    @staticmethod
    def credits():
        """A line on each model: what to cite, and its licence."""
        return [f"{info.title}: {info.citation}; {info.licence}"
                for info in registry.MODELS.values()]

    def can_continue(self, document):
        """True if a detection with the chosen model ended early here."""
        part = document.detection.part
        return part is not None and part.model == self._chosen(document)[0]

    def start(self, document, resume=False):
        """Begin to detect on `document`; a refusal becomes a notice.

        resume: go on where the last one ended, if it was of the same model.
        """
        if self._run is not None:
            return
        from glview.models.remote import Detection

        detection, view = document.detection, self.workspace.view
        name, why = self._chosen(document)
        part = detection.part if resume and self.can_continue(document) else None
        request = {"centre": (view.y, view.x), "stamp": self._stamp(document),
                   "known": part.boxes if part else ()}
        before = (detection.confidence, detection.covered, detection.provenance,
                  document.saved == detection.stamps.now)
        run = _Run(document, name, before, part, (view.y, view.x))
        try:
            run.remote = Detection(document.image, name, request, self._wake)
        except registry.ModelError as error:
            self.workspace.notify(f"Detection is not possible: {error}")
            return
        self._run = run
        if _is_large(document.image.shape):
            threading.Thread(target=run.prepare, args=(self._wake,), daemon=True).start()
        else:
            run.ready.set()
        detection.running, detection.covered = True, part.covered if part else 0.0
        detection.status = why or self.labels().get(name, f"The weights in {name}")

    def _stamp(self, document):
        """Of the document's file, as it was when it was opened or saved; None of an array."""
        stamps = (entry.stamp for entry in self.workspace.entries
                  if document in entry.documents.values())
        return next(stamps, None)

    def poll(self):
        """Take over what the child sent, as far as a frame has the time.  Main thread only."""
        if self._run is None:
            return
        self._steer()
        until, run = time.perf_counter() + HANDLING, self._run
        while run.ready.is_set() and self._run is run:
            run.events = run.events or deque(run.remote.poll())
            if not run.events:
                return
            self._handle(run.events.popleft())
            if time.perf_counter() > until:
                break
        if self.behind:
            self._wake()

    def _steer(self):
        """Tell the child where the person looks now."""
        run, view, now = self._run, self.workspace.view, time.monotonic()
        moved = max(abs(view.y - run.looked[0]), abs(view.x - run.looked[1]))
        here = self.workspace.document is run.document
        if here and moved > STEP and now > run.said + PAUSE:
            run.looked, run.said = (view.y, view.x), now
            run.remote.look(run.looked)

    def cancel(self):
        """Stop now; what was known before is shown again, or what came if that was nothing."""
        if self._run is not None:
            self._finish("Detection was cancelled.", restore=True, keep=True)

    def close(self):
        """Stop without a word, at the end of the program."""
        if self._run is not None:
            self._run.remote.close()
            self._run = None

    # events of the child

    def _handle(self, event):
        handlers = {"ready": self._on_ready, "progress": self._on_progress, "tile": self._on_tile,
                    "done": self._on_done, "error": self._on_error}
        for name in event.keys() & handlers.keys():
            handlers[name](event[name], event)

    def _on_ready(self, name, event):
        run = self._run
        document, detection = run.document, run.document.detection
        run.sha256 = event.get("sha256", "")
        if run.resumed is not None and run.resumed.sha256 != run.sha256:
            detection.part = run.resumed = None
            self._on_error("the weights are not those that it began with; detect anew", event)
            return
        if run.resumed is None:
            detection.confidence = confidence_for(document.image.shape)
        else:
            detection.confidence, run.boxes = run.resumed.confidence, list(run.resumed.boxes)
        detection.provenance = dict(event.get("provenance", {}))
        floor = getattr(detection.confidence, "floor", 0.0)
        if floor:
            detection.provenance["floor"] = floor
            self._say(f"Confidence below {floor:.3f} is kept as 0 in a frame of this size.")
        detection.stamps.touch((0, 0, *document.image.shape))
        detection.coverage = Coverage(document.image.shape)
        for box in run.boxes:
            detection.coverage.add(box)
        suggested = event.get("threshold")
        if suggested is not None and document.mask.threshold == MaskSettings().threshold:
            document.settle(document.mask, replace(document.mask, threshold=float(suggested)))
        self._note(event)

    def _on_progress(self, fraction, event):
        detection = self._run.document.detection
        detection.covered = max(detection.covered, float(fraction))

    def _on_tile(self, box, event):
        detection, (y0, x0, y1, x1) = self._run.document.detection, box
        if isinstance(detection.confidence, np.ndarray):
            detection.confidence[y0:y1, x0:x1] = event["values"]
        else:
            detection.confidence.put(y0, x0, event["values"])
        self._run.boxes.append(tuple(box))
        detection.coverage.add(box)
        detection.stamps.touch(box)

    def _on_done(self, _, event):
        detection = self._run.document.detection
        detection.covered, detection.part = 1.0, None
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
        detection = self._run.document.detection
        if sentence not in detection.status:
            detection.status = f"{detection.status}\n{sentence}".strip()

    def _finish(self, sentence, restore=False, keep=False):
        """End it.  restore: show what was there before; keep: or what came, if that was nothing."""
        run, detection = self._run, self._run.document.detection
        self._say(sentence)
        if restore:
            self._keep_part()
        if restore and not (keep and run.before[0] is None and run.boxes):
            detection.confidence, detection.covered, detection.provenance, on_disk = run.before
            detection.stamps.touch((0, 0, *run.document.image.shape))
            if on_disk:
                run.document.saved = detection.stamps.now
            part = detection.part
            if part is not None and part.confidence is detection.confidence:  # it was resumed
                detection.covered = part.covered
        detection.running = False
        self._run = None
        run.remote.close()

    def _keep_part(self):
        """Remember the tiles that have come, unless that is less than what is known already."""
        run, detection = self._run, self._run.document.detection
        old = detection.part
        more = old is None or old.model != run.model or len(old.boxes) < len(run.boxes)
        if run.boxes and more:
            detection.part = Part(run.model, run.sha256, detection.confidence, tuple(run.boxes),
                                  detection.covered)
            self._say(f"Continue goes on at {detection.covered:.1%}.")


def _is_large(shape):
    """True if not every pixel of a confidence of that shape is held."""
    return shape[0] * shape[1] > DENSE_PIXELS
