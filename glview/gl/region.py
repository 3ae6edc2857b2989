"""The part of a document that the panes show, as cells of one pyramid level in GPU buffers.

Both panes are drawn from these buffers, so they cannot disagree.  A buffer is drawn again only when
its key changed.
"""

from dataclasses import dataclass
from itertools import groupby

import moderngl
import numpy as np

from glview.core import mask, pyramid, tiles
from glview.core.view import level_for
from glview.gl import textures
from glview.gl.program import assign, build

GRAIN = 128  # buffers grow in steps of this many cells, so that panning does not make new ones
NOTHING_KNOWN = -1.0


@dataclass(frozen=True)
class Region:
    """level: of the pyramid; box: (y0, x0, y1, x1) cells drawn; shape: (h, w) of the level."""

    level: int
    box: tuple[int, int, int, int]
    shape: tuple[int, int]

    @property
    def size(self):
        """(width, height) in cells."""
        return self.box[3] - self.box[1], self.box[2] - self.box[0]

    @property
    def extent(self):
        """(x0, y0, x1, y1) of the image in the region's cells."""
        y0, x0 = self.box[:2]
        return (max(0, -x0), max(0, -y0), min(self.shape[1], self.box[3]) - x0,
                min(self.shape[0], self.box[2]) - y0)


def region_for(document, windows, most, largest):
    """The smallest Region that all panes need.

    It is of a coarser level where it had more than `most` tiles, or where its buffer had a side of
    more than `largest` cells, which the driver cannot make.
    """
    top = tiles.levels(document.image.shape) - 1
    level = min(level_for(windows[0].zoom), top)
    while True:
        region = _at_level(document, windows, level)
        fits = all(_buffer_side(side) <= largest for side in region.size)
        if level == top or (fits and len(tiles.visible(region.shape, 0, region.box)) <= most):
            return region
        level += 1


def _buffer_side(cells):
    return -(-cells // GRAIN) * GRAIN


def _at_level(document, windows, level):
    """What the panes need of a level, with the margin that dilation needs."""
    boxes = np.array([window.box for window in windows]) / (1 << level)
    margin = 1 + (document.mask.dilation if level == 0 else 0)
    low = np.floor(boxes[:, :2].min(0)).astype(int) - margin
    high = np.ceil(boxes[:, 2:].max(0)).astype(int) + margin
    bounds = tiles.level_shape(document.image.shape, level)
    low = np.clip(low, 0, np.array(bounds) - 1)
    high = np.clip(high, low + 1, bounds)
    return Region(level, (*low.tolist(), *high.tolist()), bounds)


def _newest_around(stamps, level, ty, tx):
    """The newest stamp of a tile and its neighbours, from which dilation reaches into it."""
    rows, columns = (-(-n // tiles.SIZE) for n in tiles.level_shape(stamps.shape, level))
    return max(stamps.at(level, y, x)
               for y in range(max(0, ty - 1), min(rows, ty + 2))
               for x in range(max(0, tx - 1), min(columns, tx + 2)))


class Regions:
    """The buffers of one region: image values, confidence, edits, state of the mask."""

    def __init__(self, ctx, held):
        self.ctx, self._held, self.stores = ctx, held, held.stores
        self._largest = ctx.info["GL_MAX_TEXTURE_SIZE"]
        self.image, self.confidence = textures.Buffer(ctx), textures.Buffer(ctx)
        self.edits, self.reach = textures.Buffer(ctx, 1, "f1"), textures.Buffer(ctx, 1, "f1")
        self.state = textures.Buffer(ctx, 1, "f1")
        self._tile = build(ctx, "tile.frag", "tile.vert")
        self._instances = ctx.buffer(reserve=9 * 4 * 1024, dynamic=True)
        self._tile_vao = ctx.vertex_array(
            self._tile, [(self._instances, "4f 4f 1f/i", "place", "source", "layer")])
        self._reach = ctx.vertex_array(build(ctx, "reach.frag"), [])
        self._state = ctx.vertex_array(build(ctx, "state.frag"), [])
        self._keys = {}
        self.wishes = {}
        self.versions = dict.fromkeys(("image", "confidence", "edits", "reach", "state"), 0)
        self.sharp = True

    def draw(self, document, windows):
        """Bring the buffers up to date for the panes; returns the Region they hold.

        `versions` counts how often each buffer was drawn.
        Afterwards `wishes` holds what is missing: (kind, owner, level, ty, tx), stamp -> a callable
        for a worker; `sharp` is False while a stand-in is drawn for something.
        """
        self.wishes, self.sharp = {}, True
        region = region_for(document, windows, self._held.most, self._largest)
        owner = document.key
        self._draw_image(document, region, owner)
        self._draw_confidence(document, region, owner)
        self._draw_edits(document, region, owner)
        self._draw_state(document, region, owner)
        return region

    # image

    def _draw_image(self, document, region, owner):
        look = (document.image.plane, document.stretch.zoomout)
        found = self._tiles("image", region, (owner, "image", *look),
                            lambda level, ty, tx: 0, self._image_maker(document))
        key = (owner, look, region, found, id(document.preview[0]))
        if self._keys.get("image") == key:
            return
        self._start("image", region, (np.nan,))
        rows = []
        if not self.sharp or not found:
            rows.append((self._held.preview(document), self._preview_row(document, region)))
        self._paste(region, rows, self.stores["image"], found)
        self._keys["image"] = key

    def _image_maker(self, document):
        image, reduced, rule = document.image, document.pyramid, document.stretch.zoomout

        def maker(level, ty, tx):
            if level > 2 and reduced is None:
                return None
            return lambda: pyramid.tile(image, reduced, level, ty, tx, tiles.SIZE,
                                        rule)

        return maker

    def _preview_row(self, document, region):
        """The whole image; at its far edges the preview's last row and column go on."""
        scale = document.preview[1] / (1 << region.level)
        (y0, x0), (height, width) = region.box[:2], region.shape
        return -x0, -y0, width, height, 0, 0, width / scale, height / scale, 0

    # confidence, edits, state

    def _draw_confidence(self, document, region, owner):
        detection, edits, settings = document.detection, document.edits, document.mask
        values = detection.confidence
        found = ()
        if values is not None or (region.level and edits.array is not None):
            grown = (settings.dilation, settings.shape) if region.level else ()

            def stamp(level, ty, tx):
                if level == 0:
                    return detection.stamps.at(level, ty, tx)
                newest = _newest_around if settings.dilation else tiles.Stamps.at
                return (newest(detection.stamps, level, ty, tx), edits.stamps.at(level, ty, tx),
                        grown)

            def maker(level, ty, tx):
                box = tiles.tile_box(document.image.shape, level, ty, tx)
                if level == 0:
                    return values[box[0]:box[2], box[1]:box[3]].copy
                full = tuple(edge << level for edge in box)
                full = (*full[:2], min(full[2], edits.shape[0]), min(full[3], edits.shape[1]))
                return lambda: mask.pooled(values, settings, edits.array, full, 1 << level)

            found = self._tiles("confidence", region, (owner, "confidence"), stamp, maker)
        key = (owner, region, found)
        if self._keys.get("confidence") != key:
            self._start("confidence", region, (NOTHING_KNOWN,))
            self._paste(region, [], self.stores["confidence"], found)
            self._keys["confidence"] = key

    def _draw_edits(self, document, region, owner):
        edits = document.edits
        found = ()
        if region.level == 0 and edits.array is not None:
            def maker(level, ty, tx):
                y0, x0, y1, x1 = tiles.tile_box(edits.shape, level, ty, tx)
                return edits.array[y0:y1, x0:x1].copy

            found = self._tiles("edits", region, (owner, "edits"), edits.stamps.at, maker)
        key = (owner, region, found)
        if self._keys.get("edits") != key:
            self._start("edits", region, (0.0,))
            self._paste(region, [], self.stores["edits"], found)
            self._keys["edits"] = key

    def _draw_state(self, document, region, owner):
        settings = document.mask
        key = (owner, settings, self._keys["confidence"], self._keys["edits"])
        if self._keys.get("state") == key:
            return
        radius = settings.dilation if region.level == 0 else 0
        widths = mask.half_widths(settings.shape, radius)
        shared = {"threshold": float(np.float32(settings.threshold)), "radius": radius,
                  "size": region.size, "confidence": 0, "reach": 1, "edits": 2}
        self.confidence.texture.use(0)
        self._start("reach", region, ())
        assign(self._reach.program, **shared)
        self._reach.render(moderngl.TRIANGLES, vertices=3)
        self._start("state", region, ())
        self.reach.texture.use(1)
        self.edits.texture.use(2)
        assign(self._state.program, **shared, reduced=region.level > 0,
               widths=(*widths, *[-1] * (mask.MAX_DILATION + 1 - len(widths))))
        self._state.render(moderngl.TRIANGLES, vertices=3)
        self._keys["state"] = key

    # tiles

    def _tiles(self, kind, region, owner, stamp_of, maker):
        """What to paste for the region, coarse before fine: ((key, level, ty, tx, stamp), ...).

        Missing tiles are wished for; in-memory kinds at level 0 are put at once, so that a stroke
        of the pencil shows in the frame in which it is made.
        """
        store, found, parents = self.stores[kind], [], {}
        for ty, tx in tiles.visible(region.shape, 0, region.box):
            key, stamp = (*owner, region.level, ty, tx), stamp_of(region.level, ty, tx)
            if store.stamp(key) != stamp:
                make = maker(region.level, ty, tx)
                if make is not None and region.level == 0 and kind != "image":
                    store.put(key, make(), stamp)
                elif make is not None:
                    self.wishes[key, stamp] = make
            if store.slot(key) is None:
                self.sharp = False
                parents.update(self._parent(store, owner, region.level, ty, tx))
            else:
                self.sharp &= store.stamp(key) == stamp
                found.append((key, region.level, ty, tx, store.stamp(key)))
        coarse = sorted(parents.values(), key=lambda one: -one[1])
        return (*coarse, *found)

    @staticmethod
    def _parent(store, owner, level, ty, tx):
        for up in range(1, 12):
            key = (*owner, level + up, ty >> up, tx >> up)
            if store.slot(key) is not None:
                return {key: (key, level + up, ty >> up, tx >> up, store.stamp(key))}
        return {}

    def _start(self, name, region, clear):
        """Bind a buffer, large enough for the region; cleared with the values `clear`, if any."""
        buffer = getattr(self, name)
        self.versions[name] += 1
        width, height = region.size
        buffer.resize(_buffer_side(width), _buffer_side(height))
        buffer.use(*clear)
        buffer.target.viewport = (0, 0, width, height)

    def _paste(self, region, first, store, found):
        """Draw (texture, row) of `first`, then the tiles `found`, in this order."""
        assign(self._tile, region=tuple(map(float, region.size)), tiles=0)
        for texture, row in first:
            texture.use(0)
            self._render([row])
        placed = [(store.slot(one[0]), one) for one in found]
        for page, group in groupby(placed, key=lambda pair: pair[0][0]):
            store.pages[page].use(0)
            self._render([self._row(region, slot[1], *one[1:4]) for slot, one in group])

    @staticmethod
    def _row(region, layer, level, ty, tx):
        """place and source of one tile; exact, for both are relative to the region."""
        up = level - region.level
        y0, x0 = region.box[:2]
        side = tiles.SIZE << up
        height = min(tiles.SIZE, -(-region.shape[0] >> up) - ty * tiles.SIZE)
        width = min(tiles.SIZE, -(-region.shape[1] >> up) - tx * tiles.SIZE)
        return (tx * side - x0, ty * side - y0, width << up, height << up,
                0, 0, width, height, layer)

    def _render(self, rows):
        if rows:
            self._instances.orphan()
            self._instances.write(np.array(rows, np.float32))
            self._tile_vao.render(moderngl.TRIANGLE_STRIP, vertices=4, instances=len(rows))
