"""How much memory glview may use: what the user allows, and what each part gets of it."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

LEAST = 16 << 20
LEAST_GPU = 64 << 20  # the fewest tiles that draw the panes, and previews
UNKNOWN = 8 << 30  # taken for the machine's memory where the system does not tell
GPU = 512 << 20  # no driver tells what is free in a way that all share
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)(?:I?B)?\s*", re.IGNORECASE)
_CGROUP = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True)
class Budget:
    """memory: bytes for what glview keeps of the images and masks; gpu: bytes of tiles on the GPU.

    The program itself, its libraries and the window come on top.
    """

    memory: int
    gpu: int = GPU

    @property
    def pyramid(self):
        """Bytes for the reduced levels of one image; a larger image keeps coarser ones alone."""
        return self.memory // 4


def default():
    """A quarter of what the machine, or the container it runs in, has."""
    return Budget(max(LEAST, machine_memory() // 4))


def machine_memory():
    """Bytes of main memory that this process may use at most."""
    try:
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        whole = UNKNOWN
    try:
        return min(whole, int(_CGROUP.read_text()))
    except (OSError, ValueError):  # no container, or one without a limit: "max"
        return whole


def parse_size(text, least=LEAST):
    """Bytes of "512M", "2G", "1.5GiB", "800000000"; raises ValueError for anything else, and for
    less than `least`."""
    found = _SIZE.fullmatch(text)
    if found is None or (size := int(float(found[1]) * _UNITS[found[2].upper()])) < least:
        raise ValueError(f"{text!r} is no {words_of(least)} or 2G")
    return size


def words_of(least):
    """What a size that is allowed is called."""
    return f"size from {least >> 20}M on, such as 512M"


def size_text(nbytes):
    """ "312 MB", "2.0 GB": of 1024s, as `parse_size` reads it."""
    if nbytes >= 1 << 30:
        return f"{nbytes / (1 << 30):.1f} GB"
    return f"{nbytes >> 20} MB"
