"""A detection in a child process, so that it can be killed at once and never stalls the window.

No torch here: the child imports it.  The picture and the confidence lie in memory that both share.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import deque
from pathlib import Path

import glview
from glview.core.cancel import Cancelled
from glview.models.blocks import Block
from glview.models.frame import as_frame
from glview.models.registry import ModelError

_BAND = 1 << 22  # pixels copied between two looks at `cancel`
_GRACE = 5.0  # seconds for a child that has closed its output to end
_TAIL = 600  # characters of the child's last words that a person is shown


class Detection:
    """One running detection.

    image: whatever `Model.detect_cr` takes; it is read on this object's thread.
    name, request: `request` may hold device, tiling, crop, tile and centre (y, x), as in
        `glview.models.init_model`; centre is where the person looks, so the first tiles are there.
    wake: called without arguments from another thread after each event.

    confidence: (H, W) float32 in [0, 1], shared with the child: 0 where no tile has come yet.
        It stays valid after `close`.
    Raises ModelError for an image that cannot be searched, or where memory lacks.
    """

    def __init__(self, image, name="auto", request=None, wake=None):
        self._frame = as_frame(image)
        self._image = Block(self._frame.shape)
        try:
            self._out = Block(self._frame.shape)
        except ModelError:
            self._image.unlink()
            raise
        self._request = {**(request or {}), "model": name}
        self._wake = wake or (lambda: None)
        self._events = deque()
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._process = None
        self.confidence = self._out.array
        self.running = True
        threading.Thread(target=self._work, name="glview-detect", daemon=True).start()

    def poll(self):
        """The events since the last call, oldest first; a list of dicts.

        {"loading": name}; {"ready": name, "sha256", "threshold", "notes", "provenance"};
        {"progress": fraction}; {"tile": [y0, x0, y1, x1]} where the confidence has come; and as
        the last one {"done": true, "notes", "seconds"}, {"error": sentence} or
        {"cancelled": true}.
        """
        events = []
        while self._events:
            events.append(self._events.popleft())
        return events

    def cancel(self):
        """Kill the child now; the event {"cancelled": true} follows.  Harmless after the end."""
        with self._lock:
            self._cancelled.set()
            if self._process is not None and self._process.poll() is None:
                self._process.kill()

    def close(self):
        """Cancel if it still runs and give the shared names back, without waiting.

        The thread may be in the middle of a slow read; it ends by itself after that.
        """
        self.cancel()
        self._image.unlink()
        self._out.unlink()

    def _tell(self, event):
        self._events.append(event)
        self._wake()

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
        self._image.unlink()
        self._out.unlink()
        self.running = False
        self._tell({"cancelled": True} if self._cancelled.is_set() and "done" not in last else last)

    def _run(self):
        with tempfile.TemporaryFile() as complaints:
            self._start(complaints)
            try:
                self._fill()
                self._ask()
                last = self._listen()
            finally:
                self._stop()
            return last or {"error": self._last_words(complaints)}

    def _start(self, complaints):
        """Spawn the child first: it imports torch while the picture is being copied."""
        folder = str(Path(glview.__file__).parents[1])
        paths = [folder, *filter(None, [os.environ.get("PYTHONPATH")])]
        # Threads that spin while they wait take the cores that the window draws with: beside one
        # busy thread on two cores, sleeping ones finish four times sooner.
        env = {"OMP_WAIT_POLICY": "PASSIVE"} | os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        with self._lock:
            if self._cancelled.is_set():
                raise Cancelled
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "glview.models.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env=env,
            )

    def _fill(self):
        """Copy the picture into shared memory, in bands of rows."""
        self._image.reserve()
        self._out.reserve()
        height, width = self._frame.shape
        rows = max(1, _BAND // width)
        for y in range(0, height, rows):
            if self._cancelled.is_set():
                raise Cancelled
            y1 = min(y + rows, height)
            self._image.array[y:y1] = self._frame.read32(y, y1, 0, width)

    def _ask(self):
        blocks = {"image": self._image.path, "out": self._out.path, "shape": self._frame.shape}
        line = json.dumps(self._request | blocks) + "\n"
        try:
            # Past the file's buffer: what it could not deliver it would try again at `close`.
            os.write(self._process.stdin.fileno(), line.encode())
        except BrokenPipeError:
            return  # the child is dead already; `_listen` ends at once and its last words are told

    def _listen(self):
        """Pass the child's lines on until the last one, which is returned; None if it never came.

        The names are given back as soon as the child holds the blocks, so that nothing is left
        behind even if this process is killed.
        """
        for line in self._process.stdout:
            event = _event(line)
            if "done" in event or "error" in event:
                return event
            if "ready" in event:
                self._image.unlink()
                self._out.unlink()
            if event:
                self._tell(event)
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            return {"error": "the detector stopped talking; try again"}
        return None

    def _stop(self):
        with self._lock:
            process, self._process = self._process, None
        if process.poll() is None:
            process.kill()
        self._code = process.wait()
        process.stdin.close()
        process.stdout.close()

    def _last_words(self, complaints):
        complaints.seek(0)
        words = complaints.read().decode(errors="replace").strip()[-_TAIL:]
        why = " - out of memory?" if self._code == -9 else ""
        return f"the detector stopped by itself (exit code {self._code}{why}) {words}".strip()


def _event(line):
    """The event of one line; {} of what is none: a site's start-up hook may print before us."""
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
