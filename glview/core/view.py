"""Where the user looks: one View for every pane, and what of the image a pane then shows."""

import math
from dataclasses import dataclass, replace

ZOOM_MIN, ZOOM_MAX = 1.0 / 4096.0, 256.0


@dataclass(frozen=True)
class View:
    """y, x: image coordinates at the centre of every pane; zoom: screen pixels per image pixel."""

    y: float = 0.0
    x: float = 0.0
    zoom: float = 1.0

    def moved(self, dy, dx):
        """The view whose centre lies dy, dx image pixels further."""
        return replace(self, y=self.y + dy, x=self.x + dx)

    def zoomed(self, factor, at):
        """Zoom by `factor` so that the image point `at` = (y, x) stays where it is on screen."""
        zoom = min(max(self.zoom * factor, min(self.zoom, ZOOM_MIN)), ZOOM_MAX)
        kept = self.zoom / zoom
        return View(at[0] + (self.y - at[0]) * kept, at[1] + (self.x - at[1]) * kept, zoom)

    def inside(self, shape):
        """The nearest view whose centre lies on the image of `shape` = (height, width)."""
        return replace(self, y=min(max(self.y, 0.0), shape[0]), x=min(max(self.x, 0.0), shape[1]))


def fitted(shape, size):
    """The View that shows the whole image of `shape` (height, width) in a pane (height, width)."""
    zoom = min(size[0] / shape[0], size[1] / shape[1])
    return View(shape[0] / 2, shape[1] / 2, min(zoom, ZOOM_MAX))


@dataclass(frozen=True)
class Window:
    """What one pane of `size` (height, width), in screen pixels, shows of the image.

    y0, x0: image coordinates of the pane's corner with the smallest y and x (the lower left if
    rows go up).  Every pixel that is drawn and every pixel that is picked goes through this class,
    so the two cannot disagree.
    """

    y0: float
    x0: float
    zoom: float
    size: tuple[int, int]
    y_up: bool

    @property
    def box(self):
        """(y0, x0, y1, x1), image coordinates, not clipped to the image."""
        height, width = self.size
        return (self.y0, self.x0, self.y0 + height / self.zoom, self.x0 + width / self.zoom)

    def to_image(self, py, px):
        """Image coordinates (y, x) of the pane's point py down from its top, px from its left."""
        up = self.size[0] - py if self.y_up else py
        return self.y0 + up / self.zoom, self.x0 + px / self.zoom

    def to_pane(self, y, x):
        """Point (py, px) of the pane, py down from its top, of the image coordinates (y, x)."""
        up = (y - self.y0) * self.zoom
        return (self.size[0] - up if self.y_up else up), (x - self.x0) * self.zoom


def window(view, size, y_up):
    """The Window of a pane of `size` (height, width) under `view`.

    The corner is moved to a whole screen pixel, so that at zoom 1, 2, 3 ... each image pixel covers
    whole screen pixels and nothing shimmers while panning.
    """
    def corner(centre, length):
        return math.floor((centre - length / view.zoom / 2) * view.zoom + 0.5) / view.zoom

    return Window(corner(view.y, size[0]), corner(view.x, size[1]), view.zoom, size, y_up)


def level_for(zoom):
    """The pyramid level to draw at `zoom`: its cells are more than 1/2 and at most 1 screen pixel.

    Level n joins 2**n x 2**n image pixels to a cell; level 0 for every zoom above 1/2.
    """
    return max(0, math.floor(-math.log2(zoom) + 1e-9)) if zoom < 1.0 else 0
