"""Whether this window and a detector's process can share memory on the graphics card."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path

import glview
from glview.cuda import CudaError, Driver
from glview.gl.lent import Lent

MODULE = "glview.gl.probe"
MAKER = "NVIDIA"  # of the OpenGL that CUDA knows
SECONDS = 30.0  # that the trial may take


def place(ctx):
    """What draws in a context of moderngl."""
    return f"{ctx.info['GL_VENDOR']} {ctx.info['GL_RENDERER']}"


def command(*words):
    """What starts glview.gl.probe."""
    return [sys.executable, "-P", "-m", MODULE, *words]


def environment():
    """That of the process, by which it finds this very glview."""
    paths = [str(Path(glview.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def tried(words, seconds=SECONDS, started=lambda process: None):
    """What the command says of a trial in processes of its own, a dict with "ok" and "why".

    started: gets the process once there is one, the first of a group.
    """
    process = subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=environment(), start_new_session=True)
    started(process)
    try:
        said = process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # it may have started another one
        process.communicate()
        return {"ok": False, "why": f"a trial took more than {seconds:g} s"}
    try:
        found = json.loads(said.splitlines()[-1])
        return {**found, "ok": found["ok"] is True, "why": str(found["why"])}
    except (ValueError, LookupError, TypeError):
        return {"ok": False, "why": f"a trial ended with exit code {process.returncode}"}


class Sharing:
    """What a window lends on the card to the detector's process, for one search at a time.

    Nothing of CUDA is loaded here before a trial in processes of their own went well.
    platform: the window.  why: a sentence on why nothing is lent, "" if it is.
    """

    def __init__(self, platform):
        self._platform, self._driver, self._ordinal = platform, None, None
        self._thread = self._trial = self._lent = self._asked = None
        maker = platform.ctx.info["GL_VENDOR"]
        self._possible = platform.is_window and MAKER in maker
        self.why = "whether it can be shown from the card was not tried yet"
        if not self._possible:
            self.why = f"{maker} draws the window, not {MAKER}" if platform.is_window \
                else "there is no window"

    def expect(self):
        """A search is likely soon: find out whether it can be done."""
        if self._possible and self._thread is None:
            words = command(), place(self._platform.ctx)
            self._thread = threading.Thread(target=self._prepare, args=words, daemon=True)
            self._thread.start()

    def _prepare(self, words, here):
        """A thread: the trial, and then the driver, which takes a while to load."""
        try:
            found = tried(words, started=partial(setattr, self, "_trial"))
            if found["ok"] and found["place"] != here:
                found = {"ok": False, "why": f"it was tried with {found['place']}"}
            if not found["ok"]:
                self.why = found["why"]
                return
            driver, self._ordinal = Driver(), found["device"]
            driver.use(self._ordinal)
        except (CudaError, OSError) as error:
            self.why = str(error)
        else:
            self._driver, self.why = driver, ""

    def lend(self, shape, tell):
        """A `Lent` for a new search, or None; the one before is not there any more, and after one
        that failed there is none.

        Main thread only; tell: as of Lent.
        """
        def failed(why):
            self._driver, self.why = None, why
            tell(why)

        self.expect()
        self.close()
        if self._driver is None:
            return None
        if self._lent is not None:
            self.why = "the last search is still ending"
            return None
        ctx = self._platform.ctx
        try:
            self._driver.enter()
            if self._asked is not ctx and self._ordinal not in self._driver.drawing():
                raise CudaError("another card draws the window")
            self._asked = ctx
            self._lent, self.why = Lent(self._driver, self._ordinal, shape, failed), ""
        except CudaError as error:
            self.why = str(error)
        return self._lent

    def close(self):
        """Free what was lent, unless it is in use: then it is freed with the program.  A trial that
        goes on ends now."""
        if self._trial is not None and self._trial.poll() is None:
            with suppress(ProcessLookupError):  # it has just ended
                os.killpg(self._trial.pid, signal.SIGKILL)
        if self._lent is not None and not self._lent.busy:
            self._lent.close(self._platform.ctx)
            self._lent = None
