"""The cells that the panes show, in GPU buffers: values, confidence, edits, state of the mask.

Both panes are drawn from these buffers, so they cannot disagree.  A buffer is drawn again only when
its key changed.
"""

from itertools import groupby

import moderngl
import numpy as np

from glview.core import mask, pyramid, tiles
from glview.core.pyramid import RAW_LEVELS
from glview.gl import standin, textures
from glview.gl.area import Cells, buffer_side, newest_around, region_for, room_for
from glview.gl.lent import cut
from glview.gl.program import assign, build

NOTHING_KNOWN = -1.0
AT_ONCE = 8 << 20  # bytes of tiles from memory that one frame may put; a stroke needs much less


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
        self.wishes, self._room, self._most = {}, 0, (0, 0)
        self.versions = dict.fromkeys(("image", "confidence", "edits", "reach", "state"), 0)
        self.sharp, self.cells = True, {}

    def draw(self, document, windows, joining, share=1):
        """Bring the buffers up to date for the panes; returns the Region they hold.

        joining: how values become one where the picture is zoomed out.  share: how many regions
        need room for their tiles at the same time.
        Afterwards `cells` holds what the panes are drawn from: "values", and if there is any mask
        "confidence" and "state".  `wishes` holds what is missing: (kind, owner, level, ty, tx),
        stamp -> a callable for a worker; `sharp` is False while a stand-in is drawn for something.
        `versions` counts how often each buffer was drawn.
        """
        self.wishes, self.sharp, self._room = {}, True, AT_ONCE
        region = region_for(document, windows, self._held.most // share, self._largest)
        owner, self._most = document.key, room_for(document, windows, self._largest)
        self._draw_image(document, region, owner, joining)
        # Edits first: they take what may be put at once.
        found = {"edits": self._edit_tiles(document, region, owner),
                 "confidence": self._confidence_tiles(document, region, owner)}
        self.cells = {"values": Cells((self.versions["image"],), self.image.texture, joining.rule,
                                      (("reach", joining.reach),))}
        if any(found.values()):
            for kind, nothing in (("edits", 0.0), ("confidence", NOTHING_KNOWN)):
                self._draw_tiles(kind, region, owner, found[kind], nothing)
            small = region.level > 0 and windows[0].zoom * (1 << region.level) < 1.0
            self._add_mask(document, region, owner, small)
        return region

    def _add_mask(self, document, region, owner, small):
        """The cells of the mask; small: they are joined anyway, and need no buffer of their own."""
        version = (self.versions["confidence"],)
        self.cells["confidence"] = Cells(version, self.confidence.texture, "confidence")
        threshold = float(np.float32(document.mask.threshold))
        if small:
            uniforms = (("threshold", threshold), ("reduced", True))
            self.cells["state"] = Cells(version, self.confidence.texture, "state", uniforms)
        else:
            self._draw_state(document, region, owner, threshold)
            self.cells["state"] = Cells((self.versions["state"],), self.state.texture, "state",
                                        (("reduced", False),))

    # image

    def _draw_image(self, document, region, owner, joining):
        reduced, filled = document.pyramid, document.twin == "cleaned"

        def stamp(level, ty, tx):
            if level >= RAW_LEVELS:
                return reduced.stamps.at(level, ty, tx)
            return filled and (document.mask, *(
                newest_around(one.stamps, level, ty, tx)
                for one in (document.detection, document.edits)))

        names, plain = (owner, "image", joining), None
        if filled and region.level < RAW_LEVELS:
            names, plain = (owner, "image", (joining, "cleaned")), names
        scale = standin.scale(document, joining, region.level)
        maker = self._image_maker(document, joining, scale)
        self._wish_coarser(region, (owner, "image", joining), reduced, maker)
        found = self._tiles("image", region, names, stamp, maker, plain)
        self.sharp &= region.level < RAW_LEVELS or reduced.complete
        key = (owner, joining, region, found, id(document.preview[0]), scale)
        if self._keys.get("image") == key:
            return
        self._start("image", region, (np.nan,))
        rows = []
        if not self.sharp or not found:
            rows.append((self._held.preview(document, scale), self._preview_row(document, region)))
        self._paste(region, rows, self.stores["image"], found)
        self._keys["image"] = key

    def _wish_coarser(self, region, owner, reduced, maker):
        """Where pixels are still to be read, the finest level that is kept stands in: it is wished
        for first, for it is in memory."""
        kept = reduced.level if reduced.level < tiles.levels(reduced.shape) else 0
        store, up = self.stores["image"], kept - region.level
        missing = [(ty >> up, tx >> up) for ty, tx in tiles.visible(region.shape, 0, region.box)
                   if up > 0 and store.slot((*owner, region.level, ty, tx)) is None]
        for place in dict.fromkeys(missing):
            key, stamp = (*owner, kept, *place), reduced.stamps.at(kept, *place)
            make = maker(kept, *place)
            if make is not None and store.stamp(key) != stamp:
                self.wishes[key, stamp] = make

    @staticmethod
    def _image_maker(document, joining, scale):
        image, reduced, (preview, step) = document.image, document.pyramid, document.preview

        def maker(level, ty, tx):
            if level >= RAW_LEVELS and not reduced.stamps.at(level, ty, tx):
                return None  # nothing of it was read yet
            return lambda: pyramid.tile(
                image, reduced, level, ty, tx, tiles.SIZE, joining.rule, joining.noise,
                None if reduced.complete else (standin.scaled(preview, scale), step))

        return maker

    def _preview_row(self, document, region):
        """The whole image; at its far edges the preview's last row and column go on."""
        scale = document.preview[1] / (1 << region.level)
        (y0, x0), (height, width) = region.box[:2], region.shape
        return -x0, -y0, width, height, 0, 0, width / scale, height / scale, 0

    # confidence, edits, state

    def _confidence_tiles(self, document, region, owner):
        detection, edits, settings = document.detection, document.edits, document.mask
        values, pools, found = detection.confidence, document.pools, ()
        if values is not None or (region.level and edits.any):
            grown = (settings.dilation, settings.shape) if region.level else ()
            stamps = detection.stamps, edits.stamps

            def stamp(level, ty, tx):
                if level == 0:
                    return detection.stamps.at(level, ty, tx)
                newest = newest_around if settings.dilation else tiles.Stamps.at
                return (newest(detection.stamps, level, ty, tx), edits.stamps.at(level, ty, tx),
                        grown)

            def maker(level, ty, tx):
                if level == 0:
                    return cut(values, document.image.shape, ty, tx, detection.lent)
                return lambda: pools.tile(values, settings, edits.plane, stamps, level, ty, tx)

            names, whole = (owner, "confidence"), None
            if region.level and document.twin == "model":
                names, whole = (*names, "model"), names
            found = self._tiles("confidence", region, names, stamp, maker, whole)
        return found

    def _edit_tiles(self, document, region, owner):
        edits = document.edits
        if region.level or not edits.any:
            return ()

        return self._tiles("edits", region, (owner, "edits"),
                           lambda *place: edits.stamps.at(*place) or None,
                           lambda _, ty, tx: cut(edits.plane, edits.shape, ty, tx))

    def _draw_tiles(self, kind, region, owner, found, nothing):
        """Paste tiles into the buffer of their kind; `nothing` where there are none."""
        key = (owner, region, found)
        if self._keys.get(kind) != key:
            self._start(kind, region, (nothing,))
            self._paste(region, [], self.stores[kind], found)
            self._keys[kind] = key

    def _draw_state(self, document, region, owner, threshold):
        settings = document.mask
        key = (owner, settings, self._keys["confidence"], self._keys["edits"])
        if self._keys.get("state") == key:
            return
        radius = settings.dilation if region.level == 0 else 0
        widths = mask.half_widths(settings.shape, radius)
        shared = {"threshold": threshold, "radius": radius,
                  "size": region.size, "confidence": 0, "reach": 1, "edits": 2}
        self.confidence.texture.use(0)
        self._start("reach", region, ())
        if radius:
            assign(self._reach.program, **shared)
            self._reach.render(moderngl.TRIANGLES, vertices=3)
        self._start("state", region, ())
        self.reach.texture.use(1)
        self.edits.texture.use(2)
        assign(self._state.program, **shared, reduced=region.level > 0,
               widths=(*widths, *[-1] * (mask.MAX_DILATION + 1 - len(widths))))
        self._state.render(moderngl.TRIANGLES, vertices=3)
        self._keys["state"] = key

    def _tiles(self, kind, region, owner, stamp_of, maker, stand_in=None):
        """What to paste for the region, coarse before fine: ((key, level, ty, tx, stamp), ...).

        stand_in: owner of the tiles that are shown instead of those that were never made.
        stamp_of: of a level, ty, tx; None where there is nothing.  Missing tiles are wished for.
        Some of those in memory are put at once, those that are shown already before others, so that
        a stroke of the pencil shows in its own frame.
        """
        store, found, parents = self.stores[kind], [], {}
        places = sorted(tiles.visible(region.shape, 0, region.box),
                        key=lambda place: store.slot((*owner, region.level, *place)) is None)
        for ty, tx in places:
            key, stamp = (*owner, region.level, ty, tx), stamp_of(region.level, ty, tx)
            if stamp is None:
                continue
            if store.stamp(key) != stamp:
                make = maker(region.level, ty, tx)
                if make is not None and region.level == 0 and kind != "image" and self._room > 0:
                    made = make()
                    store.put(key, made, stamp)
                    self._room -= made.nbytes
                elif make is not None:
                    self.wishes[key, stamp] = make
            if store.slot(key) is None:
                self.sharp = False
                parents.update(self._parent(store, owner, region.level, ty, tx, stand_in))
            else:
                self.sharp &= store.stamp(key) == stamp
                found.append((key, region.level, ty, tx, store.stamp(key)))
        coarse = sorted(parents.values(), key=lambda one: -one[1])
        return (*coarse, *sorted(found, key=lambda one: one[2:4]))

    @staticmethod
    def _parent(store, owner, level, ty, tx, stand_in):
        places = [(one, up) for up in range(12) for one in (owner, stand_in) if one is not None]
        for one, up in places:
            key = (*one, level + up, ty >> up, tx >> up)
            if store.slot(key) is not None:
                return {key: (key, level + up, ty >> up, tx >> up, store.stamp(key))}
        return {}

    def _start(self, name, region, clear):
        """Bind a buffer, large enough for the region; cleared with the values `clear`, if any."""
        buffer = getattr(self, name)
        self.versions[name] += 1
        width, height = region.size
        buffer.reserve(buffer_side(width), buffer_side(height), self._most)
        buffer.use()
        buffer.target.viewport = (0, 0, width, height)
        if clear:
            buffer.target.clear(*clear, viewport=(0, 0, width, height))

    def _paste(self, region, first, store, found):
        """Draw (texture, row) of `first`, then the tiles `found`, coarse before fine.

        Tiles of one level do not overlap, so those in one texture are drawn at once.
        """
        assign(self._tile, region=tuple(map(float, region.size)), tiles=0)
        for texture, row in first:
            texture.use(0)
            self._render([row])
        placed = sorted(((store.slot(one[0]), one) for one in found),
                        key=lambda pair: (-pair[1][1], pair[0][0]))
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
