"""Pixels out of Rice-coded tiles: bits to whole numbers, whole numbers to physical values.

After the FITS standard 4.0, section 10.4.1 (RICE_1) and appendix I (subtractive dithering).
"""

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic

PAD = 8  # bytes that may be read behind a tile's own, never believed
NO_BLANK = 1 << 40  # a blank value that no pixel of 32 bits can have
N_RANDOM = 10_000
EXACT_ZERO = -2147483646  # stands for 0.0 under SUBTRACTIVE_DITHER_2
PLAIN, DITHER_1, DITHER_2 = 0, 1, 2

U = np.uint64


@intrinsic
def _zeros(typing, value):
    """Leading zero bits of a uint64; 64 for 0."""

    def generate(context, builder, signature, arguments):
        return builder.ctlz(arguments[0], context.get_constant(types.boolean, False))

    return types.uint64(types.uint64), generate


@numba.njit(cache=True, nogil=True)
def _more(data, bits, have, pos, end):
    """(bits, have, pos) with at least 56 valid bits, the first one uppermost.

    Behind `end` the bits are anything; the caller compares what it used with what there was.
    """
    at = min(pos, end)
    word = U(0)
    for k in range(U(8)):
        word = (word << U(8)) | U(data[at + k])
    bits |= word >> have
    pos += (U(63) - have) >> U(3)
    return bits, have | U(56), pos


@numba.njit(cache=True, nogil=True)
def _long_run(data, bits, have, pos, end):
    """(zeros, bits, have, pos): a run of zeros and the 1 behind it taken off, however long."""
    zeros = U(0)
    while pos <= end + U(PAD):
        run = _zeros(bits)
        if run < have:
            return zeros + run, (bits << run) << U(1), have - run - U(1), pos
        zeros += have
        bits, have, pos = _more(data, U(0), U(0), pos, end)
    return zeros, bits, have, pos


@numba.njit(cache=True, nogil=True)
def _difference(coded):
    """0, -1, 1, -2, 2 ... from 0, 1, 2, 3, 4 ..., as a uint64 that wraps."""
    return (coded >> U(1)) ^ (U(0) - (coded & U(1)))


@numba.njit(cache=True, nogil=True)
def _narrow(out, bytepix):
    """Keep what a pixel of `bytepix` bytes can hold of each sum of differences."""
    if bytepix == 1:
        for k in range(out.size):
            out[k] &= 0xFF
    elif bytepix == 2:
        for k in range(out.size):
            out[k] = np.int16(out[k])


@numba.njit(cache=True, nogil=True)
def decode(data, start, length, bytepix, block, out):
    """Fill `out` from the Rice code in data[start : start + length].

    data: (n,) uint8 with PAD bytes more behind that part.  bytepix: 1, 2 or 4, the bytes of a pixel
    as coded.  block: pixels that share a code, at least 1.  out: (m,) int32, m >= 1; the values are
    unsigned for bytepix 1, else signed.
    Returns whether the code was sound and long enough; if not, `out` holds anything.
    """
    if length < bytepix:
        return False
    end = U(start + length)
    fsbits = U(3) if bytepix == 1 else U(4) if bytepix == 2 else U(5)
    fsmax = 6 if bytepix == 1 else 14 if bytepix == 2 else 25
    width = U(8 * bytepix)
    bits, have, pos = _more(data, U(0), U(0), U(start), end)
    last = bits >> (U(64) - width)
    bits <<= width
    have -= width
    for i in range(0, out.size, block):
        part = out[i : i + block]
        bits, have, pos = _more(data, bits, have, pos, end)
        fs = np.int64(bits >> (U(64) - fsbits)) - 1
        bits <<= fsbits
        have -= fsbits
        if fs > fsmax:
            return False
        if fs < 0:
            part[:] = np.int32(last)
        elif fs == fsmax:
            last, bits, have, pos = _as_they_are(data, last, bits, have, pos, end, width, part)
        else:
            last, bits, have, pos = _split(data, last, bits, have, pos, end, U(fs), part)
        if pos * U(8) - have > end * U(8):
            return False
    _narrow(out, bytepix)
    return True


@numba.njit(cache=True, nogil=True)
def _as_they_are(data, last, bits, have, pos, end, width, part):
    for k in range(part.size):
        bits, have, pos = _more(data, bits, have, pos, end)
        last += _difference(bits >> (U(64) - width))
        bits <<= width
        have -= width
        part[k] = np.int32(last)
    return last, bits, have, pos


@numba.njit(cache=True, nogil=True)
def _split(data, last, bits, have, pos, end, low, part):
    """Differences as a run of zeros and a 1 for the upper bits, and `low` lower bits."""
    for k in range(part.size):
        bits, have, pos = _more(data, bits, have, pos, end)
        run = _zeros(bits)
        if run + low < have:
            bits = (bits << run) << U(1)
            have -= run + U(1)
        else:
            run, bits, have, pos = _long_run(data, bits, have, pos, end)
            bits, have, pos = _more(data, bits, have, pos, end)
        last += _difference((run << low) | ((bits >> U(1)) >> (U(63) - low)))
        bits <<= low
        have -= low
        part[k] = np.int32(last)
    return last, bits, have, pos


def noise():
    """The (N_RANDOM,) float32 in (0, 1) that the standard prescribes for dithering."""
    values, seed = np.empty(N_RANDOM, np.float32), 1
    for k in range(N_RANDOM):
        seed = 16807 * seed % 2147483647
        values[k] = seed / 2147483647
    return values


@numba.njit(cache=True, nogil=True)
def whole(raw, job, offset, out):
    """The pixels raw + offset of one tile, wrapped to the type of `out`.

    raw: (m,) int32.  job: (8,) int64, of which [2:6] is y, x, height, width of the tile in `out`;
    height * width <= m.  out: (H, W) of whole numbers.
    """
    y0, x0, height, width = job[2], job[3], job[4], job[5]
    for y in range(height):
        for x in range(width):
            out[y0 + y, x0 + x] = np.int64(raw[y * width + x]) + offset


@numba.njit(cache=True, nogil=True)
def linear(raw, job, terms, method, random, out):
    """The pixels (raw - r + 1/2) scale + zero of one tile, in float64, rounded once.

    raw: (m,) int32.  job: as for `whole`; job[6]: the value that becomes NaN; job[7]: the place,
    0 <= it < N_RANDOM, where r starts to be taken from `random`, which is `noise()`.
    terms: (2,) float64, scale and zero.  out: (H, W) float32 or float64.
    method: PLAIN (r is 1/2), DITHER_1, or DITHER_2, where EXACT_ZERO means 0.0.
    """
    y0, x0, height, width, blank, row = job[2], job[3], job[4], job[5], job[6], job[7]
    scale, zero = terms[0], terms[1]
    following = int(random[row] * np.float32(500))
    for y in range(height):
        if method == PLAIN:
            for x in range(width):
                value = raw[y * width + x]
                out[y0 + y, x0 + x] = np.nan if value == blank else value * scale + zero
        else:
            for x in range(width):
                value = raw[y * width + x]
                exact = (value - np.float64(random[following]) + 0.5) * scale + zero
                exact = 0.0 if method == DITHER_2 and value == EXACT_ZERO else exact
                out[y0 + y, x0 + x] = np.nan if value == blank else exact
                following += 1
                if following == N_RANDOM:
                    row = (row + 1) % N_RANDOM
                    following = int(random[row] * np.float32(500))


@numba.njit(cache=True, nogil=True)
def whole_tiles(data, jobs, raw, code, offset, out, sound):
    """Decode Rice tiles to whole numbers.

    data: (n,) uint8, PAD bytes longer than what the jobs name.  jobs: (tiles, 8) int64, see
    `linear`; the first two columns are start and length of a tile's code in `data`.
    raw: (m,) int32, scratch for the largest tile.  code: (bytepix, block), see `decode`.
    offset: added to each pixel.  out: (H, W) of whole numbers.
    sound: (tiles,) bool, set to what `decode` said; where False, `out` is left alone.
    """
    for n in range(len(jobs)):
        part = raw[: jobs[n, 4] * jobs[n, 5]]
        sound[n] = decode(data, jobs[n, 0], jobs[n, 1], code[0], code[1], part)
        if sound[n]:
            whole(part, jobs[n], offset, out)


@numba.njit(cache=True, nogil=True)
def linear_tiles(data, jobs, raw, code, terms, method, random, out, sound):
    """Decode Rice tiles to float32 or float64; as `whole_tiles`, but by `linear`.

    terms: (tiles, 2) float64: scale and zero of each.
    """
    for n in range(len(jobs)):
        part = raw[: jobs[n, 4] * jobs[n, 5]]
        sound[n] = decode(data, jobs[n, 0], jobs[n, 1], code[0], code[1], part)
        if sound[n]:
            linear(part, jobs[n], terms[n], method, random, out)
