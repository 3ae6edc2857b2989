"""A detection in a child process, so that it can be killed at once and never stalls the window.

No torch here: the child imports it.  It reads a file by itself, the pixels of an array lie in
memory that both share, and the confidence comes back tile by tile, so a gigapixel needs no room.
"""

import json
import os
import subprocess
import threading

from glview.core.cancel import Cancelled
from glview.models.blocks import Block
from glview.models.child import Child
from glview.models.frame import as_frame
from glview.models.registry import ModelError
from glview.models.wire import receive

WAITING = 1 << 25  # bytes of tiles that may lie here before the child has to wait
_BAND = 1 << 22  # pixels copied between two looks at `cancel`
_GRACE = 5.0  # seconds for a child that has closed its output to end


class _Mailbox:
    """Events from the thread to whoever polls.  `wake` is called after each."""

    def __init__(self, wake):
        self._events, self._nbytes, self._open = [], 0, True
        self._changed = threading.Condition()
        self._wake = wake

    def put(self, event):
        """Leave an event; waits while too many tiles lie here.

        Raises Cancelled where nobody wants them any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._nbytes < WAITING or not self._open)
            if not self._open:
                raise Cancelled
            self._events.append(event)
            self._nbytes += _nbytes(event)
        self._wake()

    def end(self, event):
        """Leave the last event, in any case."""
        with self._changed:
            self._events.append(event)
        self._wake()

    def take(self):
        """All events that lie here, oldest first."""
        with self._changed:
            events, self._events, self._nbytes = self._events, [], 0
            self._changed.notify_all()
        return events

    def shut(self):
        """Nobody waits for tiles any more."""
        with self._changed:
            self._open = False
            self._changed.notify_all()


def _nbytes(event):
    return event["values"].nbytes if "values" in event else 0


class Detection:
    """One running detection.

    image: whatever `Model.detect_cr` takes.  An Image with a path is opened once more by the child;
        any other is read on this object's thread.
    name, request: `request` may hold device, tiling, crop, tile, precision as in
        `glview.models.init_model`; centre (y, x), where the person looks, so the first tiles are
        there; known, boxes of tiles that an earlier detection brought and that are left out; box
        (y0, x0, y1, x1), all that is searched; stamp, of the file when it was opened (inode, size,
        mtime in ns): another file is refused; share, memory on the graphics card, see
        `glview.detectchild.Card`: the events of tiles that are there have "shared".
    wake: called without arguments from another thread after each event.  spare: a Child that waits
        to be asked, and is used up; None to start one.

    Raises ModelError for an image that cannot be searched.
    """

    def __init__(self, image, name="auto", request=None, wake=None, spare=None):
        self._image, self._frame = image, as_frame(image)
        self._request = {**(request or {}), "model": name, "shape": self._frame.shape}
        self._events = _Mailbox(wake or (lambda: None))
        self._cancelled = threading.Event()
        self._lock = threading.Lock()  # of _process, _asked and the request's centre
        self._process, self._spare, self._asked = None, spare, False
        self.running = True
        threading.Thread(target=self._work, name="glview-detect", daemon=True).start()

    def poll(self):
        """The events since the last call, oldest first; a list of dicts.

        {"loading": name}; {"ready": name, "sha256", "threshold", "notes", "provenance"};
        {"progress": fraction}; {"tile": [y0, x0, y1, x1], "values"}, (h, w) float32 in [0, 1], each
        box once; and as the last one {"done": true, "notes", "seconds"}, {"error": sentence} or
        {"cancelled": true}.  The child waits while WAITING bytes of tiles lie here.
        """
        return self._events.take()

    def look(self, centre):
        """The person looks at (y, x) now: the tiles there come next.  Never waits."""
        with self._lock:
            if not self._asked:
                self._request["centre"] = centre
            elif self._process is not None:
                self._order({"centre": centre})

    def cancel(self):
        """Kill the child now; the event {"cancelled": true} follows.  Harmless after the end."""
        with self._lock:
            self._cancelled.set()
            if self._process is not None and self._process.poll() is None:
                self._process.kill()
        self._events.shut()

    def close(self):
        """Cancel if it still runs, without waiting, and forget what came.

        The thread may be in the middle of a slow read; it ends by itself after that.
        """
        self.cancel()
        self.poll()

    def _order(self, order):
        try:
            os.write(self._process.stdin.fileno(), json.dumps(order).encode() + b"\n")
        except (BlockingIOError, BrokenPipeError):
            return  # it is busy with earlier ones, or dead, which its output tells

    def _work(self):
        """The thread: one last event whatever happens."""
        try:
            last = self._run()
        except Cancelled:
            last = {"cancelled": True}
        except (ModelError, OSError) as error:
            last = {"error": str(error)}
        except Exception as error:  # the reader's own exceptions, of a layer this one cannot name
            last = {"error": f"{type(error).__name__}: {error}"}
        self.running = False
        cancelled = self._cancelled.is_set() and "done" not in last
        self._events.end({"cancelled": True} if cancelled else last)

    def _run(self):
        path = getattr(self._image, "path", None)
        block = None if path is not None else Block(self._frame.shape)
        try:
            self._start(block)
            try:
                self._ask(self._file(path) if block is None else self._fill(block))
                last = self._listen(self._child.stream)
            finally:
                with self._lock:
                    self._process = None
                self._child.stop()
            return last or {"error": self._child.last_words()}
        finally:
            if self._spare is not None:
                self._spare.stop()
            if block is not None:
                block.close()

    def _start(self, block):
        """Have a child first: it starts while the picture is being copied."""
        with self._lock:
            if self._cancelled.is_set():
                raise Cancelled
            spare, self._spare = self._spare, None
            if block is not None or spare is None or not spare.alive:
                if spare is not None:
                    spare.stop()
                spare = Child([] if block is None else [block.fd])
            self._child, self._process = spare, spare.process

    def _file(self, path):
        """What the child needs to open the file by itself."""
        path = os.path.abspath(path)
        stamp = self._request.get("stamp") or self._image.stamp
        if stamp is None:
            status = os.stat(path)
            stamp = status.st_ino, status.st_size, status.st_mtime_ns
        return {"path": path, "hdu": self._image.hdu, "plane": self._image.plane, "stamp": stamp}

    def _fill(self, block):
        """Copy the picture into the block, in bands of rows."""
        height, width = self._frame.shape
        rows = max(1, _BAND // width)
        for y in range(0, height, rows):
            if self._cancelled.is_set():
                raise Cancelled
            y1 = min(y + rows, height)
            block.array[y:y1] = self._frame.read32(y, y1, 0, width)
        return {"block": block.fd}

    def _ask(self, where):
        with self._lock:
            request, stdin = self._request | where, self._process.stdin.fileno()
        line = json.dumps(request).encode() + b"\n"
        try:
            # Past the file's buffer: what it could not deliver it would try again at `close`.
            while line:
                line = line[os.write(stdin, line) :]
            os.set_blocking(stdin, False)
        except BrokenPipeError:
            return  # the child is dead already; `_listen` ends at once and its last words are told
        with self._lock:
            self._asked = True
            if self._request.get("centre") != request.get("centre"):  # they looked away meanwhile
                self._order({"centre": self._request["centre"]})

    def _listen(self, stream):
        """Pass the child's events on until the last one, which is returned; None if none came."""
        for event in receive(stream):
            if "done" in event or "error" in event:
                return event
            self._events.put(event)
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            return {"error": "the detector stopped talking; try again"}
        return None
