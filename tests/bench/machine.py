"""What the figures were measured on, and how much of it other programs took (Linux)."""

import contextlib
import os
import platform
import threading
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def describe():
    """Lines on the machine and the programs."""
    import moderngl

    context = moderngl.create_context(standalone=True, backend="egl", require=330)
    renderer, version = context.info["GL_RENDERER"], context.version_code
    context.release()
    cores, memory = len(os.sched_getaffinity(0)), machine_memory() / 1e9
    return (
        f"{_processor()}, {cores} cores, {memory:.0f} GB memory",
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        f"OpenGL {version / 100:.1f}, {renderer}",
        f"load average {_load()} before the first section",
    )


def _processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def machine_memory():
    """Bytes of main memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _load():
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


class Watch:
    """From its making to `words`: how busy programs that are none of ours kept the machine."""

    def __init__(self):
        self._start = self._now()

    @staticmethod
    def _now():
        return time.monotonic(), _busy(), _ours()

    def words(self):
        """A sentence for the foot of a table."""
        wall, busy, ours = (b - a for a, b in zip(self._start, self._now(), strict=True))
        others = max(0.0, busy - ours) / wall / (os.cpu_count() or 1)
        return (f"In these {wall:.0f} s other programs used {others:.0%} of the machine; "
                f"load average {_load()}.")


def _busy():
    """CPU seconds that the whole machine has spent, idle time and guests' time left out."""
    user, nice, system, _, _, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


def _ours():
    """CPU seconds of this process and of its children, those that have ended too."""
    used = os.times()
    ended = used.user + used.system + used.children_user + used.children_system
    return ended + sum(map(cpu_seconds, children(os.getpid())))


def children(pid):
    """The processes that a process has started and that are still there."""
    # Each thread has a list of its own.
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has just ended
            found += map(int, path.read_text().split())
    return found


def cpu_seconds(pid):
    """CPU seconds that all threads of a process have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid):
    """(largest resident size ever, anonymous resident now) of a process, in 10**6 bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines)
    return tuple(int(values[name].split()[0]) * 1024 / 1e6 for name in ("VmHWM", "RssAnon"))


class Peak(threading.Thread):
    """From its start to `end`: the most anonymous memory that a process held.

    The kernel keeps count of it, so that looking every few milliseconds disturbs nobody.
    """

    PAUSE = 0.01

    def __init__(self, pid):
        super().__init__(daemon=True)
        self._pid, self._ended, self.anonymous = pid, threading.Event(), 0.0
        self.start()

    def run(self):
        while not self._ended.wait(self.PAUSE):
            with contextlib.suppress(OSError, KeyError):  # the process has just ended
                self.anonymous = max(self.anonymous, memory(self._pid)[1])

    def end(self):
        """Stop looking; returns the peak in 10**6 bytes."""
        self._ended.set()
        self.join()
        return self.anonymous
