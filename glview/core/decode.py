"""Numba loops from the bytes of a file to float32.

The values are those that numpy gives, to the bit: what is scaled is scaled in float64 and rounded
once.  Raw numbers come in rows of which a part is wanted: `raw` is (h, w), C-contiguous, in native
byte order; `out` is (h, n) float32, C-contiguous, and gets the columns from `skip` on.
"""

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def swap16(raw):
    """Turn round the bytes of each number of (n,) uint16, in place."""
    for i in range(raw.size):
        raw[i] = (raw[i] >> np.uint16(8)) | (raw[i] << np.uint16(8))


@numba.njit(cache=True, nogil=True)
def swap32(raw):
    """The same for (n,) uint32."""
    for i in range(raw.size):
        value = raw[i]
        inner = ((value >> np.uint32(8)) & np.uint32(0xFF00)) | (
            (value << np.uint32(8)) & np.uint32(0xFF0000))
        raw[i] = inner | (value >> np.uint32(24)) | (value << np.uint32(24))


@numba.njit(cache=True, nogil=True)
def swap64(raw):
    """The same for (n,) uint64: neighbouring bytes, then pairs, then fours."""
    bytes_, pairs = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
    for i in range(raw.size):
        value = raw[i]
        value = ((value >> np.uint64(8)) & bytes_) | ((value & bytes_) << np.uint64(8))
        value = ((value >> np.uint64(16)) & pairs) | ((value & pairs) << np.uint64(16))
        raw[i] = (value >> np.uint64(32)) | (value << np.uint64(32))


SWAPS = {1: None, 2: swap16, 4: swap32, 8: swap64}  # by the size of a number in bytes


@numba.njit(cache=True, nogil=True)
def shift(raw, skip, out, zero):
    """out = raw + zero, in float32: exact for integers of 8 and 16 bits and a small whole zero."""
    for y in range(out.shape[0]):
        line, target = raw[y, skip : skip + out.shape[1]], out[y]
        for x in range(target.size):
            target[x] = np.float32(line[x]) + zero


@numba.njit(cache=True, nogil=True)
def scale(raw, skip, out, factor, zero):
    """out = zero + factor x raw; numbers of at most 53 bits.  A zero of -0.0 keeps -0.0."""
    for y in range(out.shape[0]):
        line, target = raw[y, skip : skip + out.shape[1]], out[y]
        for x in range(target.size):
            target[x] = np.float32(np.float64(line[x]) * factor + zero)


@numba.njit(cache=True, nogil=True)
def blank(raw, skip, out, value):
    """out = NaN where raw is the integer `value`."""
    for y in range(out.shape[0]):
        line, target = raw[y, skip : skip + out.shape[1]], out[y]
        for x in range(target.size):
            target[x] = np.float32(np.nan) if line[x] == value else target[x]
