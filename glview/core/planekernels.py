"""Tiles of a sparse plane: packing, unpacking, and walks over what they hold.

A packed tile is (pointers, columns, values): row y holds values[pointers[y]:pointers[y + 1]] in the
columns of the same range, which rise; pointers int32 (h + 1,), columns uint16, values of the
plane's type. What is not listed is 0. A place is (row, column) of the tile's first pixel in the box
that a kernel writes, which may be negative: what falls outside the box is left out.

Kernels trust their arguments. Nothing here calls into another module: numba's cache does not see a
change in one.
"""

import numpy as np
from numba import njit

WORD = 64
ONE = np.uint64(1)


@njit(cache=True, nogil=True)
def kept(value, floor):
    """Whether a value is held: all but 0 where the floor is 0, else from the floor on, no NaN."""
    return value >= floor if floor > 0 else value != 0


@njit(cache=True, nogil=True)
def count_kept(row, floor):
    """How many of the (n,) values are held; two plain loops, so that both are SIMD."""
    count = np.int32(0)
    if floor > 0:
        for k in range(row.size):
            count += row[k] >= floor
    else:
        for k in range(row.size):
            count += row[k] != 0
    return count


@njit(cache=True, nogil=True)
def count_rows(tile, floor):
    """(h + 1,) int32 pointers of a dense (h, w) tile."""
    pointers = np.zeros(tile.shape[0] + 1, np.int32)
    for y in range(tile.shape[0]):
        pointers[y + 1] = pointers[y] + count_kept(tile[y], floor)
    return pointers


@njit(cache=True, nogil=True)
def pack(tile, floor, pointers, columns, values):
    """Fill the columns and values of a dense (h, w) tile whose pointers are known."""
    for y in range(tile.shape[0]):
        at, end = pointers[y], pointers[y + 1]
        for first in range(0, tile.shape[1], WORD):
            if at == end:
                break
            block = tile[y, first : first + WORD]
            if not count_kept(block, floor):
                continue
            for k in range(block.size):
                if kept(block[k], floor):
                    columns[at] = first + k
                    values[at] = block[k]
                    at += 1


@njit(cache=True, nogil=True)
def from_column(columns, at, end, column):
    """The first of at..end whose column is `column` or more; a row's columns rise."""
    while at < end:
        middle = (at + end) // 2
        if columns[middle] < column:
            at = middle + 1
        else:
            end = middle
    return at


@njit(cache=True, nogil=True)
def unpack(pointers, columns, values, place, out):
    """Write what a packed tile holds into the box `out`, (h, w)."""
    top, left = place
    height, width = out.shape
    for y in range(max(0, -top), min(pointers.size - 1, height - top)):
        end = pointers[y + 1]
        for k in range(from_column(columns, pointers[y], end, -left), end):
            x = left + columns[k]
            if x >= width:
                break
            out[top + y, x] = values[k]


@njit(cache=True, nogil=True)
def mark_packed(pointers, columns, values, limit, place, width, bits):
    """Set the bits of the values above the limit: pixel x of a row in bit x % 64 of word x // 64.

    bits: (h, words) uint64 of a box `width` pixels wide.
    """
    top, left = place
    for y in range(max(0, -top), min(pointers.size - 1, bits.shape[0] - top)):
        row, end = bits[top + y], pointers[y + 1]
        for k in range(from_column(columns, pointers[y], end, -left), end):
            x = left + columns[k]
            if x >= width:
                break
            if values[k] > limit:
                row[x // WORD] |= ONE << np.uint64(x % WORD)


@njit(cache=True, nogil=True)
def any_above(values, limit):
    """Whether any of the (n,) values is above the limit; no early exit, so it is SIMD."""
    found = False
    for k in range(values.size):
        found |= values[k] > limit
    return found


@njit(cache=True, nogil=True)
def mark_dense(tile, limit, place, width, bits):
    """The same for a dense (h, w) tile; its first column lies at a multiple of 64 in the box."""
    top, left = place
    for y in range(max(0, -top), min(tile.shape[0], bits.shape[0] - top)):
        row = bits[top + y]
        for first in range(max(0, -left), min(tile.shape[1], width - left), WORD):
            block = tile[y, first : min(first + WORD, width - left)]
            if any_above(block, limit):
                word = np.uint64(0)
                for k in range(block.size):
                    word |= np.uint64(block[k] > limit) << np.uint64(k)
                row[(left + first) // WORD] |= word


@njit(cache=True, nogil=True)
def add_counts(pointers, columns, place, width, counts):
    """counts[y + 1] += how many entries of the tile lie in row y of a box `width` pixels wide."""
    top, left = place
    for y in range(max(0, -top), min(pointers.size - 1, counts.size - 1 - top)):
        begin, end = pointers[y], pointers[y + 1]
        first = from_column(columns, begin, end, -left)
        counts[top + y + 1] += from_column(columns, first, end, width - left) - first


@njit(cache=True, nogil=True)
def add_entries(tile, place, width, cursor, found):
    """Append the tile's entries to the rows of a box: found is (columns int32, values).

    tile: (pointers, columns, values). cursor: (h,) int64, where the next entry of each row goes;
    tiles come from left to right, so that the columns of a row rise.
    """
    pointers, columns, values = tile
    top, left = place
    for y in range(max(0, -top), min(pointers.size - 1, cursor.size - top)):
        end = pointers[y + 1]
        for k in range(from_column(columns, pointers[y], end, -left), end):
            x = left + columns[k]
            if x >= width:
                break
            found[0][cursor[top + y]] = x
            found[1][cursor[top + y]] = values[k]
            cursor[top + y] += 1


@njit(cache=True, nogil=True)
def row_starts(runs, height):
    """(height + 1,) int64: the first run of each row; runs: (n, 3) int32 (y, x0, x1), in order."""
    starts = np.zeros(height + 1, np.int64)
    for run in range(runs.shape[0]):
        starts[runs[run, 0] + 1] += 1
    for y in range(height):
        starts[y + 1] += starts[y]
    return starts


@njit(cache=True, nogil=True)
def pixel_starts(runs):
    """(n + 1,) int64: where the pixels of each run begin if all are put in a row."""
    starts = np.zeros(runs.shape[0] + 1, np.int64)
    for run in range(runs.shape[0]):
        starts[run + 1] = starts[run] + runs[run, 2] - runs[run, 1]
    return starts


@njit(cache=True, nogil=True)
def take_packed(tile, place, walk, out):
    """Write the tile's values at the pixels of runs into `out`, (pixels,), which starts as 0.

    walk: (runs, pixel_starts, cursor, row ends): cursor: (h,) int64, the first run of each row that
    may reach into this tile; tiles come from left to right.
    """
    pointers, columns, values = tile
    runs, starts, cursor, ends = walk
    top, left = place
    for y in range(max(0, -top), min(pointers.size - 1, cursor.size - top)):
        run, last = cursor[top + y], ends[top + y]
        for k in range(pointers[y], pointers[y + 1]):
            x = left + columns[k]
            while run < last and runs[run, 2] <= x:
                run += 1
            if run == last:
                break
            if runs[run, 1] <= x:
                out[starts[run] + x - runs[run, 1]] = values[k]
        cursor[top + y] = run


@njit(cache=True, nogil=True)
def take_dense(tile, place, walk, out):
    """The same for a dense (h, w) tile."""
    runs, starts, cursor, ends = walk
    top, left = place
    for y in range(max(0, -top), min(tile.shape[0], cursor.size - top)):
        run, last = cursor[top + y], ends[top + y]
        while run < last and runs[run, 1] < left + tile.shape[1]:
            for x in range(max(runs[run, 1], left), min(runs[run, 2], left + tile.shape[1])):
                out[starts[run] + x - runs[run, 1]] = tile[y, x - left]
            if runs[run, 2] > left + tile.shape[1]:
                break
            run += 1
        cursor[top + y] = run


@njit(cache=True, nogil=True)
def raise_cells(tile, place, widths, shift, cells):
    """Raise cells of 2^shift pixels a side to the tile's values, each dilated by an element.

    tile: packed float32. place: of its first pixel in the block of cells. widths: half-widths of
    the element at |dy| = 0..radius. cells: (h, w) float32. A cell that an element touches beyond
    the frame's edge it touches inside too, so that edge needs no care.
    Returns False if a value is NaN: then the cells are worth nothing.
    """
    pointers, columns, values = tile
    top, left = place
    radius = widths.size - 1
    side = 1 << shift
    height, width = cells.shape[0] << shift, cells.shape[1] << shift
    sound = True
    for y in range(max(0, -radius - top), min(pointers.size - 1, height + radius - top)):
        end = pointers[y + 1]
        for k in range(from_column(columns, pointers[y], end, -radius - left), end):
            row, x, value = top + y, left + columns[k], values[k]
            if x >= width + radius:
                break
            sound &= value == value
            low, high = max(0, (row - radius) >> shift), (row + radius) >> shift
            for cell in range(low, min(high + 1, cells.shape[0])):
                first = cell << shift
                reach = widths[max(0, first - row, row - first - side + 1)]
                begin, last = max(0, (x - reach) >> shift), (x + reach) >> shift
                for column in range(begin, min(last + 1, cells.shape[1])):
                    if value > cells[cell, column]:
                        cells[cell, column] = value
    return sound


@njit(cache=True, nogil=True)
def raise_edits(tile, shift, added, cells):
    """Raise the cells with an added pixel to `added`; tile: packed uint8 edits, 1 added, 2 deleted.

    Returns the box (y0, x0, y1, x1) of its deleted pixels, y1 = 0 if there are none.
    """
    pointers, columns, codes = tile
    y0, x0, y1, x1 = pointers.size, 1 << 30, 0, 0
    for y in range(pointers.size - 1):
        for k in range(pointers[y], pointers[y + 1]):
            x = np.int64(columns[k])
            if codes[k] == 1:
                cells[y >> shift, x >> shift] = added
            elif codes[k] == 2:
                y0, x0, y1, x1 = min(y0, y), min(x0, x), y + 1, max(x1, x + 1)
    return y0, x0, y1, x1


@njit(cache=True, nogil=True)
def halve(cells):
    """The largest of every 2 x 2 of (h, w) cells, the last ones cut: (ceil(h / 2), ceil(w / 2))."""
    height, width = cells.shape
    out = np.empty(((height + 1) // 2, (width + 1) // 2), cells.dtype)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            best = cells[2 * y, 2 * x]
            for dy in range(2):
                for dx in range(2):
                    if 2 * y + dy < height and 2 * x + dx < width:
                        best = max(best, cells[2 * y + dy, 2 * x + dx])
            out[y, x] = best
    return out
