"""Compiling, which takes half a minute after an installation: in a process of its own.

In this one it would hold up frame after frame.
"""

import functools
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import glview
from glview.core.cancel import Cancelled
from glview.core.shares import progress

CHILD = "glview.rehearsal"
PAUSE = 0.05  # seconds between two questions whether to go on waiting
TELLING = 0.4  # seconds between two times that the window tells how far it is


class Compiler:
    """Starts the process where it is needed, and tells what is ready.

    child: the module that is run; it prints the names of acts, see `rehearsal`.  wake: ends the
    window's sleep when there is more to tell.
    share: of the work that is done, or None while nothing is being compiled.
    """

    def __init__(self, child=CHILD, wake=lambda: None):
        self._child, self._process, self._closed = child, None, False
        self._wake, self._since, self._after, self.share = wake, 0.0, "", None
        self._lock, self._begun = threading.Lock(), False
        self._ready, self._ended = set(), threading.Event()

    def wait(self, act, cancelled=lambda: False):
        """Return when the loops of an act are compiled, or never will be: then whoever needs them
        compiles them.  For workers; raises Cancelled once cancelled() is true."""
        with self._lock:
            if not self._begun:
                self._begun = True
                self._begin()
        while act not in self._ready and not self._ended.wait(PAUSE):
            if cancelled():
                raise Cancelled

    @property
    def words(self):
        """What is going on, for the user; "" while nothing is being compiled."""
        share = self.share
        if share is None:
            return ""
        return (f"compiling, once after {self._after}: {progress(share)}, "
                f"{time.monotonic() - self._since:.0f} s so far")

    def load(self, cancelled=lambda: False):
        """Load all of them into this process, once they are compiled."""
        self.wait("", cancelled)
        _load()

    def close(self):
        """End the process, if it is still there; what it compiled stays."""
        with self._lock:
            self._begun = self._closed = True
            self.share = None
            self._ended.set()
            if self._process is not None:
                self._process.stdin.close()

    def _begin(self):
        from glview.core import compiled

        if compiled.is_kept():
            self._ended.set()
            return
        folder = str(Path(glview.__file__).parents[1])
        paths = [folder, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", self._child, "--watched"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)})
        self._after = "an update" if compiled.was_kept() else "an installation"
        self._since, self.share = time.monotonic(), 0.0
        threading.Thread(target=self._listen, name="glview-compiling", daemon=True).start()

    def _listen(self):
        told = self._since
        with self._process:
            for line in self._process.stdout:
                word, _, share = line.strip().partition(" ")
                if word != "at":
                    self._ready.add(word)
                elif self.share is not None:
                    self.share = float(share)
                if time.monotonic() > told + TELLING:
                    told = time.monotonic()
                    self._wake()
            self._process.wait()
        self.share = None
        self._ended.set()
        self._wake()


@functools.cache
def _load():
    from glview import rehearsal

    rehearsal.edits()
    rehearsal.objects()
    rehearsal.tools()
