"""Everything that is drawn on the GPU in one frame, apart from the interface itself."""

from dataclasses import replace

from glview.core.view import fitted, window
from glview.gl.panes import Painter, Pane, Shrink
from glview.gl.region import Regions
from glview.gl.thumbs import Thumbnails
from glview.gl.tilestore import Tiles, count_for

DEFAULT = 512 << 20  # bytes of tiles on the GPU


class Scene:
    """The panes' pictures.  A panel asks for a pane while it is laid out; all panes are drawn after
    every panel took its input, so that they show one and the same view.

    nbytes: what tiles may take on the GPU.
    """

    def __init__(self, ctx, nbytes=DEFAULT):
        self.tiles = Tiles(ctx, count_for(nbytes))
        self.main, self.whole = Regions(ctx, self.tiles), Regions(ctx, self.tiles)
        self.painter = Painter(ctx)
        shrink = Shrink(ctx)
        self.panes = {name: Pane(ctx, shrink) for name in ("image", "mask")}
        self.panes["overview"] = Pane(ctx, Shrink(ctx))
        self.thumbnails = Thumbnails(ctx)
        self._sizes = {}
        self._drawn = {}
        self.region = None

    @property
    def sharp(self):
        """False while a stand-in is drawn for a part that is still being read."""
        return self.main.sharp

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
        document = workspace.document
        if document is None:
            return {}
        wishes = {}
        shown = {name: sizes[name] for name in ("image", "mask") if name in sizes}
        if shown:
            self._fit(workspace, document, list(shown.values()))
            windows = {name: window(workspace.view, size, document.image.y_up)
                       for name, size in shown.items()}
            self.region = self.main.draw(document, list(windows.values()), document.joining)
            document.seen, document.level = next(iter(windows.values())).box, self.region.level
            for name, seen in windows.items():
                self._compose(name, workspace, document, (self.main, document.joining),
                              self.region, seen)
            wishes.update(self.main.wishes)
        if "overview" in sizes:
            size = sizes["overview"]
            seen = window(fitted(document.image.shape, size), size, document.image.y_up)
            joining = document.joining
            region = self.whole.draw(document, [seen], joining)
            self._compose("overview", workspace, document, (self.whole, joining), region, seen)
            wishes.update(self.whole.wishes)
        self.thumbnails.draw(self.painter, document, workspace.overlay)
        return wishes

    @staticmethod
    def _fit(workspace, document, sizes):
        if workspace.fit:
            size = min(height for height, _ in sizes), min(width for _, width in sizes)
            workspace.view = fitted(document.image.shape, size)

    def _compose(self, name, workspace, document, source, region, seen):
        """Draw one pane, unless nothing it shows changed.  source: (Regions, Joining)."""
        (regions, joining), overlay = source, workspace.overlay
        if name == "mask":
            look, names = overlay.pane, ("state", overlay.pane)
        else:
            names = ("values", "state")
            if name == "overview":
                overlay = replace(overlay, shown=True, outline=False)
            shown = joining, region.level
            look = document.stretch, document.limits_at(*shown), overlay, joining
        cells = {kind: regions.cells[kind] for kind in names if kind in regions.cells}
        key = (document.key, region, seen, look, tuple(cells.items()))
        if self._drawn.get(name) == key:
            return
        pane = self.panes[name]
        cells, where = pane.cells(seen, region, cells)
        pane.start(seen.size)
        if name == "mask":
            self.painter.mask(overlay, cells, where)
        else:
            self.painter.image(document, overlay, cells, where, shown)
        self._drawn[name] = key  # last: a draw that failed is tried again

    def put(self, key, stamp, made):
        """A wish came true: a tile, or the cut-out of a thumbnail."""
        if key[1] == "thumbnail":
            self.thumbnails.put(key, stamp, *made)
        else:
            self.tiles.put(key, stamp, made)
