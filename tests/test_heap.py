"""Memory that networks free: it stays during a search, and goes back afterwards."""

import os
import platform
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from glview.models import heap, init_model

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


def _printed(code, **chosen):
    done = subprocess.run([sys.executable, "-c", LAYERS + code], capture_output=True, text=True,
                          check=True, env=os.environ | chosen)
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
    before, inside, trimmed, after, later = _printed("""
before = resident()
with kept():
    layers(8)
    inside = resident()
    trim()
    trimmed = resident()
    layers(8)
after = resident()
layers(8)
print(before, inside, trimmed, after, resident())
""")
    assert inside - before > 100 << 20
    assert max(trimmed, after, later) - before < 32 << 20


def test_what_the_environment_says_stays():
    before, inside, after = _printed("""
before = resident()
with kept():
    layers(8)
    inside = resident()
layers(8)
print(before, inside, resident())
""", MALLOC_TRIM_THRESHOLD_="65536")
    assert max(inside, after) - before < 32 << 20


def test_a_search_keeps_what_it_frees(monkeypatch):
    model, events = init_model("ACS-WFC", "cpu"), []

    @contextmanager
    def told():
        events.append("kept")
        yield
        events.append("back")

    def searched(*settings, frozen=model.parts[0].network.frozen):
        events.append("searched")
        return frozen(*settings)

    monkeypatch.setattr(heap, "kept", told)
    monkeypatch.setattr(model.parts[0].network, "frozen", searched)
    model.detect_cr(np.ones((8, 8)))
    assert events == ["kept", "searched", "back"]


def test_gaps_are_given_back_before_the_largest_layers(monkeypatch):
    network, events = init_model("NRES", "cpu").parts[0].network, []
    monkeypatch.setattr(heap, "trim", lambda: events.append("trim"))
    network.live([torch.zeros(1, 1, 16, 16)], events.append)
    at = events.index("trim")
    assert events.count("trim") == 1 and len(events) - at == 1 + 1 and events[at - 1] == 0.8
