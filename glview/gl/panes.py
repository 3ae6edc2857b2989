"""The pictures of the panes: regions coloured by the document's settings."""

import math
from dataclasses import dataclass

import moderngl
import numpy as np

from glview.core import colormaps, stretch
from glview.gl import textures
from glview.gl.program import assign, build

TABLE = 1024


@dataclass(frozen=True)
class Palette:
    """Colours of the panes, RGB in [0, 1]."""

    nan: tuple[float, float, float] = (0.30, 0.12, 0.36)
    infinite: tuple[float, float, float] = (0.55, 0.30, 0.05)
    background: tuple[float, float, float] = (0.07, 0.075, 0.085)
    added: tuple[float, float, float] = (0.25, 0.90, 0.35)
    deleted: tuple[float, float, float] = (0.95, 0.20, 0.20)


PALETTE = Palette()


def nan_colour(document):
    """RGB of NaN; of a file that is still being unpacked that is nearly all of what is to come."""
    return PALETTE.nan if document.whole else PALETTE.background


class Painter:
    """Draws image and mask panes into a target; owns the colour map and equalization textures."""

    def __init__(self, ctx):
        self.ctx = ctx
        self.colours = textures.texture(ctx, (256, 1), 4, "f1")
        self.greys = textures.texture(ctx, (256, 1), 4, "f1")
        self.table = textures.texture(ctx, (TABLE, 1))
        textures.write(self.greys, colormaps.table("grey", False)[None])
        self._images = {}  # one for each scaling, with a mask and without
        self._mask = ctx.vertex_array(build(ctx, "maskpane.frag"), [])
        self._colours_key = self._table_key = None

    def image(self, document, overlay, cells, place, shown):
        """Draw the image pane into the bound target.

        cells: textures of "values" and "state"; place: uniforms; shown: (Joining, level) of
        the values.
        """
        self._fill_tables(document, shown)
        settings, (low, high) = document.stretch, document.limits_at(*shown)
        opacity = overlay.opacity if overlay.shown else 0.0
        drawn = self._image_for(settings.kind, "state" in cells and opacity > 0.0)
        assign(drawn.program, values=0, state=1, colours=2, table=3, limits=(low, high),
               contrast=settings.contrast, bias=settings.bias,
               nan_colour=nan_colour(document), inf_colour=PALETTE.infinite,
               overlay=(*overlay.colour, opacity), outline=overlay.outline, **self._shared(place))
        for unit, texture in enumerate((cells["values"], cells.get("state", self.greys),
                                        self.colours, self.table)):
            texture.use(unit)
        drawn.render(moderngl.TRIANGLES, vertices=3)

    def _image_for(self, scaling, any_mask):
        key = (*stretch.SCALINGS, "histogram").index(scaling), any_mask
        if key not in self._images:
            program = build(self.ctx, "image.frag", kind=key[0], any_mask=any_mask)
            self._images[key] = self.ctx.vertex_array(program, [])
        return self._images[key]

    def mask(self, overlay, cells, place):
        """Draw the mask pane into the bound target; cells: textures of "state", "confidence"."""
        assign(self._mask.program, confidence=0, state=1, colours=2, any_mask="state" in cells,
               show_confidence="confidence" in cells, **self._shared(place))
        for unit, texture in enumerate((cells.get("confidence", self.greys),
                                        cells.get("state", self.greys), self.greys)):
            texture.use(unit)
        self._mask.render(moderngl.TRIANGLES, vertices=3)

    @staticmethod
    def _shared(place):
        return {"background": PALETTE.background, "added_colour": PALETTE.added,
                "deleted_colour": PALETTE.deleted, **place}

    def _fill_tables(self, document, shown):
        key = (document.stretch.colormap, document.stretch.invert)
        if key != self._colours_key:
            textures.write(self.colours, colormaps.table(*key)[None])
            self._colours_key = key
        if document.stretch.kind == "histogram":
            table = document.table_at(*shown)
            if table is not self._table_key:
                textures.write(self.table, table[None])
                self._table_key = table


def place(window, region):
    """Uniforms of shaders/place.glsl for a pane that shows `window` of `region`.

    Computed in float64; what reaches the GPU is relative to the region and small.
    """
    factor = 1 << region.level
    y0, x0 = window.y0 / factor - region.box[0], window.x0 / factor - region.box[1]
    step = 1.0 / (window.zoom * factor)
    if window.y_up:
        origin, stride = (x0, y0), (step, step)
    else:
        origin, stride = (x0, y0 + window.size[0] * step), (step, -step)
    return {"origin": origin, "stride": stride, "extent": tuple(map(float, region.extent))}


def _on_screen(where):
    """The place of a picture that was shrunk to screen pixels: cells are screen pixels."""
    (x0, y0), (dx, dy), (left, low, right, high) = where["origin"], where["stride"], where["extent"]
    xs = sorted(((left - x0) / dx, (right - x0) / dx))
    ys = sorted(((low - y0) / dy, (high - y0) / dy))
    # Every screen pixel that the image touches: its last row may fill less than half of one.
    first = [float(math.floor(side[0] + 1e-3)) for side in (xs, ys)]
    last = [float(math.ceil(side[1] - 1e-3)) for side in (xs, ys)]
    return {"origin": (0.0, 0.0), "stride": (1.0, 1.0), "extent": (*first, *last)}


class Pane:
    """One pane's picture on the GPU.  size: (height, width) in screen pixels."""

    def __init__(self, ctx):
        self.buffer = textures.Buffer(ctx, 4, "f1")

    @property
    def texture(self):
        return self.buffer.texture

    def start(self, size):
        """Make it `size`, of the background's colour."""
        self.buffer.resize(size[1], size[0])
        self.buffer.use(*PALETTE.background, 1.0)

    def use(self, first, last):
        """Draw from now on into its columns from `first` up to `last`, without that one."""
        self.buffer.use()
        self.buffer.target.scissor = (first, 0, last - first, self.buffer.size[1])

    def pixels(self):
        """(height, width, 3) uint8, top row first."""
        return np.ascontiguousarray(self.buffer.read()[::-1, :, :3])


class Shrink:
    """Joins the cells under a screen pixel; panes of one size share what it made.

    Where cells are smaller than screen pixels they are joined first, in buffers of their own: a
    change of stretch or colour then costs one look-up a pixel, at any zoom.
    """

    KEPT = 2  # buffers of a kind: one for each pane, where their sizes differ

    def __init__(self, ctx):
        self.ctx, self._made = ctx, {}
        self._programs = {name: ctx.vertex_array(build(ctx, fragment), []) for name, fragment in (
            ("mean", "shrinkmean.frag"), ("max", "shrinkmax.frag"), ("peaks", "shrinkpeaks.frag"),
            ("confidence", "shrinkmax.frag"), ("state", "shrinkmask.frag"))}

    def cells(self, window, region, cells):
        """What to draw a pane from: (textures by name, place).

        cells: name ("values", "confidence", "state") -> area.Cells of the region.
        """
        where = place(window, region)
        if window.zoom * (1 << region.level) >= 1.0:
            return {name: kind.texture for name, kind in cells.items()}, where
        shrunk = {name: self.joined(name, kind, window, region, where)
                  for name, kind in cells.items()}
        return shrunk, _on_screen(where)

    def joined(self, name, cells, window, region, where):
        """The texture of a pane's size that holds the joined cells."""
        made = self._made.setdefault(name, {})
        key = (cells.version, cells.join, cells.uniforms, window, region)
        found = made.pop(window.size, None)
        buffer = self._buffer(name, made) if found is None else found[1]
        if found is None or found[0] != key:
            buffer.resize(window.size[1], window.size[0])
            buffer.use()
            self._draw(cells, where)
        made[window.size] = key, buffer
        return buffer.texture

    def _buffer(self, name, made):
        """A new buffer, or the one used longest ago."""
        if len(made) >= self.KEPT:
            return made.pop(next(iter(made)))[1]
        return textures.Buffer(self.ctx, 1, "f1" if name == "state" else "f4")

    def _draw(self, cells, where):
        program = self._programs[cells.join]
        cells.texture.use(0)
        assign(program.program, values=0, state=0, **dict(cells.uniforms), **where)
        program.render(moderngl.TRIANGLES, vertices=3)
