"""Threshold, dilation and edits on bit rows: the loops behind `core.mask` and `core.objects`.

A row of the mask is packed into 64-pixel words, pixel x in bit x % 64 of word x // 64, and the
non-zero words of a row are listed, so that the work after the threshold follows the masked pixels,
not the width. A ring of 2 * radius + 1 packed rows is all that dilation needs of the frame.

A `block` is (confidence, bits, lead, edits). Of confidence (h + margins, W) float32 and bits
(h + margins, words) uint64, packed rows above the threshold, one has rows and the other has none;
row `lead` is the first row of the result, rows outside are unmasked. edits are (pointers, columns,
codes): row y of the result has codes[pointers[y]:pointers[y + 1]] in those columns. An `element` is
(limit, widths): the float32 threshold and the int64 half-widths at |dy| = 0..radius, each at most
16.

Kernels trust their arguments. Nothing here calls into another module: numba's cache does not see a
change in one.
"""

import numpy as np
from numba import njit

ZERO = np.uint64(0)
ONE = np.uint64(1)
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
WORD = 64
DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
TOP_SIX = np.uint64(58)
BIT_PLACE = np.zeros(64, np.int64)
BIT_PLACE[[(0x03F79D71B4CB0A89 << k & 0xFFFFFFFFFFFFFFFF) >> 58 for k in range(64)]] = range(64)
FEWEST_RUNS = 1024
ADD, DELETE = 1, 2


@njit(cache=True, nogil=True)
def lowest_bit(word):
    """Place of the lowest set bit of a non-zero uint64 (multiplication by a de Bruijn sequence)."""
    return BIT_PLACE[((word & (~word + ONE)) * DE_BRUIJN) >> TOP_SIX]


@njit(cache=True, nogil=True)
def any_above(values, limit):
    """Whether any of the (n,) values is above the limit; no early exit, so it is SIMD."""
    found = False
    for k in range(values.size):
        found |= values[k] > limit
    return found


@njit(cache=True, nogil=True)
def pack_above(row, limit, words, index):
    """Pack `row > limit` into words[j] and list the non-zero j in index; returns how many.

    row: (W,) float32, NaN is not above. words: uint64, index: int32, both (words of a row,);
    words that are not listed keep what they held. Two loops: in one, LLVM packs every word.
    """
    count = 0
    for j in range(words.size):
        if any_above(row[WORD * j : WORD * j + WORD], limit):
            index[count] = j
            count += 1
    for i in range(count):
        block = row[WORD * index[i] : WORD * index[i] + WORD]
        word = ZERO
        for k in range(block.size):
            word |= np.uint64(block[k] > limit) << np.uint64(k)
        words[index[i]] = word
    return count


@njit(cache=True, nogil=True)
def list_words(row, words, index):
    """Copy the non-zero words of a packed row and list their places; returns how many."""
    count = 0
    for j in range(row.size):
        if row[j]:
            words[j] = row[j]
            index[count] = j
            count += 1
    return count


@njit(cache=True, nogil=True)
def list_edits(edits):
    """(pointers, columns, codes) of dense (h, w) uint8 edits, those that are not 0."""
    height, width = edits.shape
    pointers = np.zeros(height + 1, np.int64)
    for y in range(height):
        count = 0
        for x in range(width):
            count += edits[y, x] != 0
        pointers[y + 1] = pointers[y] + count
    columns, codes = np.empty(pointers[height], np.int32), np.empty(pointers[height], np.uint8)
    for y in range(height):
        at, end = pointers[y], pointers[y + 1]
        for first in range(0, width, WORD):
            if at == end:
                break
            if not any_above(edits[y, first : first + WORD], 0):
                continue
            for x in range(first, min(first + WORD, width)):
                if edits[y, x]:
                    columns[at], codes[at] = x, edits[y, x]
                    at += 1
    return pointers, columns, codes


@njit(cache=True, nogil=True)
def spread(word, reach):
    """Bits within `reach` (0..63) of a set bit, inside the word."""
    up = down = word
    have = 1
    while have <= reach:
        step = np.uint64(min(have, reach + 1 - have))
        up |= up << step
        down |= down >> step
        have *= 2
    return up | down


@njit(cache=True, nogil=True)
def spill(word, reach):
    """What spreading by `reach` (1..16) sets in the word before and in the word after."""
    before = word << np.uint64(WORD - reach)
    after = word >> np.uint64(WORD - reach)
    for step in (ONE, np.uint64(2), np.uint64(4), np.uint64(8)):
        before |= before << step
        after |= after >> step
    return before, after


@njit(cache=True, nogil=True)
def make_ring(width, radius):
    """(words, index, counts) of 2 * radius + 1 packed rows, and the row that gathers them.

    The gathering row has one spare word at each end, so word j of a row is its element j + 1.
    """
    depth = 2 * radius + 1
    size = (width + WORD - 1) // WORD
    words = np.empty((depth, size), np.uint64)
    index = np.empty((depth, size), np.int32)
    return (words, index, np.zeros(depth, np.int64)), np.zeros(size + 2, np.uint64)


@njit(cache=True, nogil=True)
def push_row(confidence, bits, y, limit, ring):
    """Put packed row y into its place in the ring; a row outside counts as empty."""
    words, index, counts = ring
    slot = y % counts.size
    counts[slot] = 0
    if 0 <= y < bits.shape[0]:
        counts[slot] = list_words(bits[y], words[slot], index[slot])
    elif 0 <= y < confidence.shape[0]:
        counts[slot] = pack_above(confidence[y], limit, words[slot], index[slot])


@njit(cache=True, nogil=True)
def gather(ring, y, widths, width, row):
    """Write the dilated bits of row y into `row`; the ring holds rows y - radius..y + radius."""
    words, index, counts = ring
    radius = widths.size - 1
    row[:] = ZERO
    for dy in range(-radius, radius + 1):
        slot = (y + dy) % counts.size
        reach = widths[abs(dy)]
        for i in range(counts[slot]):
            j = index[slot, i]
            word = words[slot, j]
            row[j + 1] |= spread(word, reach)
            if reach:
                before, after = spill(word, reach)
                row[j] |= before
                row[j + 2] |= after
    if width % WORD:
        row[row.size - 2] &= ALL >> np.uint64(WORD - width % WORD)


@njit(cache=True, nogil=True)
def edit(row, columns, codes):
    """Set the bits of the added pixels of one row and clear those of the deleted ones."""
    for k in range(columns.size):
        j = 1 + columns[k] // WORD
        bit = ONE << np.uint64(columns[k] % WORD)
        if codes[k] == ADD:
            row[j] |= bit
        elif codes[k] == DELETE:
            row[j] &= ~bit


@njit(cache=True, nogil=True)
def append_runs(row, width, y, runs, count):
    """Append the runs (y, x0, x1) of a bit row; returns the new count. `runs` has the room."""
    carry = ZERO
    start = -1
    for j in range(row.size - 2):
        word = row[j + 1]
        if word == ZERO and carry == ZERO:
            continue
        edges = word ^ (word << ONE | carry)
        carry = word >> np.uint64(WORD - 1)
        while edges:
            x = WORD * j + lowest_bit(edges)
            edges &= edges - ONE
            if start < 0:
                start = x
            else:
                runs[count, 0], runs[count, 1], runs[count, 2] = y, start, x
                count += 1
                start = -1
    if start >= 0:
        runs[count, 0], runs[count, 1], runs[count, 2] = y, start, width
        count += 1
    return count


@njit(cache=True, nogil=True)
def mask_runs(block, element, height):
    """Runs of the final mask of `height` rows.

    Returns (n, 3) int32 rows (y, x0, x1), y counted from the first row of the result, x1
    exclusive, in raster order; neighbouring runs of a row do not touch.
    """
    confidence, bits, lead, (pointers, columns, codes) = block
    limit, widths = element
    width = confidence.shape[1]
    radius = widths.size - 1
    ring, row = make_ring(width, radius)
    most = width // 2 + 1
    runs = np.empty((FEWEST_RUNS + most, 3), np.int32)
    count = 0
    for y in range(-2 * radius, height):
        push_row(confidence, bits, y + radius + lead, limit, ring)
        if y < 0:
            continue
        gather(ring, y + lead, widths, width, row)
        begin, end = pointers[y], pointers[y + 1]
        edit(row, columns[begin:end], codes[begin:end])
        if count + most > runs.shape[0]:
            larger = np.empty((2 * runs.shape[0], 3), np.int32)
            larger[:count] = runs[:count]
            runs = larger
        count = append_runs(row, width, y, runs, count)
    return runs[:count].copy()


@njit(cache=True, nogil=True)
def paint(row, first, code, out):
    """Write `code` at the set bits of the words row[first:], pixel 0 being bit 0 of the first."""
    for j in range((out.size + WORD - 1) // WORD):
        word = row[first + j]
        while word:
            out[WORD * j + lowest_bit(word)] = code
            word &= word - ONE


@njit(cache=True, nogil=True)
def mask_codes(block, element, names, out):
    """Write names[state] of every pixel of the final mask into `out`.

    names: (5,) uint8, by NONE, MODEL, DILATED, ADDED, DELETED. out: (h, W) uint8, filled with
    names[NONE] by the caller.
    """
    confidence, bits, lead, (pointers, columns, codes) = block
    limit, widths = element
    height, width = out.shape
    radius = widths.size - 1
    ring, row = make_ring(width, radius)
    for y in range(-2 * radius, height):
        push_row(confidence, bits, y + radius + lead, limit, ring)
        if y < 0:
            continue
        gather(ring, y + lead, widths, width, row)
        paint(row, 1, names[2], out[y])
        words, index, counts = ring
        slot = (y + lead) % counts.size
        row[:] = ZERO
        for i in range(counts[slot]):
            row[index[slot, i]] = words[slot, index[slot, i]]
        paint(row, 0, names[1], out[y])
        for k in range(pointers[y], pointers[y + 1]):
            if codes[k] == ADD:
                out[y, columns[k]] = names[3]
            elif codes[k] == DELETE:
                out[y, columns[k]] = names[4]
