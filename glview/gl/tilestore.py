"""Tiles that stay on the GPU until others need the room."""

from glview.core import tiles
from glview.gl import standin, textures
from glview.gl.lent import Piece

FEWEST = 16
PREVIEWS = 4  # those drawn last; one frame's panes need two, and two for the other side
PREVIEW_BYTES = 4 << 20  # of one, at most


class TileStore:
    """Square tiles in the layers of texture arrays; the least recently used goes first.

    A key holds one tile; its stamp tells whether the content is the present one, and an old content
    stays drawable until the new one is put.  Arrays of PAGE layers are made when they are needed,
    for a driver may take and clear the memory of all layers at once, in the middle of a frame.  A
    slot is a layer of a page.
    """

    PAGE = 4

    def __init__(self, ctx, side, count, dtype="f4"):
        self.ctx, self.side, self.count, self.dtype = ctx, side, count, dtype
        self.pages = []
        self._free = []
        self._held = {}

    @property
    def nbytes(self):
        """Bytes of the texture arrays made so far."""
        return sum(page.layers * self.side * self.side * int(self.dtype[1]) for page in self.pages)

    def slot(self, key):
        """(page, layer) that holds `key`, or None; it counts as used now."""
        found = self._held.pop(key, None)
        if found is None:
            return None
        self._held[key] = found
        return divmod(found[0], self.PAGE)

    def stamp(self, key):
        """The stamp that `key` was put with, or None."""
        found = self._held.get(key)
        return None if found is None else found[1]

    def put(self, key, array, stamp):
        """Keep an (h, w) array of at most side x side, or a Piece of such a size; the oldest tile
        makes room if needed."""
        found = self._held.pop(key, None)
        slot = self._room() if found is None else found[0]
        page, layer = divmod(slot, self.PAGE)
        if isinstance(array, Piece):
            array.write(self.pages[page], layer)
        else:
            textures.write(self.pages[page], array, layer=layer)
        self._held[key] = (slot, stamp)

    def forget(self, owner):
        """Drop the tiles whose key starts with `owner`."""
        for key in [key for key in self._held if key[0] == owner]:
            self._free.append(self._held.pop(key)[0])

    def release(self):
        """Free the textures; the store is empty afterwards and can be used again."""
        for page in self.pages:
            page.release()
        self.pages, self._free, self._held = [], [], {}

    def _room(self):
        if not self._free and len(self.pages) * self.PAGE < self.count:
            first = len(self.pages) * self.PAGE
            size = min(self.PAGE, self.count - first)
            self.pages.append(textures.layers(self.ctx, (self.side, self.side), size, self.dtype))
            self._free = list(range(first, first + size))[::-1]
        if self._free:
            return self._free.pop()
        return self._held.pop(next(iter(self._held)))[0]


def count_for(nbytes):
    """How many tiles of each kind fit `nbytes`; never too few to draw the panes and the overview.
    """
    room = nbytes - PREVIEWS * PREVIEW_BYTES
    return max(FEWEST, room // (tiles.SIZE * tiles.SIZE * (4 + 4 + 1)))


class Tiles:
    """The tiles and previews on the GPU, shared by everything that draws documents.

    count: how many tiles of each kind may stay there; most: how many of them one region may use, so
    that another one does not push them out again.
    """

    def __init__(self, ctx, count=192):
        side = tiles.SIZE
        self.ctx, self.most = ctx, count - count // 8
        self.stores = {
            "image": TileStore(ctx, side, count),
            "confidence": TileStore(ctx, side, count),
            "edits": TileStore(ctx, side, count, "f1"),
        }
        self._previews = {}

    @property
    def nbytes(self):
        """Bytes that the tiles and previews take now."""
        previews = sum(4 * made.width * made.height for made in self._previews.values())
        return sum(store.nbytes for store in self.stores.values()) + previews

    def put(self, key, stamp, array):
        """A wish came true; key: (owner, kind, ...)."""
        self.stores[key[1]].put(key, array, stamp)

    def preview(self, document, scale=standin.AS_IT_IS):
        """The document's preview as a texture of one layer; scale: see `standin`."""
        key, preview = (document.key, scale), document.preview[0]
        held = self._previews.pop(key, None)
        if held is None:
            while len(self._previews) >= PREVIEWS:
                self._previews.pop(next(iter(self._previews))).release()
            held = textures.layers(self.ctx, preview.shape[::-1], 1)
            textures.write(held, standin.scaled(preview, scale), layer=0)
        self._previews[key] = held
        return held

    def forget(self, document):
        """Free what belongs to a document that was closed."""
        for store in self.stores.values():
            store.forget(document.key)
        for key in [key for key in self._previews if key[0] is document.key]:
            self._previews.pop(key).release()
