"""glview and DS9 in real windows on an X server of the benchmark's own."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from bench.machine import cpu_seconds

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0  # seconds until a program counts as stuck
POLL = 0.01  # seconds between two questions to a program
SIZE = (1280, 800)


class ProgramError(Exception):
    """A program that is measured did not do its part; the message says which and what it said."""


def command(name):
    """The path of a command of this Python environment, or None."""
    path = Path(sys.executable).with_name(name)
    return str(path) if path.exists() else None


def glview(*arguments):
    """The command line that runs glview as a user does."""
    installed = command("glview")
    return [*([installed] if installed else [sys.executable, "-m", "glview"]),
            *map(str, arguments)]


def environment(folder):
    """Variables for the programs: folders of their own, software OpenGL, byte code kept."""
    places = str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH")
    path = os.pathsep.join(filter(None, places))
    made = os.environ | {"LIBGL_ALWAYS_SOFTWARE": "1", "PYTHONPATH": path,
                         "XPA_METHOD": "local", "XPA_TMPDIR": str(folder / "xpa")}
    # The user's own settings stay out of it; glview looks its folders up as it does for a user.
    made.pop("GLVIEW_CONFIG", None)
    made |= {f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("CONFIG", "STATE", "DATA")}
    # With it, modules that pip did not compile would be compiled again at every start.
    made.pop("PYTHONDONTWRITEBYTECODE", None)
    return made


def wait_for(question, process, what):
    """Ask until the answer is true and return it; raises ProgramError if it never comes."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        answer = question()
        if answer:
            return answer
        if process.poll() is not None:
            raise ProgramError(f"{what}: it ended with exit code {process.returncode}")
        time.sleep(POLL)
    raise ProgramError(f"{what}: nothing after {PATIENCE:.0f} s")


def end(process):
    """Stop a program that was started here."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


class Stage:
    """An X server without a window manager, and the name server that DS9 answers through."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "xpa").mkdir(exist_ok=True)
        self.environment = environment(folder)
        self.has_ds9 = all(map(shutil.which, ("ds9", "xpaget", "xpaset", "xpans")))
        self._servers = []

    def __enter__(self):
        if not shutil.which("Xvfb"):
            raise ProgramError("Xvfb is missing; on Debian and Ubuntu: apt install xvfb")
        read, write = os.pipe()
        screen = f"{SIZE[0]}x{SIZE[1]}x24"
        self._serve(["Xvfb", "-displayfd", str(write), "-screen", "0", screen, "-nolisten", "tcp"],
                    pass_fds=(write,))
        os.close(write)
        with os.fdopen(read) as answer:
            self.environment["DISPLAY"] = f":{answer.readline().strip()}"
        self.environment.pop("WAYLAND_DISPLAY", None)
        if self.has_ds9:
            self._serve(["xpans"])
        return self

    def _serve(self, line, **options):
        self._servers.append(subprocess.Popen(
            line, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            **options))

    def window_of(self, pid):
        """The X id of the window of a program."""
        return self._xdo("search", "--sync", "--onlyvisible", "--pid", str(pid)).split()[0]

    def type(self, pid, key):
        """Press a key, by xdotool's name, in the window of a program."""
        self._xdo("windowfocus", self.window_of(pid), "key", key)

    def _xdo(self, *words):
        done = self.xdotool(words)
        if done.returncode or (words[0] == "search" and not done.stdout.strip()):
            raise ProgramError(f"xdotool {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def xdotool(self, words, lines=None):
        """Run xdotool, with `lines` as its input; raises ProgramError where there is none."""
        if not shutil.which("xdotool"):
            raise ProgramError("xdotool is missing; on Debian and Ubuntu: apt install xdotool")
        return subprocess.run(["xdotool", *words], env=self.environment, input=lines, text=True,
                              capture_output=True, check=False)

    def __exit__(self, *error):
        for server in reversed(self._servers):
            end(server)


class Shown:
    """A program with a picture in its window.

    seconds: from its start until then; cpu: CPU seconds that it had used when that was noticed;
    age: seconds since its start.
    """

    def __init__(self, stage, line):
        self._stage, self._log = stage, stage.folder / "program.log"
        with self._log.open("wb") as log:
            self._began = time.monotonic()
            self._process = subprocess.Popen(line, env=stage.environment, stdout=log, stderr=log)
        try:
            self.seconds = self._picture()
            self.cpu = cpu_seconds(self.pid)
        except ProgramError as error:
            end(self._process)
            raise ProgramError(f"{error}\n{self._log.read_text(errors='replace')}") from None

    @property
    def pid(self):
        return self._process.pid

    @property
    def age(self):
        return time.monotonic() - self._began

    def __enter__(self):
        return self

    def __exit__(self, *error):
        end(self._process)


class Glview(Shown):
    """glview with its window open; it tells itself when the first picture was drawn.

    options: more of the command line; program: what runs it, the command if not given.
    """

    name = "glview"

    def __init__(self, stage, path, *options, program=()):
        self._state = stage.folder / "state.json"
        self._state.unlink(missing_ok=True)
        size = "x".join(map(str, SIZE))
        words = (path, "--size", size, "--state", self._state, *options)
        super().__init__(stage, [*program, *map(str, words)] if program else glview(*words))

    def _picture(self):
        return wait_for(lambda: self.told().get("first_picture_s"), self._process, "glview")

    def until(self, *names):
        """Wait until the state says yes to all these names; returns the age at which it did."""
        wait_for(lambda: all(map(self.told().get, names)), self._process, "glview")
        return self.age

    def settle(self):
        """Wait until the whole file was read and everything is drawn from it."""
        self.until("settled", "sharp")

    def told(self):
        """The state after the last frame, {} before the first."""
        return json.loads(self._state.read_text()) if self._state.exists() else {}

    def quit(self):
        """Close the window as a user does; raises ProgramError if that is not how it ends."""
        self._stage.type(self.pid, "ctrl+q")
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise ProgramError("glview: Ctrl+Q did not end it") from None
        if code:
            raise ProgramError(f"glview ended with exit code {code}:\n"
                               f"{self._log.read_text(errors='replace')}")


class Ds9(Shown):
    """DS9 with its window open; when the picture is there is found by asking it over XPA."""

    name = "DS9"
    TITLE = "bench"

    def __init__(self, stage, path):
        size = "x".join(map(str, SIZE))
        super().__init__(stage, ["ds9", "-title", self.TITLE, "-geometry", size, str(path),
                                 "-zoom", "to", "fit"])

    def _picture(self):
        wait_for(self._is_fitted, self._process, "ds9")
        self._ask("xpaset", "-p", self.TITLE, "update", "now")
        return time.monotonic() - self._began

    def _is_fitted(self):
        """Before it carried `-zoom to fit` out, DS9 answers that the zoom is 1, or nothing."""
        answer = self._ask("xpaget", self.TITLE, "zoom").split()
        return bool(answer) and float(answer[0]) != 1.0

    def settle(self):
        """DS9 has done everything when `update now` returns."""

    def _ask(self, *line):
        return subprocess.run(line, env=self._stage.environment, capture_output=True,
                              text=True, check=False).stdout
