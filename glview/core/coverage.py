"""Which parts of a frame a detection has been over, coarsely, for a map of it."""

import re

import numpy as np

CELLS = 64  # along the longer side
_SECTION = re.compile(r"\[(\d{1,9}):(\d{1,9}),(\d{1,9}):(\d{1,9})\]")


class Coverage:
    """Counts the pixels still to come in each cell of a coarse grid.

    shape: (height, width) of the frame.  step: side of a cell in pixels.  told: False if pixels
    came before that it was not told of, so that it cannot say which are missing.
    """

    def __init__(self, shape, told=True):
        self.shape, self.step, self.told = shape, -(-max(shape) // CELLS), told
        rows, columns = (self._sides(length) for length in shape)
        self._left = np.outer(rows, columns)
        self._boxes = {}  # (row, column) of a cell -> boxes that touch it and were over it

    @classmethod
    def of(cls, shape, boxes):
        """That of a frame of which just these boxes have come."""
        made = cls(shape)
        for box in boxes:
            made.add(box)
        return made

    @property
    def boxes(self):
        """What has come: boxes (y0, x0, y1, x1) without a common pixel, as `joined` makes them."""
        return joined({box for boxes in self._boxes.values() for box in boxes})

    def copy(self):
        """One that is the same now, and which later boxes do not change."""
        other = Coverage(self.shape, self.told)
        other._left = self._left.copy()
        other._boxes = {cell: list(boxes) for cell, boxes in self._boxes.items()}
        return other

    @property
    def share(self):
        """Of the frame's pixels, those that have come: 0 to 1."""
        return 1.0 - float(self._left.sum()) / (self.shape[0] * self.shape[1])

    def _sides(self, length):
        edges = np.minimum(np.arange(0, length + self.step, self.step), length)
        return np.diff(edges)

    def add(self, box):
        """The pixels of `box` (y0, x0, y1, x1) have come, some of them perhaps once more."""
        y0, x0, y1, x1 = box = tuple(box)
        cells = [(row, column) for row in range(y0 // self.step, -(-y1 // self.step))
                 for column in range(x0 // self.step, -(-x1 // self.step))]
        for piece in minus(box, {one for cell in cells for one in self._boxes.get(cell, ())}):
            self._count(piece)
        for cell in cells:
            apart = [one for one in self._boxes.get(cell, ()) if minus(one, [box])]
            self._boxes[cell] = [*apart, box]

    def _count(self, box):
        y0, x0, y1, x1 = box
        rows, columns = self._overlap(y0, y1), self._overlap(x0, x1)
        top, left = y0 // self.step, x0 // self.step
        self._left[top : top + len(rows), left : left + len(columns)] -= np.outer(rows, columns)

    def _overlap(self, first, last):
        """Pixels of [first, last) in each cell that it touches."""
        edges = np.arange(first // self.step, -(-last // self.step) + 1) * self.step
        return np.diff(np.clip(edges, first, last))

    def has(self, y, x):
        """True if the pixel (y, x) has come."""
        boxes = self._boxes.get((y // self.step, x // self.step), ())
        return any(y0 <= y < y1 and x0 <= x < x1 for y0, x0, y1, x1 in boxes)

    def missing(self):
        """Boxes (y0, x0, y1, x1), pixels, of the cells that are not whole yet, joined along rows.
        """
        found, (height, width) = [], self.shape
        for row, left in enumerate(self._left):
            edges = np.flatnonzero(np.diff(np.concatenate(([0], left > 0, [0])).astype(int)))
            y0, y1 = row * self.step, min((row + 1) * self.step, height)
            for start, stop in edges.reshape(-1, 2).tolist():
                found.append((y0, start * self.step, y1, min(stop * self.step, width)))
        return found


def joined(boxes):
    """The pixels of boxes (y0, x0, y1, x1) as boxes without a common pixel, sorted: tiles that
    lie side by side become one, and so do rows of them that are alike."""
    rows = sorted({edge for box in boxes for edge in box[::2]})
    columns = sorted({edge for box in boxes for edge in box[1::2]})
    row, column = ({edge: place for place, edge in enumerate(one)} for one in (rows, columns))
    there = np.zeros((len(rows), len(columns) + 1), np.int8)  # a margin that is never there
    for y0, x0, y1, x1 in boxes:
        there[row[y0] : row[y1], 1 + column[x0] : 1 + column[x1]] = 1
    found, going = [], {}  # going: (x0, x1) -> y0 of those that the last row had
    for y, line in zip(rows, there, strict=True):
        edges = np.flatnonzero(np.diff(line)).reshape(-1, 2).tolist()
        spans = {(columns[start], columns[stop]) for start, stop in edges}
        ended = {span: going.pop(span) for span in tuple(going) if span not in spans}
        found += [(top, x0, y, x1) for (x0, x1), top in ended.items()]
        going |= {span: y for span in spans - going.keys()}
    return sorted(found)


def to_text(boxes):
    """Boxes (y0, x0, y1, x1) as FITS sections, "[1:512,1:512]": columns first, from 1, the last
    ones included."""
    return "".join(f"[{x0 + 1}:{x1},{y0 + 1}:{y1}]" for y0, x0, y1, x1 in boxes)


def from_text(text):
    """The boxes of the sections that a text holds, of at least a pixel each."""
    found = (tuple(map(int, one)) for one in _SECTION.findall(text))
    return [(y0 - 1, x0 - 1, y1, x1) for x0, x1, y0, y1 in found if 0 < x0 <= x1 and 0 < y0 <= y1]


def minus(box, others):
    """What of a box is in none of the others, as boxes without a common pixel: [] if nothing is."""
    pieces = [box]
    for v0, u0, v1, u1 in others:
        left = []
        for y0, x0, y1, x1 in pieces:
            top, bottom = max(y0, v0), min(y1, v1)
            if top >= bottom or max(x0, u0) >= min(x1, u1):
                left.append((y0, x0, y1, x1))
                continue
            left += [(y0, x0, top, x1), (bottom, x0, y1, x1),
                     (top, x0, bottom, max(x0, u0)), (top, min(x1, u1), bottom, x1)]
        pieces = [one for one in left if one[0] < one[2] and one[1] < one[3]]
    return pieces
