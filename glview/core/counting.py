"""The objects of a mask that changes under the hand: what did not change is not counted again."""

import os
import threading
import time
from typing import Any, NamedTuple

from glview.core.candidates import Candidates
from glview.core.catalogue import Catalogue, Places
from glview.core.floor import most_pixels

AT_ONCE = 0.008  # seconds that a count may take of a frame
READS = 1 << 18  # pixels of the box of an image that may be read meanwhile: a stroke's


class Question(NamedTuple):
    """What is to be counted.  confidence, settings, edits: as for `objects.find_objects`; found,
    drawn: boxes in which the confidence and the edits differ from those that were counted last;
    numbers: of these changes, see `tiles.Stamps`."""

    confidence: Any
    settings: Any
    edits: Any
    found: list
    drawn: list
    numbers: tuple[int, int]


class Counted(NamedTuple):
    """What was found: a Catalogue, how many pixels are masked, how many seconds it took."""

    catalogue: Catalogue
    pixels: int
    seconds: float


class Counter:
    """Counts the objects of one picture again and again.

    image: as for `objects.find_objects`. One thread counts at a time, others wait for it.
    nbytes: memory held.
    """

    def __init__(self, image):
        self._image, self.nbytes = image, 0
        self._lock = threading.Lock()
        self._candidates = self._confidence = None
        self._seen = 0, 0
        self._pace = self._end = None  # CPU seconds of a band, and of joining them

    def ask(self, confidence, settings, edits, stamps):
        """The Question; stamps: (of the confidence, of the edits), `core.tiles.Stamps`.

        For the thread that changes these; what changes later is for the next question.
        """
        found, drawn = (one.since(seen) for one, seen in zip(stamps, self._seen, strict=True))
        return Question(confidence, settings, edits, found, drawn, tuple(one.now for one in stamps))

    def quick(self, question):
        """Whether the answer can be expected within AT_ONCE, by what earlier ones took."""
        known = self._candidates
        if self._pace is None or question.found or question.confidence is not self._confidence:
            return False  # nothing is known yet, or much of it has changed
        whole = not known.looks(question.settings)
        stale = known.bands if whole else len({*known.under(question.drawn), *known.stale})
        rounds = -(-stale // (os.cpu_count() or 1))
        return rounds * self._pace + self._end <= AT_ONCE

    def at_once(self, question):
        """The same as `count` if it does not take long; None if it does, would read much of the
        image, or cannot read it."""
        if not self._lock.acquire(blocking=False):
            return None
        until = time.perf_counter() + max(0.0, AT_ONCE - self._end)
        try:
            return self._count(question, lambda: time.perf_counter() > until, READS)
        except Exception:  # whatever it is: a worker takes longer, or meets it too and tells it
            return None
        finally:
            self._lock.release()

    def count(self, question, cancel=None):
        """The Counted.  cancel: callable -> bool, asked now and then.

        Raises Cancelled once cancel() is true, or what reading the image raises.
        """
        with self._lock:
            return self._count(question, cancel, None)

    def _count(self, question, cancel, reads):
        began = time.perf_counter()
        if self._candidates is None or question.confidence is not self._confidence:
            self._pace = self._candidates = None  # two of them would be too much memory
            self._candidates = Candidates(question.confidence, self._image, None, cancel,
                                          self._image.shape)
            self._confidence = question.confidence
        else:
            self._follow(question, cancel)
        self._seen = question.numbers
        catalogue, pixels = self._answer(question, cancel, reads)
        self.nbytes = self._candidates.nbytes + catalogue.objects.nbytes
        return Counted(catalogue, pixels, time.perf_counter() - began)

    def _follow(self, question, cancel):
        """Take over what changed; of a confidence that grew, fewer pixels stay candidates."""
        known, most = self._candidates, most_pixels(self._image.shape)
        for box in question.drawn:
            known.forget(box)
        if question.found:
            known.update(question.found, cancel)
            if known.count > 2 * most:
                known.thin(most)

    def _answer(self, question, cancel, reads):
        # CPU time: where a worker waits for the interpreter, a frame, which has it, does not.
        known = self._candidates
        paces = known.refresh(question.settings, question.edits, cancel=cancel, reads=reads)
        made = time.thread_time()
        joined = known.together()
        self._end = time.thread_time() - made
        if paces:
            self._pace = sum(paces) / len(paces)
        self._pace = self._pace or 0.0
        places = Places(joined, known.parts)
        return Catalogue(joined.objects, self._image.shape, places), joined.pixels
