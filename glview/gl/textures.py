"""Textures that are checked when made and when written."""

import moderngl
import numpy as np

SPARE = 4  # times the size that is needed now is what a buffer may keep
NEAREST = (moderngl.NEAREST, moderngl.NEAREST)


class GLError(Exception):
    """The graphics driver refused something; the message says what and what would help."""


def _checked(ctx, texture, what):
    error = ctx.error
    if error != "GL_NO_ERROR":
        raise GLError(f"the graphics driver could not make {what} ({error}); "
                      "close other programs that use its memory, or start with a smaller window")
    texture.filter = NEAREST
    texture.repeat_x = texture.repeat_y = False
    return texture


def texture(ctx, size, components=1, dtype="f4"):
    """A (width, height) texture; NEAREST, clamped; dtype as moderngl: f4 float, f1 byte / 255."""
    return _checked(ctx, ctx.texture(size, components, dtype=dtype), f"a texture of {size}")


def layers(ctx, size, count, dtype="f4"):
    """An array of `count` (width, height) textures of one component."""
    made = ctx.texture_array((*size, count), 1, dtype=dtype)
    return _checked(ctx, made, f"{count} textures of {size}")


def write(target, array, x=0, y=0, layer=None):
    """Copy an (h, w) float32 or uint8 array into a texture at (x, y).

    The driver takes any bytes of the right number, so the type and the order are asserted here.
    """
    wanted = np.float32 if target.dtype == "f4" else np.uint8
    assert array.dtype == wanted and array.dtype.isnative, f"{array.dtype} into {target.dtype}"
    height, width = array.shape[:2]
    box = (x, y, width, height) if layer is None else (x, y, layer, width, height, 1)
    target.write(np.ascontiguousarray(array), viewport=box, alignment=1)


class Buffer:
    """A framebuffer with one colour texture that is made again when its size changes."""

    def __init__(self, ctx, components=1, dtype="f4"):
        self.ctx, self.components, self.dtype = ctx, components, dtype
        self.texture = self.target = None

    @property
    def size(self):
        """(width, height)."""
        return self.texture.size

    def resize(self, width, height):
        """Make it (width, height); the content is lost if that is new."""
        if self.texture is not None and self.texture.size == (width, height):
            return
        made = texture(self.ctx, (width, height), self.components, self.dtype)
        target = self.ctx.framebuffer([made])
        self.release()
        self.texture, self.target = made, target

    def reserve(self, width, height, room=(0, 0)):
        """Make it at least (width, height).

        A new texture is fresh memory, which is slow: one that is larger is kept, within limits, and
        one that is too small gives way to one of `room`, which is all that will soon be asked for.
        """
        wide, high = (0, 0) if self.texture is None else self.texture.size
        most = SPARE * max(width * height, room[0] * room[1])
        if not (width <= wide and height <= high and wide * high <= most):
            wider, higher = room if self.texture is not None else (0, 0)
            self.resize(max(width, wider), max(height, higher))

    def use(self, *clear):
        """Draw into it from now on: no blending, no scissor, the whole of it; clear it if asked."""
        self.target.use()
        self.target.viewport = (0, 0, *self.texture.size)
        self.target.scissor = None
        self.ctx.enable_only(moderngl.NOTHING)
        if clear:
            self.target.clear(*clear)

    def read(self):
        """(height, width[, components]) array as drawn, the lowest row of the target first."""
        width, height = self.texture.size
        dtype = np.float32 if self.dtype == "f4" else np.uint8
        data = self.target.read(components=self.components, dtype=self.dtype, alignment=1)
        shape = (height, width) if self.components == 1 else (height, width, self.components)
        return np.frombuffer(data, dtype).reshape(shape)

    def release(self):
        """Free it.  moderngl returns to the framebuffer in use, so that must not be a freed one."""
        if self.texture is not None:
            if self.ctx.fbo is self.target:
                self.ctx.detect_framebuffer(0).use()
            self.target.release()
            self.texture.release()
            self.texture = self.target = None
