"""Everything that is drawn on the GPU in one frame, apart from the interface itself."""

from dataclasses import replace
from typing import Any, NamedTuple

from glview.comparing import Side, Sides
from glview.core.view import Window, fitted, window
from glview.gl.panes import Painter, Pane, Shrink
from glview.gl.region import Regions
from glview.gl.thumbs import Thumbnails
from glview.gl.tilestore import Tiles, count_for

DEFAULT = 512 << 20  # bytes of tiles on the GPU


class Source:
    """The buffers of one region, and where its cells are shrunk to screen pixels."""

    def __init__(self, ctx, tiles):
        self.regions, self.shrink = Regions(ctx, tiles), Shrink(ctx)


class Picture(NamedTuple):
    """A side as it is in the buffers of its source; windows: pane name -> Window."""

    side: Side
    source: Source
    region: Any
    windows: dict[str, Window]


class Scene:
    """The panes' pictures.  A panel asks for a pane while it is laid out; all panes are drawn after
    every panel took its input, so that they show one and the same view.

    nbytes: what tiles may take on the GPU.  sharp: False while a stand-in is drawn for a part that
    is still being read.
    """

    def __init__(self, ctx, nbytes=DEFAULT):
        self.tiles = Tiles(ctx, count_for(nbytes))
        self._shown, self._other, self._whole = (Source(ctx, self.tiles) for _ in range(3))
        self.painter, self._sides = Painter(ctx), Sides()
        self.panes = {name: Pane(ctx) for name in ("image", "mask", "overview")}
        self.thumbnails = Thumbnails(ctx)
        self._sizes = {}
        self._drawn = {}
        self.region, self.sharp = None, True

    @property
    def main(self):
        """The buffers of the document on screen, with its mask as it is."""
        return self._shown.regions

    def pane(self, name, size):
        """The texture of a pane of `size` (height, width) that will be drawn in this frame."""
        pane = self.panes[name]
        if pane.texture is None or pane.texture.size != (size[1], size[0]):
            pane.start(size)
            self._drawn.pop(name, None)
        self._sizes[name] = size
        return pane.texture

    def draw(self, workspace):
        """Draw the panes that were asked for; returns the wishes for tiles, most urgent first."""
        sizes, self._sizes = self._sizes, {}
        document, wishes = workspace.document, {}
        if document is None:
            return wishes
        shown = {name: sizes[name] for name in ("image", "mask") if name in sizes}
        if shown:
            wishes.update(self._draw_panes(workspace, shown))
        if "overview" in sizes:
            size = sizes["overview"]
            seen = {"overview": window(fitted(document.image.shape, size), size,
                                       document.image.y_up)}
            overlay = replace(workspace.overlay, shown=True, outline=False)
            picture = _picture(Side(document, overlay), self._whole, seen)
            self._compose("overview", [picture])
            wishes.update(self._whole.regions.wishes)
        self.thumbnails.draw(self.painter, document, workspace.overlay)
        return wishes

    def _draw_panes(self, workspace, sizes):
        """Draw image and mask pane; returns the wishes for them."""
        document = workspace.document
        if workspace.fit:
            least = min(height for height, _ in sizes.values()), min(
                width for _, width in sizes.values())
            workspace.view = fitted(document.image.shape, least)
        sides = [side for side in self._sides.of(workspace) if side is not None]
        sources = [self._shown if side.document is document else self._other for side in sides]
        pictures = []
        for side, source in zip(sides, sources, strict=True):
            if pictures and source is sources[0]:
                pictures.append(pictures[0]._replace(side=side))
                continue
            windows = {name: window(workspace.view, size, side.document.image.y_up)
                       for name, size in sizes.items()}
            pictures.append(_picture(side, source, windows, len(set(sources))))
        document.seen = window(workspace.view, next(iter(sizes.values())), document.image.y_up).box
        self.region = pictures[0].region
        if sides[0].document.key is document.key:
            document.level = self.region.level
        for name, size in sizes.items():
            if name == "image" and len(pictures) > 1:
                self._compose(name, pictures, workspace.compare.column(size[1]))
            else:
                self._compose(name, pictures[:1])
        self.sharp = all(source.regions.sharp for source in sources)
        return {wish: make for source in dict.fromkeys(sources)
                for wish, make in source.regions.wishes.items()}

    def _compose(self, name, pictures, column=None):
        """Draw one pane, unless nothing it shows changed.

        pictures: one, or two on either side of the column where the second begins.
        """
        key = column, *(_look(name, picture) for picture in pictures)
        if self._drawn.get(name) == key:
            return
        pane, size = self.panes[name], pictures[0].windows[name].size
        pane.start(size)
        ends = (0, column, size[1]) if len(pictures) > 1 else (0, size[1])
        for number, picture in enumerate(pictures):
            side, source, region, windows = picture
            cells, where = source.shrink.cells(windows[name], region, _cells(name, picture))
            pane.use(*ends[number : number + 2])
            if name == "mask":
                self.painter.mask(side.overlay, cells, where)
            else:
                shown = side.document.joining, region.level
                self.painter.image(side.document, side.overlay, cells, where, shown)
        self._drawn[name] = key  # last: a draw that failed is tried again

    def put(self, key, stamp, made):
        """A wish came true: a tile, or the cut-out of a thumbnail."""
        if key[1] == "thumbnail":
            self.thumbnails.put(key, stamp, *made)
        else:
            self.tiles.put(key, stamp, made)


def _picture(side, source, windows, share=1):
    """The Picture of a side, its buffers up to date."""
    region = source.regions.draw(side.document, list(windows.values()), side.document.joining,
                                 share)
    return Picture(side, source, region, windows)


def _cells(name, picture):
    """What of a picture's cells a pane is drawn from."""
    names = ("state", picture.side.overlay.pane) if name == "mask" else ("values", "state")
    cells = picture.source.regions.cells
    return {kind: cells[kind] for kind in names if kind in cells}


def _look(name, picture):
    """Equal looks, equal pictures in the pane `name`."""
    document, overlay = picture.side
    look = overlay.pane
    if name != "mask":
        joining = document.joining
        look = document.stretch, document.limits_at(joining, picture.region.level), overlay, joining
    return (document.key, picture.region, picture.windows[name], look,
            tuple(_cells(name, picture).items()))
