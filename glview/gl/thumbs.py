"""Thumbnails of objects: small cut-outs in one atlas, coloured on the GPU like the image pane."""

from dataclasses import replace

from glview.core import cutout
from glview.core.stretch import MEAN
from glview.gl import textures
from glview.gl.panes import PALETTE

ACROSS = 28  # slots a row and rows of slots: as many as a screen of 3840 x 2160 shows
SLOTS = ACROSS * ACROSS
PIXELS = 96  # screen pixels a side of a drawn thumbnail
PIXEL_BY_PIXEL = (MEAN, 0)


class Thumbnails:
    """A cache of cut-outs (slots) and their drawn pictures, all in one texture.

    A picture is drawn again only when its content or the display settings changed.
    """

    def __init__(self, ctx):
        side = ACROSS * cutout.SIDE
        self.values = textures.texture(ctx, (side, side))
        self.state = textures.texture(ctx, (side, side), 1, "f1")
        self.picture = textures.Buffer(ctx, 4, "f1")
        self.picture.resize(ACROSS * PIXELS, ACROSS * PIXELS)
        self.picture.use(*PALETTE.background, 1.0)
        self._slots = {}
        self._drawn = {}
        self._wanted = []
        self._kept = frozenset()

    @property
    def texture(self):
        return self.picture.texture

    def has(self, key):
        """True if the cut-out `key` is here; it counts as used now."""
        found = self._slots.pop(key, None)
        if found is None:
            return False
        self._slots[key] = found
        return True

    def stamp(self, key):
        """The stamp that the cut-out was put with, or None."""
        found = self._slots.get(key)
        return None if found is None else found[2]

    def show(self, key):
        """The picture of `key`, if it is here, is wanted in this frame."""
        self._wanted.append(key)

    def within(self, wishes):
        """The wishes, a dict by (key, stamp), but for pictures that have no room in this frame.

        Call it when all are shown.  More of them than slots would push each other out for ever.
        """
        self._kept = frozenset(self._wanted[:SLOTS])
        return {wish: make for wish, make in wishes.items() if wish[0] in self._kept}

    def put(self, key, stamp, cells, shown, inside):
        """Keep a cut-out.

        cells: its (values, state), see `core.cutout`; shown: how many of its cells, centred, the
        picture shows; inside: (y0, x0, y1, x1) cells that lie on the image.
        """
        found = self._slots.pop(key, None)
        if found is not None:
            slot = found[0]
        elif len(self._slots) < SLOTS:
            slot = len(self._slots)
        else:
            slot = self._slots.pop(self._least_needed())[0]
        x, y = slot % ACROSS * cutout.SIDE, slot // ACROSS * cutout.SIDE
        textures.write(self.values, cells[0], x, y)
        textures.write(self.state, cells[1], x, y)
        self._slots[key] = (slot, shown, stamp, inside)
        self._drawn.pop(slot, None)

    def _least_needed(self):
        """The key used longest ago of those that the last frame did not keep."""
        oldest = next(iter(self._slots))
        return next((key for key in self._slots if key not in self._kept), oldest)

    def corners(self, key):
        """Texture coordinates (upper left, lower right) of the picture, for imgui."""
        slot = self._slots[key][0]
        x, y, n = slot % ACROSS, slot // ACROSS, ACROSS
        return (x / n, (y + 1) / n), ((x + 1) / n, y / n)

    def draw(self, painter, document, overlay):
        """Bring the pictures that are wanted in this frame up to date."""
        keys, self._wanted = self._wanted, []
        overlay = replace(overlay, shown=True, outline=True)
        look = (document.stretch, document.limits_at(*PIXEL_BY_PIXEL), overlay)
        stale = [key for key in keys if key in self._slots
                 and self._drawn.get(self._slots[key][0]) != look]
        if not stale:
            return
        self.picture.use()
        for key in stale:
            slot, shown, _, inside = self._slots[key]
            x, y = slot % ACROSS, slot // ACROSS
            self.picture.target.viewport = (x * PIXELS, y * PIXELS, PIXELS, PIXELS)
            painter.image(document, overlay, {"values": self.values, "state": self.state},
                          self._place(x, y, shown, inside, document.image.y_up), PIXEL_BY_PIXEL)
            self._drawn[slot] = look

    @staticmethod
    def _place(x, y, shown, inside, y_up):
        left, low = x * cutout.SIDE, y * cutout.SIDE
        extent = (left + inside[1], low + inside[0], left + inside[3], low + inside[2])
        step, skipped = shown / PIXELS, (cutout.SIDE - shown) / 2
        x0 = left + skipped - x * PIXELS * step
        if y_up:
            origin, stride = (x0, low + skipped - y * PIXELS * step), (step, step)
        else:
            origin = (x0, low + cutout.SIDE - skipped + y * PIXELS * step)
            stride = (step, -step)
        return {"origin": origin, "stride": stride, "extent": tuple(map(float, extent))}
