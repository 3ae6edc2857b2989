"""A disk that fails at a chosen call: the write-like functions of `os`, counted, killed or refused.
To open a file for writing and to close it are two of them.

`python failing.py FOLDER KIND` saves a mask again and again in copies of FOLDER/start, killed by
SIGKILL at the first write-like call, at the second, and so on; copy n is FOLDER/n. With a number
behind it, so many saves are killed at random moments.
"""

import errno
import fcntl
import os
import random
import shutil
import signal
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from astropy.io import fits

CALLS = ("write", "pwrite", "copy_file_range", "posix_fallocate", "ftruncate", "fsync", "fdatasync",
         "replace", "rename", "unlink", "fchmod", "fchown", "setxattr", "mkdir", "open", "close")
TAKING = ("write", "pwrite", "copy_file_range", "posix_fallocate", "fsync", "fdatasync", "mkdir",
          "open", "close")
SHAPE = (40, 50)
NOISE = np.random.default_rng(7)
SCENE = NOISE.normal(100, 9, SHAPE).astype(np.float32)
OLD, NEW = NOISE.random(SHAPE) > 0.9, NOISE.random(SHAPE) > 0.8
MAP = NOISE.random(SHAPE, np.float32)
KINDS = {  # name -> (method, what is saved before, if anything, what is saved)
    "append": ("append", None, (NEW, MAP)),
    "append-longer": ("append", (OLD,), (NEW, MAP)),
    "append-shorter": ("append", (OLD, MAP), (NEW,)),
    "copy": ("copy", None, (NEW, MAP)),
    "copy-again": ("copy", (OLD, MAP), (NEW,)),
    "beside": ("beside", None, (NEW,)),
    "beside-again": ("beside", (OLD,), (NEW, MAP)),
}


class Killed(BaseException):
    """The process is dead: what comes after has no effect."""


class Disk:
    """Counts the calls and lets one fail.

    at: the number of the call, or (name, n) for the n-th of that name. fault: "kill"; "die", which
    raises Killed at this call and at all that follow; an errno; or (errno, "on"): from then on all
    fail, of a full disk those that take space. torn: half of a write is done before it fails.
    """

    def __init__(self, at=None, fault=None, torn=False):
        self.at, self.fault, self.torn, self.names, self.fired = at, fault, torn, [], False

    def call(self, name, real, arguments, keywords):
        """One call of `os.name`."""
        if not writes(name, *arguments):
            return real(*arguments, **keywords)
        self.names.append(name)
        on = isinstance(self.fault, tuple) and self.fired
        if on and self.fault[0] == errno.ENOSPC and name not in TAKING:
            on = False
        if not (self._is_here(name) or on or (self.fired and self.fault == "die")):
            return real(*arguments, **keywords)
        self.fired = True
        if name == "close":  # the file is closed all the same, on Linux and by death
            real(*arguments)
        if self.torn and name in ("write", "pwrite"):
            fd, data, *rest = arguments
            real(fd, memoryview(data)[: len(data) // 128 * 64], *rest)  # sectors are never torn
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "die":
            raise Killed
        number = self.fault[0] if isinstance(self.fault, tuple) else self.fault
        raise OSError(number, os.strerror(number))

    def _is_here(self, name):
        if isinstance(self.at, tuple):
            return self.at == (name, self.names.count(name))
        return len(self.names) == self.at


def writes(name, what, flags=0, *others):
    """Whether a call of `os.name` may change what is on the disk."""
    if name == "open":
        return bool(flags & (os.O_WRONLY | os.O_RDWR))
    if name == "close":
        with suppress(OSError):
            return fcntl.fcntl(what, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
    return name != "close"


@contextmanager
def failing(disk):
    """While it lasts, the functions of `os` are those of a Disk."""
    real = {name: getattr(os, name) for name in CALLS if hasattr(os, name)}
    try:
        for name, call in real.items():
            setattr(os, name, lambda *arguments, name=name, call=call, **keywords:
                    disk.call(name, call, arguments, keywords))
        yield disk
    finally:
        for name, call in real.items():
            setattr(os, name, call)


def start(folder, kind):
    """Make FOLDER/start: frame.fits and, in state, the user's state; as before the save."""
    from glview.files.save import save_mask

    method, before, _ = KINDS[kind]
    place = folder / "start"
    place.mkdir(parents=True)
    state(place)
    fits.writeto(place / "frame.fits", SCENE)
    if before is not None:
        save_mask(place / "frame.fits", *before, method=method)
    return place


def copied(place, name):
    """A copy of a folder that `start` made, with its own state."""
    target = place.parent / str(name)
    shutil.copytree(place, target)
    state(target)
    return target


def state(place):
    """Let the user's state be in this folder from now on."""
    os.environ["GLVIEW_CONFIG"] = str(place / "state")


def save(place, kind):
    """The save of a KIND into a folder's frame."""
    from glview.files.save import save_mask

    method, _, planes = KINDS[kind]
    return save_mask(place / "frame.fits", *planes, method=method)


def main(folder, kind, count=None):
    """See above."""
    place = Path(folder) / "start"
    save(copied(place, "warm"), kind)  # all is imported now
    return killed_at_calls(place, kind) if count is None else killed(place, kind, int(count))


def killed(place, kind, count):
    """Kill so many saves, each at a random moment of the time that one takes."""
    throw, began = random.Random(9), time.perf_counter()
    save(copied(place, "timed"), kind)
    took = time.perf_counter() - began
    for number in range(1, count + 1):
        target = copied(place, number)
        child = os.fork()
        if not child:
            save(target, kind)
            os._exit(0)
        time.sleep(throw.uniform(0, 1.1 * took))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return 0


def killed_at_calls(place, kind):
    """Kill saves at each call; the exit code of the first that outlives this is returned."""
    number = 0
    while True:
        number += 1
        target = copied(place, number)
        child = os.fork()
        if not child:
            with failing(Disk(-(-number // 2), "kill", torn=number % 2 == 0)):
                save(target, kind)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code != -signal.SIGKILL:
            return code


def full(number=errno.ENOSPC):
    """The fault of a disk that is full from the failing call on."""
    return (number, "on")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
