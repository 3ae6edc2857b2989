"""A kernel that refuses a chosen call, or kills at it: saves that strace watches.

`python refusing.py FOLDER` makes every kind of save in copies of FOLDER/KIND/start: in `clean`, to
learn its calls, then for each fault and each of them in FOLDER/KIND/FAULT-NUMBER. It prints, as
JSON, {kind: {"shim": the calls that `failing` sees, "kernel": those that strace sees, with their
files, fault: [(exit code, calls that were hit) for each of these]}}.

One strace serves all saves of a fault. It counts the calls of each name from the birth of a process
on and hits the same number in all of them, so a child first makes as many idle ones as bring the
call that is meant to that number.
"""

import ctypes
import gc
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import failing

FAULTS = {"KILL": "signal=KILL", "ENOSPC": "error=ENOSPC", "EIO": "error=EIO"}
GONE, TOGETHER = 9999, 6  # no descriptor; children at a time
NAMES = {  # the kernel's name -> the one in `os`, and arguments with which it does nothing
    "openat": ("open", ("", 0)), "close": ("close", (GONE,)), "write": ("write", (GONE, b"")),
    "pwrite64": ("pwrite", (GONE, b"", 0)), "fallocate": ("posix_fallocate", (GONE, 0, 1)),
    "copy_file_range": ("copy_file_range", (GONE, GONE, 1)),
    "ftruncate": ("ftruncate", (GONE, 0)), "fsync": ("fsync", (GONE,)),
    "fdatasync": ("fdatasync", (GONE,)), "fchmod": ("fchmod", (GONE, 0)),
    "fchown": ("fchown", (GONE, 0, 0)), "fsetxattr": ("setxattr", (GONE, "user.a", b"")),
    **dict.fromkeys(("rename", "renameat", "renameat2"), ("replace", ("", ""))),
    **dict.fromkeys(("unlink", "unlinkat"), ("unlink", ("",))),
    **dict.fromkeys(("mkdir", "mkdirat"), ("mkdir", ("",))),
}
TRACED = ",".join(f"?{name}" for name in NAMES)  # not every machine has each
CALL = re.compile(r"(\w+)\((.*)\) += (\S+)(.*)")
FILE = re.compile(r'[<"](/[^>"]*)')
OWN = re.compile(r"[0-9a-f]{32}|\.[0-9a-f]+-[0-9a-f]{8}-|^(clean|[A-Z]+-[0-9]+)$")  # of one save
TRACER, ANY = 0x59616D61, ctypes.c_ulong(-1)  # of prctl: who may trace, where not all may
FORBIDDEN = "strace may not watch another process here"
STATES = ("saved", "unchanged", "unfinished")  # by the exit codes of children


def main(folder):
    """See above."""
    found = {kind: {"shim": warmed(folder / kind, kind)} for kind in failing.KINDS}
    gc.disable()  # it would close files whenever it comes by
    clean = [(failing.copied(folder / kind / "start", "clean"), kind) for kind in found]
    calls = {}
    for (_, kind), (_, pid) in zip(clean, watched(folder / "clean", (), clean), strict=True):
        calls[kind] = [call for call in calls_of(folder / f"clean.{pid}") if call.writes]
        found[kind]["kernel"] = [call.text for call in calls[kind]]
    at = Counter()
    for call in chain(*calls.values()):
        at[call.name] = max(at[call.name], 2 * call.number + 5)  # no save comes so far by itself
    for fault, words in FAULTS.items():
        points = [(failing.copied(folder / kind / "start", f"{fault}-{number}"), kind, call.name,
                   at[call.name] - call.number)
                  for kind, made in calls.items() for number, call in enumerate(made)]
        inject = [word for name, number in at.items()
                  for word in ("-e", f"inject={name}:{words}:when={number}")]
        ends = watched(folder / fault, inject, points)
        for (_, kind, *_), (code, pid) in zip(points, ends, strict=True):
            hit = [call.text for call in calls_of(folder / f"{fault}.{pid}") if call.hit]
            found[kind].setdefault(fault, []).append((code, hit))
    print(json.dumps(found))


def warmed(folder, kind):
    """Make FOLDER/start and save once; returns the calls that `failing` sees."""
    place, disk = failing.start(folder, kind), failing.Disk()
    target = failing.copied(place, "warm")
    with failing.failing(disk):
        failing.save(target, kind)
    return disk.names


def watched(trace, options, points):
    """Save at each point (folder, kind, name of a call and how many idle ones come first) in a
    child of its own, all under one strace; returns (exit code, id) of each."""
    (hear, tell), (results, answer) = os.pipe(), os.pipe()
    parent = os.fork()
    if not parent:
        os.close(tell)
        ctypes.CDLL(None).prctl(TRACER, ANY, 0, 0, 0)
        if os.read(hear, 1):
            os.write(answer, json.dumps(ends_of(points)).encode())
        os._exit(0)
    os.close(answer)
    strace = subprocess.Popen(["strace", "-qq", "-ff", "-y", "-s0", "-o", trace, *options, "-e",
                               f"trace={TRACED}", "-p", str(parent)])
    while "TracerPid:\t0" in Path(f"/proc/{parent}/status").read_text():
        if strace.poll() is not None:
            sys.exit(FORBIDDEN)
        time.sleep(0.002)
    os.write(tell, b"!")
    with open(results) as file:
        found = json.load(file)
    os.waitpid(parent, 0)
    strace.wait()
    return found


def ends_of(points):
    """(exit code, id) of a child for each point."""
    ends = []
    for first in range(0, len(points), TOGETHER):
        children = [child(*point) for point in points[first : first + TOGETHER]]
        ends += [(os.waitstatus_to_exitcode(os.waitpid(one, 0)[1]), one) for one in children]
    return ends


def child(place, kind, name=None, idle=0):
    """Start one that saves; its exit code says which of STATES it is told. Returns its id."""
    started = os.fork()
    if not started:
        code = len(STATES)
        try:
            for _ in range(idle):
                with suppress(OSError):
                    getattr(os, NAMES[name][0])(*NAMES[name][1])
            code = STATES.index(told(place, kind))
        finally:
            os._exit(code)
    return started


def told(place, kind):
    """One of STATES: what a save in this folder says."""
    from glview.files.save import SaveError

    failing.state(place)
    try:
        failing.save(place, kind)
    except SaveError as error:
        return error.state
    return "saved"


class Call(NamedTuple):
    """A line of strace's. name: the kernel's; number: of how many with that name it is the last;
    text: what is the same in every save; writes: as `failing.writes`; hit: it had no effect."""

    name: str
    number: int
    text: str
    writes: bool
    hit: bool


def calls_of(trace):
    """The Calls of one process, in order."""
    counts, writable = Counter(), {}
    for line in trace.read_text(errors="replace").splitlines():
        if not (found := CALL.match(line)):
            continue
        name, words, result, more = found.groups("")
        counts[name] += 1
        writes = name != "close"
        if name == "openat":
            writes = "O_WRONLY" in words or "O_RDWR" in words
            writable[result.partition("<")[0]] = writes
        elif name == "close":
            writes = writable.pop(words.partition("<")[0], False)
        files = [OWN.sub("*", path.rpartition("/")[2]) for path in FILE.findall(words)]
        yield Call(name, counts[name], " ".join([NAMES[name][0], *files]), writes,
                   result == "?" or "INJECTED" in more)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
