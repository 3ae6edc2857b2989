"""Run the stages on this computer, overlapped: while one frame is searched, the next is read and
the last is written.
"""

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

from glview.batch.rows import Row
from glview.core.cancel import Cancelled


def run(work, items, jobs=1, tick=None):
    """Yield a Row for each image, as they are finished.

    work: `work.Work`; jobs: frames searched at a time. One more is read ahead and at most two wait
    to be written, so memory does not grow with the number of files. tick(): called while waiting.
    After `work.stop` is set, or when the generator is closed, no search goes on; what was searched
    is written.
    """
    try:
        yield from _rows(work, items, jobs, tick)
    finally:
        waiting = work.flush()
    yield from waiting


def _rows(work, items, jobs, tick):
    with ThreadPoolExecutor(1, "read") as reader, ThreadPoolExecutor(jobs, "search") as searcher, \
            ThreadPoolExecutor(1, "write") as writer:
        line = _Line(work, (reader, searcher, writer), jobs, iter(work.frames(items)))
        try:
            while line.busy:
                yield from line.step(None if tick is None else 0.2)
                if tick is not None:
                    tick()
        finally:
            if line.busy:
                work.stop.set()


class _Line:
    """Futures of the three stages, handed on by the one thread that waits for them."""

    def __init__(self, work, pools, jobs, frames):
        self._work, self._jobs, self._frames = work, jobs, frames
        self._reader, self._searcher, self._writer = pools
        self._searching, self._writing = [], set()  # in order, so that a file's results come so
        self._reading, self._ended = None, False
        self._read()

    @property
    def busy(self):
        return bool(self._reading or self._searching or self._writing)

    def step(self, timeout):
        """Wait until a stage has finished something; returns the rows that are complete."""
        begun = {*self._searching, *self._writing, self._reading} - {None}
        ready = wait(begun, timeout, FIRST_COMPLETED).done
        complete = [row for future in ready & self._writing for row in future.result()]
        self._writing -= ready
        for future in [one for one in self._searching if one in ready]:
            self._searching.remove(future)
            if not isinstance(future.exception(), Cancelled):
                self._writing.add(self._writer.submit(self._work.write, future.result()))
        if self._reading in ready:
            frame, self._reading = self._reading.result(), None
            if frame is None or self._work.stop.is_set():
                self._ended = True
            elif isinstance(frame, Row):
                complete.append(frame)
            else:
                self._searching.append(self._searcher.submit(self._work.search, frame))
        self._read()
        return complete

    def _read(self):
        """Begin to read the next frame, unless enough of them wait already."""
        enough = len(self._searching) > self._jobs or len(self._writing) > 1
        self._ended |= self._work.stop.is_set()
        if not (self._ended or self._reading or enough):
            self._reading = self._reader.submit(next, self._frames, None)
