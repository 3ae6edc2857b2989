"""Keeps what the user does in the state folder until it is saved, whatever becomes of the program.

Once a frame the history of each document is compared with what its log holds; what is missing goes
to a thread that writes it.  At its next opening a file's log is found, and the user is asked.
"""

from dataclasses import replace

from glview import recovering
from glview.editmirror import Kept, Mirror
from glview.files.editlog import LogError, head_of
from glview.files.source import path_text
from glview.files.unsaved import ClaimedError, Claims, Place, sweep
from glview.filing import Filing
from glview.findings import Findings, standing
from glview.logwriter import Log, Writer
from glview.recovering import Question
from glview.snapshot import Snapshot

COMPACT_BYTES = 32 << 20  # of a log, from which a save begins it anew


class Autosave:
    """Main thread only.

    folder: where it is kept, None for nowhere; ready: document -> True once what was saved with it
    is shown; wake: ends the window's sleep.
    """

    def __init__(self, workspace, jobs, folder=None, ready=lambda document: True,
                 wake=lambda: None):
        self.workspace, self._jobs, self._folder, self._ready = workspace, jobs, folder, ready
        self._kept, self._claims = {}, Claims()
        self._told, self._dropped = "", False
        self._writer = Writer(wake) if folder is not None else None
        self._filing = Filing(workspace, jobs, self._writer)
        if folder is not None:  # what is swept away or not is nothing to tell of
            jobs.start("sweep", lambda _: sweep(folder), lambda _: None, lambda _: None)

    def update(self):
        """Once a frame, after the user's input."""
        if self._writer is None:
            return
        document = self.workspace.document
        if document is not None and document.key not in self._kept and document.whole \
                and document.image.path is not None:
            self._kept[document.key] = Kept(document, self.workspace.entry)
            document.awaits.add("kept")
        for kept in tuple(self._kept.values()):
            if kept.state == "new" and self._ready(kept.document):
                self._look(kept)
            elif kept.state == "on":
                self._follow(kept)
            self._hold(kept)
        self._tell()

    def catch_up(self, document=None, save="", exact=True):
        """Write what was done until now; returns what waits until the disk has it, any thread.

        A saved file whose log lacks its last steps would get back what they had deleted.
        document, save: the one that is saved, and what its file is going to call that; exact: with
        every bit of its confidence.
        """
        for kept in self._kept.values():
            if kept.state == "on":
                self._follow(kept)
            if kept.state == "on" and kept.document is document and not kept.mirror.empty:
                whole = exact and not document.detection.running
                self._write(kept, kept.mirror.saving(document.history, whole, save))
        return self.sync

    def sync(self):
        """Wait until what was written is on the disk, or a few seconds; any thread."""
        if self._writer is not None:
            self._writer.sync()

    def forget(self, document):
        """The document is closed; what is kept of it goes, unless it is not on disk."""
        kept = self._kept.pop(document.key, None)
        if kept is None:
            return
        for work in ("kept", "keep", "record"):
            self._jobs.cancel(kept.job(work))
        if kept.state == "on" and not document.changed:
            self._end(kept)
        others = {one.place.name for one in self._kept.values() if one.place}
        if kept.place is not None and kept.place.name not in others:
            self._claims.release([kept.place.name])

    def drop(self):
        """The user does not want what is not saved: at the end of the program it goes."""
        self._dropped = True

    def close(self):
        """Write what is left; keep what is neither on disk nor unwanted."""
        for kept in self._kept.values():
            if kept.state == "on" and (self._dropped or not kept.document.changed):
                self._end(kept)
        if self._writer is not None:
            self._writer.close()
        self._claims.release(self._claims.names)

    # what was kept of a document before

    def _look(self, kept):
        image, folder, stamp = kept.document.image, self._folder, kept.entry.stamp
        disk = kept.document.detection.provenance.get("save"), stamp
        room = self.workspace.budget.memory
        if kept.document.barred:  # what was kept builds on what cannot be read
            self._stop(kept)
            return
        kept.state = "looking"

        def work(cancelled):
            place = Place.of(folder, image)
            self._claims.take(place)
            try:
                return (place, recovering.look(place, image.shape, cancelled, disk, room),
                        place.numbers), ""
            except LogError as error:
                left = path_text(place.put_aside())
                return (place, None, place.numbers), f"{error}; it is left in {left}"

        self._jobs.start(kept.job("kept"), work, lambda found: self._looked(kept, *found),
                         lambda error: self._not_looked(kept, error))

    def _looked(self, kept, there, trouble):
        document, name, (place, found, numbers) = kept.document, kept.entry.name, there
        self.workspace.arrived(document, "kept")
        if any(one is not kept and one.place == place for one in self._kept.values()):
            self._read_only(kept, f"{name} is in the list twice: change its mask where you opened "
                                  "it first; here it is read-only.")
            return
        kept.place, kept.state, kept.findings = place, "on", Findings(numbers)
        if trouble:
            self.workspace.notify(f"{name}: edits that were not saved cannot be restored: "
                                  f"{trouble}")
        self._begin(kept, Mirror(type(document.history)()), 0)
        kept.on_disk = kept.disk()
        if found is not None and found.search and not found.search.adds_to(document):
            found = replace(found, search=None)
        if found is not None and found.empty:
            if found.damage:
                self.workspace.notify(f"{name}: {found.damage}")
            if found.stamp == tuple(kept.entry.stamp or ()):  # else it may be of other values
                recovering.display(document, found)
            self._clear(kept)
        elif found is not None:
            kept.state = "asking"
            kept.question = Question(found, Snapshot(document), kept.entry.stamp)
            document.barred = f"{name}: first restore or discard what was not saved."
            kept.asleep = kept.question.before

    def _not_looked(self, kept, error):
        self.workspace.arrived(kept.document, "kept")
        if isinstance(error, ClaimedError):
            self._read_only(kept, f"{kept.entry.name} is open in another glview ({error}); here it "
                            "is read-only: its mask can be neither changed nor saved. Close the "
                            "other one, then Ctrl+R.")
            return
        kept.state = "off"
        if not isinstance(error, OSError):
            raise error
        self.workspace.notify(f"What you do cannot be kept against a crash: {error}; save often.")

    def _read_only(self, kept, sentence):
        kept.document.barred = sentence
        self.workspace.notify(sentence)
        self._stop(kept)

    def _stop(self, kept):
        """Keep nothing, and let nobody change it."""
        self.workspace.arrived(kept.document, "kept")
        kept.state, kept.asleep = "off", Snapshot(kept.document)

    def _hold(self, kept):
        """Nobody changes a document that is read-only; whatever tool did, it is taken back."""
        document = kept.document
        if kept.asleep is not None and not kept.asleep.holds(document):
            kept.asleep.take_back(document)
            self.workspace.notify(document.barred)

    def question(self, document):
        """The Question about a document that waits for its answer, or None."""
        kept = None if document is None else self._kept.get(document.key)
        return kept.question if kept is not None else None

    def looking(self, document):
        """True until it is known what was kept of a document, and what the user wants of it."""
        kept = self._kept.get(document.key)
        if kept is None:
            return self._writer is not None and document.image.path is not None
        return kept.state in ("new", "looking", "asking")

    def show(self, document):
        """Show what the question is about, or hide it again."""
        kept = self._kept[document.key]
        question = kept.question
        question.put_back(document)
        question.shown = not question.shown
        if question.shown:
            recovering.restore(document, question.found)
        kept.asleep = Snapshot(document)

    def answer(self, document, restore):
        """Bring back what was kept, or throw it away."""
        kept = self._kept[document.key]
        question, kept.question, kept.asleep = kept.question, None, None
        question.put_back(document)
        kept.state, document.barred = "on", ""
        if not restore:
            self._clear(kept)
            self.workspace.told = "Discarded what was not saved; the mask is as it is on disk"
            return
        found = question.found
        known = recovering.restore(document, found)
        self._begin(kept, Mirror(document.history, max(1, len(found.entries)), known), found.size)
        kept.look = found.look
        recovering.again(document, question.before)
        for number, one in found.findings.items():
            kept.findings.know(number, one.confidence)
        confidence, kept.due = document.detection.confidence, True
        kept.told = 0 if standing(document) is None else kept.findings.number(confidence)
        kept.on_disk = kept.disk()
        self.workspace.told = "Restored what was not saved; Ctrl+S saves it"

    # what is done now

    def _begin(self, kept, mirror, size):
        """Write to a log of which there are `size` bytes."""
        head = head_of(kept.document.image, kept.entry.stamp)
        kept.mirror, kept.log, kept.look = mirror, Log(kept.place.log, head, size), None

    def _follow(self, kept):
        """Write what was done, found and saved since the last frame."""
        document, mirror, detection = kept.document, kept.mirror, kept.document.detection
        if detection.running:
            run = detection.run
            kept.findings.filled(detection.confidence if run is None else run.target)
        if not mirror.same(document.history):
            self._write(kept, mirror.news(document.history))
            kept.due = True
        if (entry := kept.look_news()) is not None:
            self._writer.hold(kept.log, entry)
        saved = kept.disk()
        if saved[0] is not kept.on_disk[0] or saved[1:] != kept.on_disk[1:]:
            kept.on_disk = saved
            self._was_saved(kept)
        now = detection.stamps.now, detection.running
        kept.due, kept.seen = kept.due or now != kept.seen, now
        self._filing.record(kept)
        if kept.due:
            self._filing.update(kept)

    def _write(self, kept, entries):
        for entry in entries:
            self._writer.write(kept.log, kept.findings.entry(entry))

    def _was_saved(self, kept):
        document = kept.document
        whole = document.on_disk
        if not document.changed and kept.log.size > COMPACT_BYTES:
            self._clear(kept)
        elif not kept.mirror.empty:
            self._write(kept, kept.mirror.saved(document.history, whole, kept.entry.stamp))
            kept.due, kept.told = True, 0 if whole else kept.told
        else:  # its log begins with the stamp of the file
            self._writer.do(kept.log, kept.log.clear)
            self._begin(kept, kept.mirror, 0)

    def _clear(self, kept):
        """Nothing needs to be kept: the document is on disk as it is, or unwanted."""
        self._writer.do(kept.log, kept.log.clear)
        kept.due, kept.told = True, 0
        history = kept.document.history
        self._begin(kept, Mirror(type(history)() if history.changed else history), 0)

    def _end(self, kept):
        """Nothing of it is kept any more."""
        kept.state = "off"  # a worker that is just writing a file looks at it afterwards
        for work in ("keep", "record"):
            self._jobs.cancel(kept.job(work))
        self._writer.do(kept.log, kept.log.clear)
        self._writer.do(kept.log, lambda: kept.place.remove(kept.place.numbers))
        self._writer.do(kept.log, lambda: kept.place.tiles.unlink(missing_ok=True))

    def _tell(self):
        """Tell of what keeps the writer from writing, as long as it does."""
        if not self._writer.faults.empty():
            raise self._writer.faults.get()
        failure, notices = self._writer.failure, self.workspace.notices
        words = "" if failure is None else (f"What you do cannot be kept against a crash: "
                                            f"{failure}; Ctrl+S saves it.")
        if words != self._told:
            notices[:] = [one for one in notices if one != self._told]
            if words:
                self.workspace.notify(words)
            self._told = words
