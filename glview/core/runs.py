"""Connected components of runs: labels, statistics, and the table of objects.

Runs are (n, 3) uint32 rows (y, x0, x1) in raster order, x1 exclusive, as `maskkernels.mask_runs`
makes them, seen as uint32: an index without a sign needs no check for one, which makes crowded
masks two to three times as fast. Labels are (n,) uint32. `reach` is 1 for 8-connected and 0 for
4-connected objects. A table has one float64 row for each component, with the columns named below.
Pixels are counted exactly up to 2^53. The sums of values are kept as a number and what rounding
took from it, so that the order in which they are added, and with it the stripes, makes no
difference.

Kernels trust their arguments. Nothing here calls into another module: numba's cache does not see a
change in one.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

AREA, TOP, LEFT, BOTTOM, RIGHT, SUM_Y, SUM_X = range(7)
FLUX, CONFIDENCE = 7, 11
"""First of four columns of a measured plane: how many finite values, their sum, what rounding took
from it, the largest."""

COLUMNS = 15
ONE = np.uint64(1)
AHEAD = np.uint64(12)  # runs: the memory of a later one is asked for while this one is measured


@intrinsic
def ask_for(typing, row, x):
    """Tell the processor that row[x] will be read soon, which is where objects cost their time."""

    def code(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), cgutils.voidptr_t)
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, number, number, number])
        name = "llvm.prefetch.p0i8" if "*" in str(cgutils.voidptr_t) else "llvm.prefetch.p0"
        builder.call(cgutils.get_or_insert_function(builder.module, kind, name),
                     [place, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(row, types.int64), code


@njit(cache=True, nogil=True)
def find(parent, i):
    """Root of i, halving the path to it."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True, nogil=True)
def union(parent, a, b):
    """Join the trees of a and b under the smaller root, which is returned."""
    a = find(parent, a)
    b = find(parent, b)
    if a < b:
        parent[b] = a
        return a
    parent[a] = b
    return b


@njit(cache=True, nogil=True)
def number(parent):
    """Replace every node by the number of its tree, trees counted by first node; returns how many.

    Needs parent[i] <= i, which `union` keeps.
    """
    count = np.uint32(0)
    for i in range(np.uint64(parent.size)):
        if parent[i] == np.uint32(i):
            parent[i] = count
            count += np.uint32(1)
        else:
            parent[i] = parent[parent[i]]
    return count


@njit(cache=True, nogil=True)
def touched(runs, reach, parent, run, above, last):
    """Join a run with those of above..last, in the row above it, that it touches.

    Returns the last of them, or the first that lies not left of it.
    """
    x0, x1 = runs[run, 1], runs[run, 2] + reach
    parent[run] = np.uint32(run)
    while above < last and runs[above, 2] + reach <= x0:
        above += ONE
    if above == last or runs[above, 1] >= x1:
        return above
    root = np.uint32(find(parent, parent[above]))
    parent[run] = root
    above += ONE
    while above < last and runs[above, 1] < x1:
        if parent[above] != root:
            root = union(parent, root, parent[above])
        above += ONE
    return above - ONE


@njit(cache=True, nogil=True)
def label_runs(runs, reach, parent):
    """Write the component of every run into parent, from 0 in order of first run.

    Each row's runs are merged with those of the row above by two pointers. Returns how many
    components there are.
    """
    count, reach = np.uint64(runs.shape[0]), np.uint32(reach)
    above = last = run = np.uint64(0)
    while run < count:
        begin = end = run
        while end < count and runs[end, 0] == runs[begin, 0]:
            end += ONE
        while run < end:
            above = touched(runs, reach, parent, run, above, last)
            run += ONE
        above = last = end
        if end < count and runs[end, 0] == runs[begin, 0] + np.uint32(1):
            above = begin
    return np.int64(number(parent))


@njit(cache=True, nogil=True)
def number_at(words, x, swapped):
    """float32 from its uint32 word, whose bytes may be the other way round."""
    word = words[x]
    if swapped:
        word = (word << np.uint32(24) | (word & np.uint32(0xFF00)) << np.uint32(8)
                | word >> np.uint32(8) & np.uint32(0xFF00) | word >> np.uint32(24))
    return np.float64(np.uint32(word).view(np.float32))


@njit(cache=True, nogil=True)
def put_sum(row, first, sums):
    """Add (count, sum, what rounding took, largest) to a component's measured plane."""
    count, total, rest, most = sums
    both, lost = two_sum(row[first + 1], total)
    row[first] += count
    row[first + 1] = both
    row[first + 2] += rest + lost
    row[first + 3] = max(row[first + 3], most)


@njit(cache=True, nogil=True)
def two_sum(a, b):
    """(a + b, what rounding took from it), which together are exact."""
    both = a + b
    part = both - a
    return both, (a - (both - part)) + (b - part)


@njit(cache=True, nogil=True)
def add_rows(table, first, source, runs, labels):
    """Measure a plane whose (h, W) uint32 words hold float32; row 0 is that of y = 0.

    source: (words, whether their bytes are the other way round). NaN and infinities are left out.
    The sums of neighbouring runs of a component stay in registers.
    """
    words, swapped = source
    label, count, total, rest, most = labels[0], 0, 0.0, 0.0, -np.inf
    run, runs_in_all = np.uint64(0), np.uint64(runs.shape[0])
    while run < runs_in_all:
        later = min(run + AHEAD, runs_in_all - ONE)
        ask_for(words[runs[later, 0]], np.int64(runs[later, 1]))
        if labels[run] != label:
            put_sum(table[label], first, (count, total, rest, most))
            label, count, total, rest, most = labels[run], 0, 0.0, 0.0, -np.inf
        row, part = words[runs[run, 0]], 0.0
        x, end = np.uint64(runs[run, 1]), np.uint64(runs[run, 2])
        while x < end:
            value = number_at(row, x, swapped)
            finite = value - value == 0.0  # in the fewest instructions, and without a branch
            count += finite
            part += value if finite else 0.0
            most = value if finite and value > most else most
            x += ONE
        total, lost = two_sum(total, part)
        rest += lost
        run += ONE
    put_sum(table[label], first, (count, total, rest, most))


@njit(cache=True, nogil=True)
def add_values(table, first, source, runs, labels):
    """The same for values: source is ((k,) floats, (n,) where those of each run begin)."""
    values, places = source
    label, count, total, rest, most = labels[0], 0, 0.0, 0.0, -np.inf
    run, runs_in_all = np.uint64(0), np.uint64(runs.shape[0])
    while run < runs_in_all:
        if labels[run] != label:
            put_sum(table[label], first, (count, total, rest, most))
            label, count, total, rest, most = labels[run], 0, 0.0, 0.0, -np.inf
        place, part = np.uint64(places[run]), 0.0
        end = place + np.uint64(runs[run, 2] - runs[run, 1])
        while place < end:
            value = np.float64(values[place])
            finite = value - value == 0.0
            count += finite
            part += value if finite else 0.0
            most = value if finite and value > most else most
            place += ONE
        total, lost = two_sum(total, part)
        rest += lost
        run += ONE
    put_sum(table[label], first, (count, total, rest, most))


@njit(cache=True, nogil=True)
def pixel_starts(runs):
    """(n + 1,) int64: where the pixels of each run begin if all are put in a row."""
    starts = np.zeros(runs.shape[0] + 1, np.int64)
    for run in range(runs.shape[0]):
        starts[run + 1] = starts[run] + runs[run, 2] - runs[run, 1]
    return starts


@njit(cache=True, nogil=True)
def put_shape(row, shape):
    """Add (area, top, left, bottom, right, sum of y, sum of x) to a component."""
    area, top, left, bottom, right, sum_y, sum_x = shape
    row[AREA] += area
    row[TOP], row[LEFT] = min(row[TOP], top), min(row[LEFT], left)
    row[BOTTOM], row[RIGHT] = max(row[BOTTOM], bottom), max(row[RIGHT], right)
    row[SUM_Y] += sum_y
    row[SUM_X] += sum_x


@njit(cache=True, nogil=True)
def shape_table(runs, labels, count, top):
    """A table of `count` components: area, box, sums of y and x; `top` is added to every y.

    Twice the sum of x is summed in whole numbers; both sums are exact.
    """
    table = np.zeros((count, COLUMNS))
    for label in range(count):
        table[label, TOP] = table[label, LEFT] = np.inf
        table[label, FLUX + 3] = table[label, CONFIDENCE + 3] = -np.inf
    begin = 0
    while begin < runs.shape[0]:
        label, y, end = labels[begin], np.int64(runs[begin, 0]), begin
        area, twice, left = np.int64(0), np.int64(0), runs[begin, 1]
        while end < runs.shape[0] and labels[end] == label and runs[end, 0] == y:
            x0, x1 = np.int64(runs[end, 1]), np.int64(runs[end, 2])
            area += x1 - x0
            twice += (x1 - x0) * (x0 + x1 - 1)
            end += 1
        y += top
        put_shape(table[label], (area, y, left, y + 1, runs[end - 1, 2], area * y, 0.5 * twice))
        begin = end
    return table


@njit(cache=True, nogil=True)
def pixel_places(runs, width):
    """(pixels,) int64 index y * width + x of every pixel of the runs, in their order."""
    total = 0
    for run in range(runs.shape[0]):
        total += runs[run, 2] - runs[run, 1]
    places = np.empty(total, np.int64)
    count = 0
    for run in range(runs.shape[0]):
        start = np.int64(runs[run, 0]) * width
        for x in range(runs[run, 1], runs[run, 2]):
            places[count] = start + x
            count += 1
    return places


@njit(cache=True, nogil=True)
def run_boxes(runs, width, cell):
    """(boxes, owners): boxes round the runs that begin in the same `cell` columns of `width`.

    boxes: (n, 4) int64 (y0, x0, y1, x1). owners: (runs,) int64, the box of each run.
    """
    box_of = np.full((width + cell - 1) // cell, -1)
    boxes = np.empty((box_of.size, 4), np.int64)
    owners = np.empty(runs.shape[0], np.int64)
    count = 0
    for run in range(runs.shape[0]):
        y, x0, x1 = runs[run, 0], runs[run, 1], runs[run, 2]
        owner = box_of[x0 // cell]
        if owner < 0:
            owner = box_of[x0 // cell] = count
            boxes[owner, 0], boxes[owner, 1], boxes[owner, 3] = y, x0, x1
            count += 1
        box = boxes[owner]
        box[1], box[2], box[3] = min(box[1], x0), y + 1, max(box[3], x1)
        owners[run] = owner
    return boxes[:count], owners
