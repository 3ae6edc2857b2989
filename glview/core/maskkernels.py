"""Dilation and edits on bit rows, and runs of them: the loops behind `core.mask`, `core.objects`.

A row of the mask is packed into 64-pixel words, pixel x in bit x % 64 of word x // 64, as
`packkernels` makes them; bits beyond the width are 0. Words that are 0 cost no more than a look,
so the work follows the masked pixels.

bits: (h + margins, words) uint64, row `lead` of it is the first row of the result and rows outside
are unmasked. edits are (pointers, columns, codes): row y of the result has
codes[pointers[y]:pointers[y + 1]] in those columns, 1 for added and 2 for deleted. widths: int64
half-widths of the element at |dy| = 0..radius, each at most 16.

Kernels trust their arguments. Nothing here calls into another module: numba's cache does not see a
change in one.
"""

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

ZERO = np.uint64(0)
ONE = np.uint64(1)
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
WORD = 64
ADD, DELETE = 1, 2


@intrinsic
def lowest_bit(typing, word):
    """Place of the lowest set bit of a non-zero uint64: one instruction."""

    def code(context, builder, signature, arguments):
        return builder.cttz(arguments[0], context.get_constant(types.boolean, True))

    return types.int64(types.uint64), code


@njit(cache=True, nogil=True)
def any_edit(codes):
    """Whether any of the (n,) uint8 is not 0; no early exit, so it is SIMD."""
    found = False
    for k in range(codes.size):
        found |= codes[k] != 0
    return found


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
            if not any_edit(edits[y, first : first + WORD]):
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
def join_word(row, j, word, reach):
    """Dilate word j along its row into the words of `row`."""
    row[j] |= spread(word, reach)
    if reach:
        before, after = spill(word, reach)
        if before and j:
            row[j - 1] |= before
        if after and j + 1 < row.size:
            row[j + 1] |= after


@njit(cache=True, nogil=True)
def dilate(bits, lead, widths, width, out):
    """Write the dilated bits of the result's rows into `out`, (h, words) uint64."""
    radius = widths.size - 1
    out[:] = ZERO
    for y in range(max(0, lead - radius), min(bits.shape[0], lead + out.shape[0] + radius)):
        for j in range(bits.shape[1]):
            word = bits[y, j]
            if word == ZERO:
                continue
            for row in range(max(0, y - lead - radius), min(out.shape[0], y - lead + radius + 1)):
                join_word(out[row], j, word, widths[abs(row - y + lead)])
    if width % WORD:
        out[:, -1] &= ALL >> np.uint64(WORD - width % WORD)


@njit(cache=True, nogil=True)
def edit(rows, pointers, columns, codes):
    """Set the bits of the added pixels of (h, words) rows and clear those of the deleted ones."""
    for y in range(pointers.size - 1):
        for k in range(pointers[y], pointers[y + 1]):
            bit = ONE << np.uint64(columns[k] % WORD)
            if codes[k] == ADD:
                rows[y, columns[k] // WORD] |= bit
            elif codes[k] == DELETE:
                rows[y, columns[k] // WORD] &= ~bit


@njit(cache=True, nogil=True)
def append_runs(row, width, y, runs, count):
    """Append the runs (y, x0, x1) of a bit row; returns the new count. `runs` has the room."""
    carry = ZERO  # 1 while the last run still wants its end
    j, words = np.uint64(0), np.uint64(row.size)  # without a sign, as in `core.runs`
    while j < words:
        word, first = row[j], np.int32(np.uint64(WORD) * j)
        edges = word ^ (word << ONE | carry)
        j += ONE
        if edges == ZERO:
            continue
        if carry:
            runs[count, 2] = first + lowest_bit(edges)
            count += ONE
            edges &= edges - ONE
        carry = word >> np.uint64(WORD - 1)
        while edges:
            runs[count, 0], runs[count, 1] = y, first + lowest_bit(edges)
            edges &= edges - ONE
            if edges == ZERO:
                break
            runs[count, 2] = first + lowest_bit(edges)
            count += ONE
            edges &= edges - ONE
    if carry:
        runs[count, 2] = width
        count += ONE
    return count


@njit(cache=True, nogil=True)
def mask_runs(rows, width, first, runs):
    """Write the runs of the bit rows from row `first` on, as many whole rows as have room.

    rows: (h, words) uint64. runs: (n, 3) int32 for rows (y, x0, x1), y counted from row 0, x1
    exclusive, in raster order; neighbouring runs of a row do not touch. A row may need
    width // 2 + 1 runs, and is not begun unless there is room for so many.
    Returns (how many runs, the first row that is not among them).
    """
    count, y = np.uint64(0), first
    while y < rows.shape[0] and np.int64(count) + width // 2 + 1 <= runs.shape[0]:
        count = append_runs(rows[y], width, y, runs, count)
        y += 1
    return np.int64(count), y


@njit(cache=True, nogil=True)
def paint(row, code, out):
    """Write `code` at the set bits of a row."""
    for j in range(row.size):
        word = row[j]
        while word:
            out[WORD * j + lowest_bit(word)] = code
            word &= word - ONE


@njit(cache=True, nogil=True)
def mask_codes(bits, lead, dilated, edits, names, out):
    """Write names[state] of every pixel of the final mask into `out`.

    bits: of the model. dilated: (h, words), the same bits dilated. names: (5,) uint8, by NONE,
    MODEL, DILATED, ADDED, DELETED. out: (h, W) uint8, filled with names[NONE] by the caller.
    """
    pointers, columns, codes = edits
    for y in range(out.shape[0]):
        paint(dilated[y], names[2], out[y])
        paint(bits[lead + y], names[1], out[y])
        for k in range(pointers[y], pointers[y + 1]):
            if codes[k] == ADD:
                out[y, columns[k]] = names[3]
            elif codes[k] == DELETE:
                out[y, columns[k]] = names[4]
