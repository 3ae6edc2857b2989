"""What becomes of the memory that a network frees.

glibc hands the memory of a layer back to the system when it is freed, and takes it anew, page by
page and zeroed, for the next layer: up to a sixth of the processor's time of a search.
"""

import ctypes
import os
import sys
from contextlib import contextmanager

_TRIM, _MAP = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of mallopt(3)
_KEPT = 1 << 30  # bytes that may lie free
_LARGE = 32 << 20  # blocks from here on are the system's in any case: the most that glibc takes
_CHOSEN = "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"


@contextmanager
def kept():
    """Meanwhile freed memory stays with the process, to be used again; afterwards it goes back.

    The process may be anybody's.  What it finds then is where glibc's own adaptation ends once a
    block of 32 MiB was freed.  Where the environment says what the allocator is to do, that stays.
    """
    if any(name in os.environ for name in _CHOSEN):
        yield
        return
    _set(_KEPT)
    try:
        yield
    finally:
        _set(2 * _LARGE)
        trim()


def trim():
    """What is free now goes back to the system: before blocks that do not fit into the gaps."""
    _call("malloc_trim", 0)


def _set(most):
    _call("mallopt", _MAP, _LARGE)
    _call("mallopt", _TRIM, most)


def _call(name, *numbers):
    """Call a function of glibc; other systems have their own ways."""
    function = getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
    if function is not None:  # musl has none
        function(*numbers)
