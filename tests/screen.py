"""A screen for the tests, and somebody who sits in front of it: Xvfb and xdotool."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
SIZE = (1400, 1000)
TELLING = """
import functools, sys
from glview import session
session.Options = functools.partial(session.Options, state=sys.argv[1])
"""
CLICKS = {"left": "1", "middle": "2", "right": "3", "up": "4", "down": "5"}


class ClientMessage(ctypes.Structure):
    """Xlib's XClientMessageEvent, as long as its XEvent."""

    _fields_ = (("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("sent", ctypes.c_int),
                ("display", ctypes.c_void_p), ("window", ctypes.c_ulong),
                ("message", ctypes.c_ulong), ("bits", ctypes.c_int), ("data", ctypes.c_long * 17))


class Screen:
    """An X server of its own, whose pixels can be read.

    Raises FileNotFoundError with the names of the packages where a program is missing.
    """

    def __init__(self, folder):
        missing = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
        if missing:
            raise FileNotFoundError(
                f"{' and '.join(missing)} not found: the tests of the real window need the Debian "
                "packages xvfb and xdotool; `make test` installs what .ci/system-packages names")
        command = ["Xvfb", "-displayfd", "1", "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24",
                   "-noreset", "-nolisten", "tcp", "-fbdir", str(folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE,
                                         stderr=subprocess.DEVNULL, text=True)
        self.display = f":{self._process.stdout.readline().strip()}"
        assert self.display != ":", "Xvfb did not start"
        self._frame = Path(folder) / "Xvfb_screen0"

    def close(self):
        self._process.terminate()
        self._process.wait(10)
        self._process.stdout.close()

    def picture(self):
        """(height, width, 3) int: what is on the screen, from the server's own memory."""
        data = self._frame.read_bytes()
        header = np.frombuffer(data, ">u4", 25)
        size, width, height, row, colours = header[[0, 4, 5, 12, 19]]
        assert header[7] == 0 and header[11] == 32, "little-endian pixels of 32 bits"
        start = size + colours * 12
        pixels = np.frombuffer(data, np.uint8, height * row, start).reshape(height, row // 4, 4)
        return pixels[:, :width, 2::-1].astype(int)

    def xdo(self, *words):
        """Run xdotool; returns what it printed."""
        done = subprocess.run(["xdotool", *map(str, words)], env=self.environment(), text=True,
                              capture_output=True, timeout=20)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def ask_to_close(self, window):
        """Send what the close button of a desktop's title bar sends; older xdotools cannot."""
        x11 = ctypes.CDLL("libX11.so.6")
        x11.XOpenDisplay.restype = ctypes.c_void_p
        x11.XInternAtom.restype = ctypes.c_ulong
        server = ctypes.c_void_p(x11.XOpenDisplay(self.display.encode()))
        event = ClientMessage(33, 0, 1, None, int(window),
                              x11.XInternAtom(server, b"WM_PROTOCOLS", 0), 32)
        event.data[0] = x11.XInternAtom(server, b"WM_DELETE_WINDOW", 0)
        x11.XSendEvent(server, ctypes.c_ulong(int(window)), 0, ctypes.c_long(0),
                       ctypes.byref(event))
        x11.XCloseDisplay(server)

    def set_resources(self, text):
        """Set what a desktop's settings set: X resources, such as "Xft.dpi: 192"."""
        x11 = ctypes.CDLL("libX11.so.6")
        x11.XOpenDisplay.restype = ctypes.c_void_p
        x11.XInternAtom.restype = x11.XDefaultRootWindow.restype = ctypes.c_ulong
        server, words = ctypes.c_void_p(x11.XOpenDisplay(self.display.encode())), text.encode()
        root = ctypes.c_ulong(x11.XDefaultRootWindow(server))
        names = [ctypes.c_ulong(x11.XInternAtom(server, name, 0))
                 for name in (b"RESOURCE_MANAGER", b"STRING")]
        x11.XChangeProperty(server, root, *names, 8, 0, words, len(words))
        x11.XCloseDisplay(server)

    def environment(self):
        return {**os.environ, "DISPLAY": self.display, "PYTHONPATH": str(ROOT)}


class Program:
    """glview in its window, as a process of its own; arguments: of the command line.

    code: run these lines of Python instead of the command; what it opens a window with writes the
    state, too.
    """

    def __init__(self, screen, folder, *arguments, code=None):
        self.screen, self._state = screen, Path(folder) / f"state{time.monotonic_ns()}.json"
        start = ["-m", "glview", "--state", str(self._state)]
        if code:
            start = ["-c", TELLING + code, str(self._state)]
        self.process = subprocess.Popen([sys.executable, *start, *map(str, arguments)],
                                        env=screen.environment(), cwd=folder, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        words = ("search", "--sync", "--onlyvisible", "--pid", self.process.pid)
        self.window = screen.xdo(*words).split()[0]

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()

    @property
    def state(self):
        """What the program wrote after its last frame."""
        try:
            return json.loads(self._state.read_text())
        except FileNotFoundError:
            return {"settled": False, "frame": 0, "file": None, "places": {}, "notices": []}

    def wait(self, true=lambda state: True, seconds=30.0, after=-1):
        """The state, when it is settled, `true` of it, and no new frame is drawn any more.

        after: number of a frame; wait for a later one, which shows what was done since.
        """
        end, before = time.monotonic() + seconds, None
        while True:
            state = self.state
            still = after < state["frame"] == before
            if still and state["settled"] and true(state):
                return state
            before = state["frame"]
            assert self.process.poll() is None, f"it ended: {self.process.stdout.read()}"
            assert time.monotonic() < end, f"it did not happen; the state is {state}"
            time.sleep(0.1)

    def ended(self, seconds=20.0):
        """(exit code, what it printed) when it ends by itself."""
        printed = self.process.communicate(timeout=seconds)[0]
        return self.process.returncode, printed

    # hands

    def at(self, place, across=0.5, down=0.5):
        """A point of the window: itself, or a share of the way across and down a named item."""
        if not isinstance(place, str):
            return place
        x, y, width, height = self.state["places"][place]
        return x + across * width, y + down * height

    def of_pixel(self, y, x, pane="image"):
        """The point of the window where an image pixel is drawn; rows go up."""
        view, (left, top, width, height) = self.state["view"], self.state["places"][pane]
        return (left + width / 2 + (x + 0.5 - view["x"]) * view["zoom"],
                top + height / 2 - (y + 0.5 - view["y"]) * view["zoom"])

    def move(self, place, across=0.5, down=0.5):
        x, y = self.at(place, across, down)
        self.screen.xdo("mousemove", "--window", self.window, round(x), round(y))

    def click(self, place, button="left", times=1, **where):
        self.move(place, **where)
        time.sleep(0.05)
        after = self.state["frame"]
        self.screen.xdo("click", "--repeat", times, "--delay", 60, CLICKS[button])
        return self.wait(after=after)

    def drag(self, start, end, steps=8):
        """Drag with the left button."""
        (x0, y0), (x1, y1) = self.at(start), self.at(end)
        self.move((x0, y0))
        time.sleep(0.05)
        self.screen.xdo("mousedown", 1)
        for step in range(1, steps + 1):
            self.move((x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps))
            time.sleep(0.02)
        after = self.state["frame"]
        self.screen.xdo("mouseup", 1)
        return self.wait(after=after)

    def key(self, *names, until=lambda state: True, seconds=30.0):
        """Type keys by xdotool's names, such as "ctrl+s"; returns the state when `until` is true.
        """
        after = self.state["frame"]
        for name in names:
            self.screen.xdo("key", name)
        return self.wait(until, seconds, after)

    def quit(self):
        """Ctrl+Q with nothing unsaved: (exit code, what it printed)."""
        self.screen.xdo("key", "ctrl+q")
        return self.ended()

    # eyes

    def picture(self):
        """(height, width, 3) int: the window's pixels as they are on the screen."""
        words = self.screen.xdo("getwindowgeometry", "--shell", self.window).split()
        place = {name: int(value) for name, value in (word.split("=") for word in words)}
        return self.screen.picture()[place["Y"] : place["Y"] + place["HEIGHT"],
                                     place["X"] : place["X"] + place["WIDTH"]]

    def part(self, name):
        """The pixels of a named item."""
        x, y, width, height = (round(edge) for edge in self.state["places"][name])
        return self.picture()[y : y + height, x : x + width]

    def cpu_seconds(self):
        """Processor time used so far by all threads of the program."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
