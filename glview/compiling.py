"""Compiling, which takes half a minute after an installation: in a process of its own.

In this one it would hold up frame after frame.
"""

import functools
import os
import subprocess
import sys
import threading
from pathlib import Path

import glview
from glview.core.cancel import Cancelled

CHILD = "glview.rehearsal"
PAUSE = 0.05  # seconds between two questions whether to go on waiting


class Compiler:
    """Starts the process where it is needed, and tells what is ready.

    child: the module that is run; it prints the names of acts, see `rehearsal`.
    """

    def __init__(self, child=CHILD):
        self._child, self._process, self._closed = child, None, False
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

    def load(self, cancelled=lambda: False):
        """Load all of them into this process, once they are compiled."""
        self.wait("", cancelled)
        _load()

    def close(self):
        """End the process, if it is still there; what it compiled stays."""
        with self._lock:
            self._begun = self._closed = True
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
        threading.Thread(target=self._listen, name="glview-compiling", daemon=True).start()

    def _listen(self):
        with self._process:
            for line in self._process.stdout:
                self._ready.add(line.strip())
            self._process.wait()
        self._ended.set()


@functools.cache
def _load():
    from glview import rehearsal

    rehearsal.edits()
    rehearsal.objects()
    rehearsal.tools()
