"""Objects at the speed of memory: `find_objects` and `Candidates` beside a plain read of the map.

The read of the same bytes, on all cores, is timed right before and right after each call; ratios
are medians over these pairs. Other tools that are installed do threshold, labels and boxes.
"""

import itertools
import os
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np
from numba import njit
from scipy import ndimage

from bench import report
from bench.programs import ProgramError
from glview.core.candidates import Candidates
from glview.core.counting import Counter
from glview.core.edits import Edits
from glview.core.image import from_array
from glview.core.mask import MaskSettings
from glview.core.objects import find_objects
from glview.core.tiles import Stamps

SIZES, DENSITIES = (4, 64, 256), (1e-4, 1e-3)
LOOKS = {"": MaskSettings(), ", cross": MaskSettings(0.5, 1, "diamond"),
         ", disk 3": MaskSettings(0.5, 3, "disk")}
PEERS = ("cv2", "cc3d", "scipy", "skimage")
EIGHT = np.ones((3, 3), bool)
LIMITS = {"": 1.3, ", cross": 1.5, ", disk 3": 2.2}  # times a read, at the largest size
BIG_ENDIAN, SLIDER, STROKE = 1.15, 8.0, 2.0
PARTS = 64


def measure(frames, options):
    """The tables: sparse masks, crowded ones, and changes of a mask."""
    sizes = SIZES[:2] if options.quick else SIZES
    repeats = 3 if options.quick else 11
    yield _sparse(sizes, repeats)
    yield _crowded(sizes[-2], repeats)
    yield _changes(sizes[-1], repeats)


def confidence(megapixels, density, seed=1):
    """(H, W) float32 as a network gives it: a dim ground, streaks on `density` of the pixels."""
    side, random = int((megapixels << 20) ** 0.5), np.random.default_rng(seed)
    made = np.empty((side, side), np.float32)
    ground = random.random((1024, 1024), np.float32) ** 8 * np.float32(0.02)
    for y, x in itertools.product(range(0, side, 1024), repeat=2):
        made[y : y + 1024, x : x + 1024] = np.roll(ground, random.integers(1 << 20))
    count = int(side * side * density / 9)
    lengths = random.integers(3, 16, count)
    owner = np.repeat(np.arange(count), lengths)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    angle = random.uniform(0, 2 * np.pi, count)[owner]
    places = random.integers(16, side - 16, (2, count))[:, owner]
    y, x = (places + step * [np.sin(angle), np.cos(angle)]).astype(int)
    peaks = 1 - 0.9 * random.random(count) ** 2
    made[y, x] = peaks[owner] * random.uniform(0.7, 1.0, len(y))
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        wing = peaks[owner] * (0.02 + 0.4 * random.random(len(y)) ** 2)
        np.maximum.at(made, (y + dy, x + dx), wing.astype(np.float32))
    return made


def spiral(side):
    """A line wound inwards with one empty pixel between its turns."""
    made = np.zeros((side, side), np.float32)
    y0, x0, y1, x1, start = 0, 0, side - 1, side - 1, 0
    while y1 - y0 >= 3:
        made[y0, start : x1 + 1] = made[y0 : y1 + 1, x1] = made[y1, x0 : x1 + 1] = 1
        made[y0 + 2 : y1 + 1, x0] = 1
        start, y0, x0, y1, x1 = x0, y0 + 2, x0 + 2, y1 - 2, x1 - 2
    return made


@njit(cache=True, nogil=True)
def touch(words):
    """Read (n,) uint64 once, with vectors."""
    seen = np.uint64(0)
    for k in range(words.size):
        seen ^= words[k]
    return seen


def reader(array):
    """A function that reads all bytes of an array on all cores."""
    words = array.reshape(-1).view(np.uint64)
    cuts = np.linspace(0, len(words), PARTS + 1).astype(int)
    pool = ThreadPoolExecutor(os.cpu_count())
    return lambda: list(pool.map(lambda k: touch(words[cuts[k] : cuts[k + 1]]), range(PARTS)))


def timed(work):
    """(seconds, what it returned)."""
    began = time.perf_counter()
    made = work()
    return time.perf_counter() - began, made


def paired(work, read, repeats):
    """(seconds of the work, seconds of a read, ratios of neighbours, what the work returned)."""
    work()
    own, reads, ratios = [], [], []
    for _ in range(repeats):
        before, _ = timed(read)
        taken, made = timed(work)
        after, _ = timed(read)
        own.append(taken)
        reads.append((before + after) / 2)
        ratios.append(taken / reads[-1])
    return own, reads, ratios, made


def _sparse(sizes, repeats):
    table = report.Table(
        "Objects of sparse masks with flux, peak and confidence, ms: median",
        ("Mpx, density, dilation", "objects", "glview", "read", "glview / read", "target",
         *(f"{name} / glview" for name in PEERS)))
    for size, density in itertools.product(sizes, DENSITIES):
        values = confidence(size, density)
        image = np.random.default_rng(3).random(values.shape, np.float32)
        for name, look in LOOKS.items():
            limit = LIMITS[name] if size == SIZES[-1] else None
            _row(table, f"{size}, {density:g}{name}", (values, look, image), repeats, limit)
        if size == sizes[-1]:
            swapped = values.astype(">f4")
            _row(table, f"{size}, {density:g}, big-endian", (swapped, LOOKS[""], None), repeats,
                 BIG_ENDIAN if size == SIZES[-1] else None)
    table.notes += _notes()
    return table


def _crowded(size, repeats):
    side = int((size << 20) ** 0.5)
    table = report.Table(
        "Objects of crowded masks, ms: median",
        ("Mpx, mask", "objects", "glview", "read", "glview / read", "target",
         *(f"{name} / glview" for name in PEERS)))
    random = np.random.default_rng(5).random((side, side), np.float32) < 0.5
    chess = np.indices((side, side), np.uint8).sum(0) % 2
    for name, values in (("random 50 %", random), ("chessboard", chess), ("spiral", spiral(side))):
        source = values.astype(np.float32), LOOKS[""], None
        _row(table, f"{size}, {name}", source, min(repeats, 3), None)
    return table


def _row(table, name, source, repeats, limit):
    values, look, image = source
    own, reads, ratios, found = paired(
        lambda: find_objects(values, look, image=image), reader(_native(values)), repeats)
    cells = []
    for peer in PEERS:
        if find_spec(peer) is None or not values.dtype.isnative:
            cells.append("-")
            continue
        taken, count = timed(lambda peer=peer: _PEERS[peer](values, look))
        if count != len(found):
            raise ProgramError(f"{name}: {len(found)} objects, {peer} counts {count}")
        cells.append(f"{taken / report.median(own):.1f} x")
    ratio = report.median(ratios)
    target = "" if limit is None else report.against(ratio, limit, "x")
    table.add(name, len(found), _ms(own), _ms(reads), f"{ratio:.2f} x", target, *cells)


def _native(values):
    return values.view(values.dtype.newbyteorder("="))


def _ms(values):
    return f"{1e3 * report.median(values):.2f}"


def _element(look):
    reach = look.dilation
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return np.abs(x) <= np.array(look.widths)[np.abs(y)]


def _mask(values, look, dilate):
    mask = values > look.limit
    return dilate(mask, _element(look)) if look.dilation else mask


def _by_cv2(values, look):
    import cv2

    mask = _mask(values, look, lambda mask, element: cv2.dilate(
        mask.view(np.uint8), element.astype(np.uint8)))
    return cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)[0] - 1


def _by_cc3d(values, look):
    import cc3d

    labels, count = cc3d.connected_components(_mask(values, look, ndimage.binary_dilation),
                                              connectivity=8, return_N=True)
    cc3d.statistics(labels)
    return count


def _by_scipy(values, look):
    labels, count = ndimage.label(_mask(values, look, ndimage.binary_dilation), EIGHT)
    ndimage.find_objects(labels)
    return count


def _by_skimage(values, look):
    from skimage import measure as skimage_measure

    return skimage_measure.label(_mask(values, look, ndimage.binary_dilation), connectivity=2,
                                 return_num=True)[1]


_PEERS = {"cv2": _by_cv2, "cc3d": _by_cc3d, "scipy": _by_scipy, "skimage": _by_skimage}


def _notes():
    absent = [name for name in PEERS if find_spec(name) is None]
    return ["peers, once each: cv2 connectedComponentsWithStats, cc3d with statistics, scipy label "
            "and find_objects,", "skimage label, each with threshold and dilation; none of them "
            "measures flux, peak or confidence",
            *([f"not installed: {', '.join(absent)}"] if absent else [])]


def _changes(size, repeats):
    table = report.Table(
        f"Changes of a mask of {size} Mpx at density 1e-3 from candidates, ms: median (range)",
        ("change", "n", "objects", "ms", "target"))
    values = confidence(size, 1e-3)
    image = np.random.default_rng(3).random(values.shape, np.float32)
    _, made = timed(lambda: Candidates(values, image, 0.021))
    taken = [timed(lambda: Candidates(values, image, 0.021))[0] for _ in range(3)]
    table.add("all candidates, once", 3, made.count, _range(taken), "")
    for name, look in LOOKS.items():
        for threshold in (0.05, 0.2, 0.5, 0.9):
            own = MaskSettings(threshold, look.dilation, look.shape)
            made.objects(own)
            taken, found = zip(*(timed(lambda own=own: made.objects(own))
                                 for _ in range(repeats)), strict=True)
            target = report.against(1e3 * report.median(taken), SLIDER, "ms")
            table.add(f"threshold {threshold}{name}", repeats, len(found[-1]), _range(taken),
                      target)
    for name, taken, count in _strokes(made, values.shape):
        target = report.against(1e3 * report.median(taken), STROKE, "ms")
        table.add(name, len(taken), count, _range(taken), target)
    for name, taken, count, limit in _window(values, image, repeats):
        target = report.against(1e3 * report.median(taken), limit, "ms")
        table.add(f"window: {name}", len(taken), count, _range(taken), target)
    table.notes += ["window: what a frame of the window waits for, its list of objects with index; "
                    "the window chooses the floor by itself"]
    return table


def _window(values, image, repeats):
    """The same as a frame of the window has it: by a Counter."""
    counter, edits, stamps = Counter(from_array(image)), Edits(values.shape), Stamps(values.shape)

    def change(look):
        question = counter.ask(values, look, edits.plane, (stamps, edits.stamps))
        return lambda: len(counter.count(question).catalogue)

    change(MaskSettings())()
    for threshold in (0.05, 0.5):
        moved = [MaskSettings(threshold + 1e-4 * k) for k in range(repeats)]
        taken, found = zip(*(timed(change(look)) for look in moved), strict=True)
        yield f"threshold {threshold}", taken, found[-1], SLIDER
    change(MaskSettings())()
    taken, random = [], np.random.default_rng(7)
    for y, x in random.integers(0, values.shape[0] - 7, (40, 2)).tolist():
        edits.put(y, x, np.ones((7, 7), np.uint8))
        seconds, found = timed(change(MaskSettings()))
        taken.append(seconds)
    yield "7 x 7 stroke", taken, found, STROKE


def _strokes(made, shape):
    edits, random, look = Edits(shape), np.random.default_rng(7), MaskSettings()
    made.objects(look, edits.plane)
    drawn, undone = [], []
    for y, x in random.integers(0, shape[0] - 7, (40, 2)).tolist():
        box = y, x, y + 7, x + 7
        for code, times in ((1, drawn), (0, undone)):
            edits.put(y, x, np.full((7, 7), code, np.uint8))
            taken, found = timed(lambda box=box: made.objects(look, edits.plane, box))
            times.append(taken)
    return ("7 x 7 stroke", drawn, len(found)), ("its undo", undone, len(found))


def _range(values):
    low, middle, high = (1e3 * pick(values) for pick in (min, report.median, max))
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"
