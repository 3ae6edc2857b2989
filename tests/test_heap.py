"""Memory that networks free: it stays during a search, and goes back afterwards."""

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator")

LAYERS = """
import ctypes, resource
from contextlib import nullcontext
from glview.models.heap import kept, trim

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes, libc.memset.argtypes = [ctypes.c_void_p], [
    ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]

def layers(count):
    blocks = [libc.malloc(16 << 20) for _ in range(count)]
    for block in blocks:
        libc.memset(block, 1, 16 << 20)
    for block in reversed(blocks):
        libc.free(block)

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
"""


def _printed(code):
    done = subprocess.run([sys.executable, "-c", LAYERS + code], capture_output=True, text=True,
                          check=True)
    return [int(word) for word in done.stdout.split()]


def test_freed_layers_are_used_again_without_new_pages():
    plain, held = _printed("""
for mode in nullcontext, kept:
    with mode():
        layers(8)
        before = faults()
        for _ in range(5):
            layers(8)
        print(faults() - before)
""")
    assert plain > 5 * 8 * 1000  # else there is nothing to mend
    assert held < plain / 20


def test_all_goes_back_afterwards():
    before, inside, trimmed, after = _printed("""
before = resident()
with kept():
    layers(8)
    inside = resident()
    trim()
    trimmed = resident()
    layers(8)
print(before, inside, trimmed, resident())
""")
    assert inside - before > 100 << 20
    assert trimmed - before < 32 << 20 and after - before < 32 << 20
