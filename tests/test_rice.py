"""The Rice decoder: judged by astropy's encoder and by the definition, and fed with nonsense."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io.fits.hdu.compressed._codecs import Rice1
from hypothesis import given, settings
from hypothesis import strategies as st

from glview.core import rice

GUARD = -123456789
ROOT = Path(__file__).parent.parent


def decode(code, bytepix, block, count, behind=0xA5):
    """The (count,) pixels, or None for damage; guards around code and pixels must be untouched."""
    data = np.full(len(code) + 7 + rice.PAD, behind, np.uint8)
    data[7 : 7 + len(code)] = np.frombuffer(code, np.uint8)
    before, out = data.copy(), np.full(count + 20, GUARD, np.int32)
    sound = rice.decode(data, 7, len(code), bytepix, block, out[10:-10])
    assert (out[:10] == GUARD).all() and (out[-10:] == GUARD).all() and (data == before).all()
    return out[10:-10] if sound else None


def by_definition(code, bytepix, block, count):
    """The same from the words of the standard, one bit after the other; None if bits run out."""
    bits = "".join(f"{byte:08b}" for byte in code)
    fsbits, fsmax, width = {1: (3, 6, 8), 2: (4, 14, 16), 4: (5, 25, 32)}[bytepix]
    place = 0

    def take(n):
        nonlocal place
        if place + n > len(bits):
            raise EOFError
        place += n
        return int(bits[place - n : place] or "0", 2)

    try:
        last, pixels = take(width), []
        while len(pixels) < count:
            fs = take(fsbits) - 1
            if fs > fsmax:
                return None
            for _ in range(min(block, count - len(pixels))):
                coded = 0
                if fs == fsmax:
                    coded = take(width)
                elif fs >= 0:
                    while not take(1):
                        coded += 1
                    coded = coded << fs | take(fs)
                last += -(coded + 1) // 2 if coded & 1 else coded // 2
                pixels.append(last)
    except EOFError:
        return None
    kind = {1: np.uint8, 2: np.int16, 4: np.int32}[bytepix]
    return np.array([pixel % (1 << width) for pixel in pixels], np.uint64).astype(kind)


WIDEST = st.integers(-(1 << 31), (1 << 31) - 1)
PIXELS = st.one_of(st.integers(-3, 3), st.integers(-200, 200), WIDEST)
FORMS = {"bytepix": st.sampled_from([1, 2, 4]), "block": st.sampled_from([16, 32])}


@settings(deadline=None, max_examples=300)
@given(pixels=st.lists(PIXELS, min_size=1, max_size=130), **FORMS)
def test_what_astropy_encodes_comes_back(pixels, bytepix, block):
    pixels = np.array(pixels, np.int64).astype(f"i{bytepix}")
    code = bytes(Rice1(blocksize=block, bytepix=bytepix, tilesize=len(pixels)).encode(pixels))
    truth = pixels.view(np.uint8) if bytepix == 1 else pixels
    for behind in (0, 0xFF):
        np.testing.assert_array_equal(decode(code, bytepix, block, len(pixels), behind), truth)


@settings(deadline=None, max_examples=100)
@given(
    pixels=st.lists(PIXELS, min_size=1, max_size=70), cut=st.integers(1, 400), **FORMS,
    behind=st.sampled_from([0, 0xFF, 0x80]),
)  # fmt: skip
def test_a_code_that_ends_early_is_damage(pixels, cut, bytepix, block, behind):
    pixels = np.array(pixels, np.int64).astype(f"i{bytepix}")
    code = bytes(Rice1(blocksize=block, bytepix=bytepix, tilesize=len(pixels)).encode(pixels))
    assert decode(code[: max(0, len(code) - cut)], bytepix, block, len(pixels), behind) is None


@settings(deadline=None, max_examples=400)
@given(
    code=st.one_of(st.binary(max_size=90), st.lists(st.sampled_from([0, 0, 0, 1, 0x10, 0x28, 255]),
                                                    max_size=90).map(bytes)),
    bytepix=st.sampled_from([1, 2, 4]), block=st.sampled_from([1, 16, 32, 1 << 20]),
    count=st.integers(1, 150),
)  # fmt: skip
def test_any_bytes_mean_what_the_standard_says_or_are_damage(code, bytepix, block, count):
    truth = by_definition(code, bytepix, block, count)
    for behind in (0, 0xFF):
        values = decode(code, bytepix, block, count, behind)
        assert (values is None) == (truth is None)
        if truth is not None:
            np.testing.assert_array_equal(values, truth)


@settings(deadline=None, max_examples=200)
@given(flips=st.lists(st.integers(0, 8 * 900 - 1), min_size=1, max_size=9))
def test_flipped_bits_do_no_harm(flips):
    pixels = np.random.default_rng(5).normal(300, 12, 900).astype(np.int16)
    code = bytearray(Rice1(blocksize=32, bytepix=2, tilesize=900).encode(pixels))
    for flip in flips:
        code[flip // 8 % len(code)] ^= 1 << flip % 8
    values, truth = decode(bytes(code), 2, 32, 900), by_definition(bytes(code), 2, 32, 900)
    assert (values is None) == (truth is None)
    if truth is not None:
        np.testing.assert_array_equal(values, truth)


FUZZ = """
import numpy as np
from glview.core import rice
noise, sound = np.random.default_rng(2), 0
for k in range(4000):
    length, count = noise.integers(0, 60), noise.integers(1, 100)
    data = noise.integers(0, 256, length + rice.PAD, np.uint8)
    data[noise.random(len(data)) < noise.random()] = 0
    out = np.empty(count, np.int32)
    sound += rice.decode(data, 0, length, [1, 2, 4][k % 3], [16, 32, 1000][k % 7 % 3], out)
    rice.decode(data, length, 0, 1, 32, out)
print(sound)
"""


def test_no_index_leaves_its_array(tmp_path):
    """The same kernel, compiled with a check at each index: any bytes, arrays as short as said."""
    settings = {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command, environment = [sys.executable, "-c", FUZZ], {**os.environ, **settings}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert 0 < int(done.stdout) < 4000


def test_the_noise_is_that_of_the_standard():
    seed = 1
    for _ in range(10_000):
        seed = seed * 16807 % 2147483647
    values = rice.noise()
    assert seed == 1043618065  # the check that appendix I gives
    assert values.dtype == np.float32 and values[-1] == np.float32(seed / 2147483647)
    assert values[0] == np.float32(16807 / 2147483647) and len(values) == rice.N_RANDOM


@pytest.mark.parametrize("method", [rice.PLAIN, rice.DITHER_1, rice.DITHER_2])
def test_exact_zeros_and_blanks(method):
    raw = np.array([5, rice.EXACT_ZERO, -7, 5, 9, 0], np.int32)
    job = np.array([0, 0, 1, 2, 2, 3, -7, 0], np.int64)
    out = np.full((4, 6), 77.0)
    rice.linear(raw, job, np.array([2.0, 10.0]), method, rice.noise(), out)
    box = out[1:3, 2:5]
    assert np.isnan(box[0, 2]) and (np.isfinite(box).sum(), (out == 77).sum()) == (5, 18)
    assert (box[0, 1] == 0) == (method == rice.DITHER_2)
    shift = np.abs(box[1] - [20, 28, 10])
    assert (shift == 0).all() if method == rice.PLAIN else ((shift > 0) & (shift <= 1)).all()
