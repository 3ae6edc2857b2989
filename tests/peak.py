"""How much memory something takes at its worst, whatever the process took before."""

import resource
from pathlib import Path

RESET, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")  # of Linux


class Peak:
    """Of this process, from now on; where the system forgets no peak, only what exceeds the last.
    """

    def __init__(self):
        if RESET.exists():
            RESET.write_text("5")
        self._before = _kilobytes("VmRSS")

    @property
    def grown(self):
        """Bytes by which it was larger, at most, than when this began."""
        return (_kilobytes("VmHWM") - self._before) << 10


def _kilobytes(name):
    if not STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10  # bytes, on macOS
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
