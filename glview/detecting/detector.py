"""A detection from the window, from its start to its end; the work is done by a child process."""

import threading
import time
from collections import deque
from dataclasses import replace

from glview.core.history import Searched
from glview.core.mask import MaskSettings
from glview.core.shares import percent
from glview.detecting.choosing import Choosing
from glview.detecting.found import cut_to, with_region
from glview.detecting.run import Run, inside, is_large, say
from glview.detecting.spare import Spare
from glview.document import Finding, Part
from glview.models import registry

HANDLING = 0.008  # seconds of a frame that tiles may take; the rest comes with the next frame
STEP = 256  # pixels that the view's centre moves before the child is told, about a tile
PAUSE = 0.2  # seconds between two such words


class Detector:
    """At most one detection at a time.  wake: ends the window's sleep when an event has come.

    sharing: the window's `gl.sharing.Sharing`, or None.
    choice: the model that the next one is going to use.  ahead: processes may be started before
    they are asked for, as in a window that stays open.
    """

    def __init__(self, workspace, wake, sharing=None):
        self.workspace, self._wake, self._sharing = workspace, wake, sharing
        self.choice = Choosing(workspace)
        self.ahead, self._run, self._spare = False, None, Spare()

    @property
    def running(self):
        """The Document that a model works on, or None."""
        return self._run and self._run.document

    @property
    def behind(self):
        return self._run is not None and bool(self._run.events)  # no frame had the time for them

    @property
    def pace(self):
        """The `pace.Pace` of the one under way, or None."""
        return self._run and self._run.pace

    def expect(self):
        """A detection is likely soon: let its process start now."""
        if self.ahead and self._run is None:
            self._spare.start()
            if self._sharing is not None:
                self._sharing.expect()

    def can_continue(self, document):
        """True if a detection ended early here, whose model is there: it need not be chosen."""
        part = document.detection.part
        return part is not None and (part.model == self.choice.chosen(document)[0]
                                     or self.choice.knows(part.model))

    def again(self, document):
        """Search what the panes show with the chosen model; the rest stays as it is."""
        box = inside(document.seen, document.image.shape)
        if box is None:
            self.workspace.told = "Nothing of the image is in view"
        else:
            self.start(document, box=box)

    def start(self, document, resume=False, box=None):
        """Begin to detect on `document`; a refusal becomes a notice.

        resume: go on where the last one ended, with its own model.  box: search only
        these pixels (y0, x0, y1, x1), which then replace what an earlier search had found there.
        """
        if self._run is not None or self.workspace.refuses(document):
            return
        from glview.models.remote import Detection

        detection, view, shape = document.detection, self.workspace.view, document.image.shape
        name, why = self.choice.chosen(document)
        part = detection.part if resume and self.can_continue(document) else None
        if part is not None and part.model != name:
            name, why = part.model, ""
        run = Run(document, name, box or (0, 0, *shape), Finding.of(detection),
                  document.saved == detection.stamps.now, part, (view.y, view.x))
        request = {"centre": run.looked, "stamp": self.workspace.stamp_of(document),
                   "precision": self.workspace.precision,
                   "known": part.boxes if part else (), "box": None if run.whole else run.box,
                   "share": run.borrow(self._sharing)}
        try:
            run.begin(Detection(document.image, name, request, self._wake, self._spare.take()))
        except registry.ModelError as error:
            self.workspace.notify(f"Detection is not possible: {error}", document.image.name)
            return
        self._run = run
        if is_large(shape) or not run.whole:
            threading.Thread(target=run.prepare, args=(self._wake,), daemon=True).start()
        else:
            run.prepare(lambda: None)
        detection.running, detection.run = True, run
        detection.owed = detection.confidence is not None and not run.on_disk
        if run.whole:
            detection.covered = part.covered if part else 0.0
            run.pace.progress(detection.covered)
        detection.status = why or self.choice.labels().get(name, f"The weights in {name}")
        if not run.whole:
            self._say(f"Only in view: {box[3] - box[1]} x {box[2] - box[0]} pixels.")

    def poll(self):
        """Take over what the child sent, as far as a frame has the time.  Main thread only."""
        if self._run is None:
            return
        self._steer()
        until, run = time.perf_counter() + HANDLING, self._run
        while run.ready.is_set() and self._run is run:
            if run.shown and run.document.detection.confidence is not run.target:
                self._finish("The search was stopped: undo brought back what was there.")
                return
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
            run = self._run
            kept = run.before.confidence is None and run.boxes
            self._abandon("Detection was cancelled.", restore=not kept)

    def close(self):
        """Stop without a word, at the end of the program."""
        self._spare.close()
        if self._run is not None:
            self._run.remote.close()
            self._run = None
        if self._sharing is not None:
            self._sharing.close()

    # events of the child

    def _handle(self, event):
        handlers = {"ready": self._on_ready, "progress": self._on_progress, "tile": self._on_tile,
                    "done": self._on_done, "error": self._on_error}
        for name in event.keys() & handlers.keys():
            handlers[name](event[name], event)

    def _on_ready(self, name, event):
        run = self._run
        detection, part = run.document.detection, run.resumed
        run.sha256 = event.get("sha256", "")
        if part is not None:
            if part.sha256 != run.sha256:
                detection.part = run.resumed = None
                self._on_error("the weights are not those that it began with; detect anew", event)
                return
            run.boxes = list(part.boxes)
        detection.confidence, detection.coverage, run.shown = run.target, run.map(), True
        detection.provenance = self._origin(dict(event.get("provenance", {})))
        if run.whole:
            detection.stamps.touch(run.box)
        elif detection.part is not None and detection.part.confidence is run.before.confidence:
            detection.part = replace(detection.part, confidence=run.target)
        self._suggest(event.get("threshold"))
        self._note(event)

    def _origin(self, origin):
        """The provenance of the run's target, `origin` being that of the search."""
        run = self._run
        floor = getattr(run.target, "floor", 0.0)
        if floor:
            origin["floor"] = floor
            self._say(f"Confidence below {floor:.3f} is kept as 0 in a frame of this size.")
        before = run.before
        if not run.whole:
            return with_region(origin if before.confidence is None else before.provenance,
                               run.box, origin)
        if before.confidence is run.target and "regions" in before.provenance:
            origin["regions"] = before.provenance["regions"]
        return origin

    def _suggest(self, threshold):
        """Take the model's threshold, unless the user chose one or other pixels go by it."""
        run = self._run
        document, alone = run.document, run.whole or run.before.confidence is None
        if threshold is None or threshold == document.mask.threshold:
            return
        if alone and document.mask.threshold == MaskSettings().threshold:
            document.settle(document.mask, replace(document.mask, threshold=float(threshold)))
        elif not alone:
            self._say(f"This model suggests the threshold {threshold:g}.")

    def _on_progress(self, fraction, event):
        run, detection = self._run, self._run.document.detection
        run.pace.progress(fraction)
        if run.whole:
            detection.covered = max(detection.covered, float(fraction))

    def _on_tile(self, box, event):
        run, detection = self._run, self._run.document.detection
        run.put(box, event["values"], event.get("shared"))
        run.pace.pixels(event["values"].size)
        detection.coverage.add(box)
        if not run.whole:
            detection.covered = max(detection.covered, detection.coverage.share)
        detection.stamps.touch(box)

    def _on_done(self, _, event):
        run, detection = self._run, self._run.document.detection
        if run.whole:
            detection.covered, detection.part = 1.0, None
        before = run.before.confidence
        if before is not run.target and not (run.whole and before is None):
            run.document.history.record(Searched(run.box, run.before, Finding.of(detection)))
        self._note(event)
        seconds = event.get("seconds")
        self._finish(f"Done in {seconds:.1f} s." if seconds else "Done.")
        self.expect()  # for the next frame, or with another model

    def _on_error(self, sentence, event):
        self.workspace.notify(f"Detection failed: {sentence}", self._run.document.image.name)
        self._abandon("Detection failed; see the notice.")

    def _note(self, event):
        for note in event.get("notes", ()):
            self._say(note)

    def _say(self, sentence):
        say(self._run.document.detection, sentence)

    def _abandon(self, sentence, restore=True):
        """End it before it is done.  restore: show what was there before."""
        run = self._run
        document, detection = run.document, run.document.detection
        self._say(sentence)
        if run.whole:
            self._keep_part()
        elif run.boxes:
            self._say(f"What it found in view was {'dropped' if restore else 'kept'}.")
        if not (restore or run.whole):
            detection.provenance = cut_to(detection.provenance, run.boxes)
            document.history.record(Searched(run.box, run.before, Finding.of(detection)))
        if restore:
            now, more = Finding.of(detection), run.target is run.before.confidence
            run.before.show(document, run.box)
            if run.on_disk and not more:
                document.saved = detection.stamps.now
            if run.whole:
                detection.part = now.part
            if more and now.part is not None:  # it went on, and more of it is shown than before
                detection.covered, detection.coverage = now.part.covered, now.coverage
        self._finish(sentence)

    def _finish(self, sentence):
        run = self._run
        self._say(sentence)
        detection = run.document.detection
        detection.running, detection.run, self._run = False, None, None
        run.remote.close()

    def _keep_part(self):
        """Remember the tiles that have come, unless that is less than what is known already."""
        run, detection = self._run, self._run.document.detection
        old = detection.part
        more = old is None or old.model != run.model or len(old.boxes) < len(run.boxes)
        if run.boxes and more:
            detection.part = Part(run.model, run.sha256, detection.confidence, tuple(run.boxes),
                                  detection.covered)
            self._say(f"Continue goes on at {percent(detection.covered)}.")
