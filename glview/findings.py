"""The confidences that a document shows, and that undo and redo bring back, in files of their own.

Each has a number, which names its file and stands for it in the log; see `files.confidence`.
"""

import time
import weakref
from collections.abc import Mapping

from glview.core.coverage import Coverage, joined
from glview.core.history import Searched, Together
from glview.document import Finding, Part
from glview.files import confidence as files
from glview.files.editlog import LogError
from glview.files.entrycheck import boxes_in, check

NOTHING = {"file": "-"}  # what a log says was found, once that is shown no more


class Findings:
    """Those of one document; main thread only.  files: numbers of the files that are there."""

    def __init__(self, files=()):
        self.files, self._hopeless, self._known = set(files), set(), {}
        self._stale = set()  # of the files, those that hold what it was before it was filled
        self._newest = max(self.files, default=0)

    def number(self, confidence):
        """The number of a confidence; 0 for None."""
        if confidence is None:
            return 0
        for number, known in self._known.items():
            if known() is confidence:
                return number
        self._newest = max(time.time_ns(), self._newest + 1)
        self.know(self._newest, confidence)
        return self._newest

    def know(self, number, confidence):
        """A confidence has this number."""
        self._known[number] = weakref.ref(confidence)

    def filled(self, confidence):
        """It is being changed, and has to be written anew; by its number, for steps name that."""
        self._known = {number: known for number, known in self._known.items()
                       if known() is not None}
        filled = {number for number, known in self._known.items() if known() is confidence}
        self._stale, self._hopeless = self._stale | filled, self._hopeless - filled

    def begin(self, number):
        """Its file is being written; what is filled from now on may not be in it."""
        self._stale.discard(number)

    def has(self, confidence):
        """True if there is a file of it, as it is now."""
        return self.number(confidence) in self.files - self._stale

    def lacks(self, confidence):
        """True if there is none, and can be one."""
        return not self.has(confidence) and self.number(confidence) not in self._hopeless

    def give_up(self, number):
        """There is no room for it."""
        self._hopeless.add(number)

    def left(self, wanted):
        """Numbers of files that hold none of the wanted Findings; they are no longer counted."""
        left = self.files - {self.number(one.confidence) for one in wanted}
        self.files -= left
        return left

    def entry(self, entry):
        """An entry of the log as it stands there."""
        def named(step):
            return Searched(step.box, *(None if one is None else self.number(one.confidence)
                                        for one in (step.before, step.after)))

        return _with_searches(entry, named)


def _searches(entry):
    """Every Searched in an entry of a log."""
    left = [*([entry["step"]] if "step" in entry else ()), *entry.get("line", ())]
    while left:
        step = left.pop()
        if isinstance(step, Together):
            left += step.steps
        elif isinstance(step, Searched):
            yield step


def _with_searches(entry, change):
    """An entry of a log with change(step) in the place of each Searched."""
    def changed(step):
        if isinstance(step, Together):
            return Together(tuple(map(changed, step.steps)))
        return change(step) if isinstance(step, Searched) else step

    entry = dict(entry)
    if "step" in entry:
        entry["step"] = changed(entry["step"])
    if "line" in entry:
        entry["line"] = list(map(changed, entry["line"]))
    return entry


def standing(document):
    """The Finding that is not on disk and is shown, or will be if the search under way is given
    up; None if there is none, or it is just being filled."""
    detection, run = document.detection, document.detection.run
    if run is not None:
        saved = run.on_disk and not document.lossy
        gone = saved or run.target is run.before.confidence
        found = None if gone else run.before
    else:
        gone = detection.running or document.on_disk
        found = None if gone else Finding.of(detection)
    return None if found is None or found.confidence is None else found


def wanted(document):
    """The Findings that should be in files, the most urgent first; what is being filled is not one
    yet."""
    history, run = document.history, document.detection.run
    found, target = [standing(document)], None if run is None else run.target
    for step in (*reversed(history.done), *history.undone):
        if isinstance(step, Searched):
            found += [step.before, step.after]
    return [one for one in found
            if one is not None and one.confidence is not None and one.confidence is not target]


def about(finding):
    """What is kept with a confidence, as JSON can hold it."""
    told = {"covered": finding.covered, "provenance": plain(finding.provenance)}
    coverage, part = finding.coverage, finding.part
    if finding.covered < 1.0 and coverage is not None and coverage.told:
        told["boxes"] = coverage.boxes
    if part is not None and part.confidence is finding.confidence:
        told["part"] = {"model": part.model, "sha256": part.sha256, "boxes": joined(part.boxes),
                        "covered": part.covered}
    return told


def plain(provenance):
    """What of a provenance JSON can hold."""
    return {name: value for name, value in provenance.items()
            if isinstance(value, str | int | float)}


def finding_of(confidence, told):
    """The Finding that `about` told of; raises LogError if that cannot be true."""
    try:
        check("found", {"file": "-", **told})
        part = told.get("part")
        boxes = boxes_in(told["boxes"], confidence.shape) if "boxes" in told else None
        coverage = None if boxes is None else Coverage.of(confidence.shape, boxes)
        return Finding(confidence, float(told.get("covered", 1.0)), coverage,
                       dict(told.get("provenance", {})),
                       None if part is None else part_of(confidence, part))
    except (ValueError, TypeError, LookupError) as error:
        raise LogError(f"what is told of the detection is damaged ({error})") from error


def part_of(confidence, told):
    """The Part that was told of; raises ValueError, TypeError or LookupError."""
    if not isinstance(told, Mapping):
        raise ValueError("no part of a detection")
    model, sha256, covered = told["model"], told["sha256"], told["covered"]
    check("found", {"file": "-", "covered": covered})
    if not isinstance(model, str) or not isinstance(sha256, str):
        raise ValueError("a model without a name")
    return Part(model, sha256, confidence, boxes_in(told["boxes"], confidence.shape),
                float(covered))


def load(entries, said, place, shape, cancelled, room):
    """What the entries of a log name, from the files beside it; for a worker.

    said: what a model had found last, as the log tells of it, or None; room: bytes of memory, from
    which on no other one is read.
    Returns (entries, {number of a file: Finding}, why that of `said` is not among them or ""): in
    the entries, the Searched hold their Findings, None for those that are lost, and a "found" has
    its own at "finding".  Raises Cancelled.
    """
    numbers, found, lost = set(), {}, ""
    last = place.number(said["file"]) if said is not None else 0

    def real(step):
        return Searched(step.box, *(Finding() if number == 0 else found.get(number)
                                    for number in (step.before, step.after)))

    for entry in entries:
        for step in _searches(entry):
            numbers |= {step.before, step.after}
    for number in sorted({last, *numbers} - {0, None}, key=lambda one: (one != last, -one)):
        try:
            if room <= 0:
                raise LogError("there is no memory for it")
            found[number] = finding_of(*files.read(place.confidence(number), shape, cancelled))
            room -= found[number].confidence.nbytes
        except (LogError, OSError) as error:
            lost = str(error) if number == last else lost
    entries = [_with_searches(entry, real) for entry in entries]
    for entry in entries:
        if "found" in entry:
            entry["finding"] = found.get(place.number(entry["found"]["file"]))
    return entries, found, lost
