"""A frame's confidence on the graphics card: a detector's process writes it, textures take it."""

import weakref
from typing import Any, NamedTuple

import numpy as np

from glview.core import tiles
from glview.core.coverage import minus
from glview.cuda import CudaError
from glview.gl import textures


class Lent:
    """Memory on the card for the (H, W) float32 confidence of one search.

    It is this process's own, so that the other one may end when and as it likes, and only what that
    one has told of is looked at.  After the first failure nothing is taken from here any more.

    driver: a `cuda.Driver`, on the card of that ordinal; tell(reason): is called after that.
    ticket: what the other process needs to know.  user: the search, whose `running` is True while
    that process may write.  Main thread only; raises CudaError.
    """

    user = None

    def __init__(self, driver, ordinal, shape, tell):
        self._driver, self._shape, self._tell = driver, shape, tell
        self._values, self._boxes, self._over, self._sure = lambda: None, [], False, False
        self._buffer = self._resource = None
        driver.enter()
        self._address = driver.take(4 * shape[0] * shape[1])
        try:
            self.ticket = {"handle": driver.share(self._address), "device": ordinal}
        except CudaError:
            driver.free(self._address)
            raise

    @property
    def busy(self):
        return self.user is not None and self.user.running

    def add(self, box, values):
        """A box is there that an array has, too; values: that array, whole."""
        self._values = weakref.ref(values)
        self._boxes.append(tuple(box))

    def has(self, values, box):
        """True if the pixels of a box of that array are here."""
        return not self._over and self._values() is values and not minus(box, self._boxes)

    def write(self, page, layer, piece):
        """Write a `Piece` into a layer of a texture array; False if it did not get there."""
        if self._over:
            return False
        try:
            self._write(page, layer, piece.box)
            if not self._sure:
                self._compare(page, layer, piece.pixels())
        except Exception as error:  # moderngl raises the bare class
            self._over = True
            self._tell(str(error) or repr(error))
        return not self._over

    def _write(self, page, layer, box):
        driver, (y0, x0, y1, x1), row = self._driver, box, 4 * self._shape[1]
        height, width = y1 - y0, x1 - x0
        driver.enter()
        if self._buffer is None:
            self._buffer = page.ctx.buffer(reserve=4 * tiles.SIZE * tiles.SIZE)
            self._resource = driver.register(self._buffer.glo)
        if self._buffer.ctx is not page.ctx:
            raise CudaError("the window was made anew")
        with driver.mapped(self._resource, 4 * height * width) as address:
            driver.copy(height, 4 * width, (self._address + y0 * row + 4 * x0, row),
                        (address, 4 * width))
        page.write(self._buffer, viewport=(0, 0, layer, width, height, 1), alignment=1)

    def _compare(self, page, layer, pixels):
        """The first tile, with what came through memory."""
        if held(page, layer, pixels.shape).tobytes() != pixels.tobytes():
            raise CudaError("what came was not what is in memory")
        self._sure = True

    def close(self, ctx):
        """Free it; ctx: the OpenGL context of now.  Nobody may write here any more."""
        self._over, address, self._address = True, self._address, None
        if address is None:
            return
        try:
            self._driver.enter()
            # What belongs to a context that was lost is gone, or another one's by now.
            if self._resource is not None and self._buffer.ctx is ctx:
                self._driver.unregister(self._resource)
                self._buffer.release()
            self._driver.free(address)
        except CudaError:
            return  # it is freed with the program


class Piece(NamedTuple):
    """A tile that need not come through memory: a box of an array, and of what was `Lent`."""

    lent: Lent
    box: tuple[int, int, int, int]
    values: Any

    @property
    def nbytes(self):
        """Bytes of its pixels."""
        y0, x0, y1, x1 = self.box
        return 4 * (y1 - y0) * (x1 - x0)

    def pixels(self):
        """They as (h, w) float32, from memory."""
        y0, x0, y1, x1 = self.box
        return np.ascontiguousarray(self.values[y0:y1, x0:x1])

    def write(self, page, layer):
        """Into a layer of a texture array, in one way or the other."""
        if not self.lent.write(page, layer, self):
            textures.write(page, self.pixels(), layer=layer)


def cut(plane, shape, ty, tx, lent=None):
    """A callable for the pixels of one tile of an array or Plane of `shape`, or for a Piece."""
    y0, x0, y1, x1 = box = tiles.tile_box(shape, 0, ty, tx)
    if lent is not None and lent.has(plane, box):
        return lambda: Piece(lent, box, plane)
    return lambda: np.ascontiguousarray(plane[y0:y1, x0:x1])


def held(page, layer, shape):
    """(h, w) float32: the beginning of a layer of a texture array."""
    width, height, layers = page.size
    found = np.frombuffer(page.read(alignment=1), np.float32).reshape(layers, height, width)
    return found[layer, : shape[0], : shape[1]]
