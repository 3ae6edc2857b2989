"""Keeps the confidences of documents in files of their own, in workers."""

from glview.files import confidence as sidecar
from glview.findings import NOTHING, about, plain, standing, wanted
from glview.recording import Recorder


class Filing:
    """Main thread only.  writer: the `logwriter.Writer` of their logs."""

    def __init__(self, workspace, jobs, writer):
        self.workspace, self._jobs, self._writer = workspace, jobs, writer

    def update(self, kept):
        """See to it that the files of a `editmirror.Kept` are those that are wanted."""
        if self._jobs.has(kept.job("keep")):
            return
        kept.due = False
        document, findings = kept.document, kept.findings
        asked = wanted(document)
        for one in asked:
            if findings.lacks(one.confidence):
                self._write(kept, one)
                break
        self._tell_found(kept)
        left = set() if document.detection.running else findings.left(asked)
        if left:  # the log first, for after a power cut it may name none that is gone
            self._writer.do(kept.log, lambda: (kept.log.sync(), kept.place.remove(left)))
        if kept.tiles and self._superseded(kept):
            kept.tiles, path = False, kept.place.tiles
            self._writer.do(kept.log, lambda: (kept.log.sync(), path.unlink(missing_ok=True)))

    def _superseded(self, kept):
        """True if what was recorded of a search is kept elsewhere, or is of no use any more."""
        detection, last = kept.document.detection, standing(kept.document)
        apart = detection.part is not None and detection.part.confidence is not detection.confidence
        lacks = last is not None and not kept.findings.has(last.confidence)
        writes = self._jobs.has(kept.job("record"))
        return not (detection.running or apart or lacks or writes)

    def record(self, kept):
        """Keep what has come of the search under way, in a worker."""
        run, job = kept.document.detection.run, kept.job("record")
        if run is None or not (run.whole and run.shown) or self._jobs.has(job):
            return
        if kept.recorder is None or kept.recorder.run is not run:
            kept.recorder, kept.tiles = Recorder(kept.place, run, kept.entry.stamp), True
        recorder = kept.recorder

        def work(cancelled):
            recorder.write(boxes, cancelled)
            _unless_wanted(kept, kept.place.tiles)

        if boxes := recorder.due():
            self._jobs.start(job, work, lambda _: self._recorded(kept),
                             lambda error: self._recorded(kept, error))

    def _recorded(self, kept, error=None):
        kept.due = True
        if error is not None:
            kept.recorder.stop()
            self._not_kept(kept, error)

    def _write(self, kept, finding):
        """Write the file of a Finding, in a worker."""
        number, findings = kept.findings.number(finding.confidence), kept.findings
        path, told = kept.place.confidence(number), about(finding)
        findings.begin(number)

        def work(cancelled):
            sidecar.write(path, finding.confidence, told, cancelled)
            _unless_wanted(kept, path)

        def done(_):
            findings.files.add(number)
            kept.due = True

        def failed(error):
            findings.give_up(number)
            kept.due = True
            self._not_kept(kept, error)

        self._jobs.start(kept.job("keep"), work, done, failed)

    def _tell_found(self, kept):
        """Tell the log of what is shown, once it has a file."""
        found, detection = standing(kept.document), kept.document.detection
        number = 0 if found is None else kept.findings.number(found.confidence)
        gone = detection.confidence is None and not detection.running
        if number == kept.told or not (gone or number in kept.findings.files):
            return
        kept.told, told = number, NOTHING
        if not gone:
            told = {"file": kept.place.confidence(number).name, "covered": found.covered,
                    "provenance": plain(found.provenance)}
        for entry in kept.mirror.found(told):
            self._writer.write(kept.log, entry)

    def _not_kept(self, kept, error):
        if not isinstance(error, OSError | sidecar.TooLargeError):
            raise error
        self.workspace.notify(f"{kept.entry.name}: what the model found cannot be kept against a "
                              f"crash ({str(error) or 'it is too large'}); Ctrl+S saves it.")


def _unless_wanted(kept, path):
    """Remove what a worker wrote of a document that was given up meanwhile; see `Autosave`."""
    if kept.state == "off":
        path.unlink(missing_ok=True)
