"""A whole process, from its start to its end: seconds, CPU time and memory."""

import contextlib
import os
import subprocess
import time
from dataclasses import dataclass

from bench.machine import children, memory
from bench.programs import ProgramError, environment


@dataclass(frozen=True)
class Run:
    """seconds and cpu: of it and its children; peak: MB of the largest."""

    seconds: float
    cpu: float
    peak: float


def run(line, folder):
    """The Run of a command line; raises ProgramError if it fails."""
    log = folder / "run.log"
    with log.open("wb") as output:
        began = time.monotonic()
        process = subprocess.Popen(line, env=environment(folder), cwd=folder, stdout=output,
                                   stderr=output)
        peak, used = _watched(process)
        seconds = time.monotonic() - began
    if process.returncode:
        raise ProgramError(f"{line[0]} ended with exit code {process.returncode}:\n"
                           + log.read_text(errors="replace")[-2000:])
    return Run(seconds, used.ru_utime + used.ru_stime, peak)


def _watched(process):
    """Wait for the end: (largest resident size of any of its processes in MB, what it used).

    The size that wait4 tells is that of this process where it was larger, for fork copies it.
    """
    peak = 0.0
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return peak, used
        for one in (process.pid, *children(process.pid)):
            with contextlib.suppress(OSError, KeyError):  # it has just ended
                peak = max(peak, memory(one)[0])
        time.sleep(0.05)
