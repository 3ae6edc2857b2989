"""The process of a detection, from its start to its last words.  No torch here: it imports that."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import glview

MODULE = "glview.detectchild"  # named, not imported: it opens files, which this layer cannot
_TAIL = 600  # characters of the child's last words that a person is shown


class Child:
    """A new process that imports what it needs and waits to be asked.

    fds: descriptors that it inherits.  process: the Popen; stream: its events' end of a pipe of
    their own, so that nothing which is printed gets there.
    """

    def __init__(self, fds=()):
        folder = str(Path(glview.__file__).parents[1])
        paths = [folder, *filter(None, [os.environ.get("PYTHONPATH")])]
        # Threads that spin while they wait take the cores that the window draws with: beside one
        # busy thread on two cores, sleeping ones finish four times sooner.
        env = {"OMP_WAIT_POLICY": "PASSIVE"} | os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        self._complaints = tempfile.TemporaryFile()
        stream, end = os.pipe()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE, str(end)],
                stdin=subprocess.PIPE,
                stdout=self._complaints,
                stderr=self._complaints,
                env=env,
                pass_fds=[end, *fds],
            )
        except BaseException:
            os.close(stream)
            self._complaints.close()
            raise
        finally:
            os.close(end)
        self.stream = os.fdopen(stream, "rb")

    @property
    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """End it, whatever it does."""
        if self.alive:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.stream.close()
        self._complaints.seek(0)
        self._words = self._complaints.read().decode(errors="replace").strip()[-_TAIL:]
        self._complaints.close()

    def last_words(self):
        """A sentence on its end, after `stop`."""
        code = self.process.returncode
        why = " - out of memory?" if code == -9 else ""
        return f"the detector stopped by itself (exit code {code}{why}) {self._words}".strip()
