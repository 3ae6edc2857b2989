"""Pictures whose format is decoded whole: the planes seen last are kept."""

import threading
from collections import OrderedDict

import numpy as np

from glview.files import ReadError

CACHE = 1 << 30
MAX_PLANE = 16 << 30
LUMINANCE = (0.2126, 0.7152, 0.0722)  # ITU-R BT.709


class Planes:
    """Decodes planes on demand, one at a time, and keeps up to CACHE bytes of them (at least one).

    decode: decode(plane) -> (height, width) array of `dtype`, or raises anything at all.
    """

    def __init__(self, name, dtype, decode):
        self.name, self.dtype, self.decode = name, dtype, decode
        self.lock = threading.Lock()
        self.cache = OrderedDict()

    def kept(self):
        """Bytes of the planes that are held."""
        return sum(values.nbytes for values in tuple(self.cache.values()))

    def read(self, plane, y0, y1, x0, x1):
        """The box as a new array. Raises ReadError if the plane cannot be decoded."""
        return self._plane(plane)[y0:y1, x0:x1].copy()

    def _plane(self, plane):
        with self.lock:
            values = self.cache.pop(plane, None)
            if values is None:
                values = self._decode(plane)
            self.cache[plane] = values
            while len(self.cache) > 1 and sum(v.nbytes for v in self.cache.values()) > CACHE:
                self.cache.popitem(last=False)
            return values

    def _decode(self, plane):
        try:
            return np.ascontiguousarray(self.decode(plane), self.dtype)
        except Exception as error:  # decoders of damaged files raise anything
            wrong = f"{self.name} cannot be decoded ({type(error).__name__}: {error})"
            raise ReadError(wrong) from error


def check_size(name, size, packed_size):
    """Raise ReadError where `size` bytes of picture cannot come out of `packed_size` honestly."""
    if size > MAX_PLANE or size > max(MAX_PLANE >> 4, 1000 * packed_size):
        raise ReadError(f"{name} claims a picture of {size / (1 << 30):.0f} GiB; that is refused")


def luminance(colour):
    """Luminance, (height, width) float32, of (height, width, 3 or more) colours of any real type.

    In the units of the colours; weights of ITU-R BT.709; a fourth channel (opacity) is ignored.
    """
    return (colour[..., :3] @ np.array(LUMINANCE)).astype(np.float32)
