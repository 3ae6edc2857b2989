"""Which parts of a frame a detection has been over, coarsely, for a map of it."""

import numpy as np

CELLS = 64  # along the longer side


class Coverage:
    """Counts the pixels still to come in each cell of a coarse grid.

    shape: (height, width) of the frame.  step: side of a cell in pixels.
    """

    def __init__(self, shape):
        self.shape, self.step = shape, -(-max(shape) // CELLS)
        rows, columns = (self._sides(length) for length in shape)
        self._left = np.outer(rows, columns)

    def _sides(self, length):
        edges = np.minimum(np.arange(0, length + self.step, self.step), length)
        return np.diff(edges)

    def add(self, box):
        """The pixels of `box` (y0, x0, y1, x1) have come; each pixel comes once."""
        y0, x0, y1, x1 = box
        rows, columns = self._overlap(y0, y1), self._overlap(x0, x1)
        top, left = y0 // self.step, x0 // self.step
        self._left[top : top + len(rows), left : left + len(columns)] -= np.outer(rows, columns)

    def _overlap(self, first, last):
        """Pixels of [first, last) in each cell that it touches."""
        edges = np.arange(first // self.step, -(-last // self.step) + 1) * self.step
        return np.diff(np.clip(edges, first, last))

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
