"""Files in and out of the system's page cache, and what reading one takes at least (Linux)."""

import ctypes
import mmap
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

READ = 8 << 20  # bytes at once
THREADS = 2


def drop(path):
    """Put a file out of memory, as far as the system lets go; returns the share that stays in."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())  # pages that are not on the disk yet stay
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return resident(path)


def resident(path):
    """The share of a file's pages that are in memory; raises OSError."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        pages = np.zeros(-(-len(mapped) // mmap.PAGESIZE), np.uint8)
        whole = np.frombuffer(mapped, np.uint8)
        libc = ctypes.CDLL(None, use_errno=True)
        failed = libc.mincore(ctypes.c_void_p(whole.ctypes.data), ctypes.c_size_t(len(mapped)),
                              ctypes.c_void_p(pages.ctypes.data))
        del whole  # or the map cannot be closed
        if failed:
            raise OSError(ctypes.get_errno(), "mincore")
        return float(np.count_nonzero(pages & 1)) / len(pages)


def read(path):
    """Seconds that two threads need to read a whole file into two buffers; it is warm afterwards.
    """
    size = os.path.getsize(path)
    with open(path, "rb", buffering=0) as file:
        def part(number):
            buffer = memoryview(bytearray(READ))
            for offset in range(number * READ, size, THREADS * READ):
                os.preadv(file.fileno(), [buffer], offset)

        began = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(part, range(THREADS)))
        return time.perf_counter() - began
