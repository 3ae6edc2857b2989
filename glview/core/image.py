"""An image that is not loaded: its shape, its type, and a way to read any box of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Fault:
    """A part of an image that cannot be read or decoded: NaN is shown there.

    plane: of the cube.  box: (y0, x0, y1, x1), pixels.  why: a sentence for the user.
    """

    plane: int
    box: tuple[int, int, int, int]
    why: str


@dataclass(frozen=True)
class Image:
    """One two-dimensional picture, perhaps one plane of a cube.

    name: what the user sees, for example `frame.fits[SCI]`.
    shape: (height, width).
    dtype: type of the physical values in native byte order (after BZERO, BSCALE and BLANK).
    read: read(plane, y0, y1, x0, x1) -> (y1 - y0, x1 - x0) array of exact physical values; may be
        called from several threads at once; raises the reader's own error.
    path: the file, or None for an array from memory.
    hdu: index of the FITS extension, else 0.
    header: keyword -> value of the FITS header (INHERIT applied), else {}.
    planes: number of planes in a cube, else 1.
    y_up: True where row 0 is the bottom row on screen, as FITS wants.
    notes: sentences the user should see: "file is truncated: 61 % of the rows are here".
    fill: fill(plane, y0, y1, x0, x1, out) puts the box into `out`, C-contiguous (y1 - y0, x1 - x0)
        float32: what `read` gives, converted; NaN, and one Fault, where a pixel cannot be had; may
        be called from several threads at once.  None where `read` is all there is.  It may load
        numba, which `read` does not: the first picture is made by `read`.
    fill_turned: the same, but the bytes of each number are the other way round in `out`, as they
        lie in the file; None where that saves nothing.
    kept: says how many bytes of decoded pixels the readers of its file hold at present.
    source: the open file behind it, for `files` alone, or None.
    faults: filled by readers, from any thread; it only grows.
    stamp: (inode, size, time in ns) of the file just before it was opened, or None.
    side: the file that its mask is in and is saved in, or None for the usual places.
    """

    name: str
    shape: tuple[int, int]
    dtype: np.dtype
    read: Callable[[int, int, int, int, int], np.ndarray]
    path: Path | None = None
    hdu: int = 0
    header: Mapping[str, object] = field(default_factory=dict)
    planes: int = 1
    plane: int = 0
    y_up: bool = True
    notes: tuple[str, ...] = ()
    fill: Callable[[int, int, int, int, int, np.ndarray], None] | None = None
    fill_turned: Callable[[int, int, int, int, int, np.ndarray], None] | None = None
    kept: Callable[[], int] = lambda: 0
    source: object = None
    faults: list[Fault] = field(default_factory=list)
    stamp: tuple[int, int, int] | None = None
    side: Path | None = None

    def __getitem__(self, key):
        """`image[y0:y1, x0:x1]`: exact values; slices with step 1, clipped as numpy does."""
        rows, columns = key
        y0, y1, step_y = rows.indices(self.shape[0])
        x0, x1, step_x = columns.indices(self.shape[1])
        if step_y != 1 or step_x != 1:
            raise IndexError("an Image is sliced with step 1; slice the result instead")
        return self.read(self.plane, y0, max(y0, y1), x0, max(x0, x1))

    def read32(self, y0, y1, x0, x1, out=None):
        """The box as (y1 - y0, x1 - x0) float32, native byte order, C-contiguous; NaN kept.

        out: such an array to put it into, which is then returned; None makes a new one.
        Values beyond float32's range become infinite.  Raises what the image's reader raises; a
        damaged part of a file that is otherwise sound is NaN and a Fault, if there is a `fill`.
        """
        if self.fill is not None:
            out = np.empty((y1 - y0, x1 - x0), np.float32) if out is None else out
            self.fill(self.plane, y0, y1, x0, x1, out)
            return out
        box = self.read(self.plane, y0, y1, x0, x1)
        with np.errstate(over="ignore", invalid="ignore"):  # a signalling NaN is "invalid"
            if out is None:
                return np.ascontiguousarray(box, np.float32)
            np.copyto(out, box, casting="unsafe")
            return out

    def read_turned(self, y0, y1, x0, x1, out):
        """As `read32` into `out`; True if the bytes of its numbers lie the other way round."""
        if self.fill_turned is None:
            self.read32(y0, y1, x0, x1, out)
            return False
        self.fill_turned(self.plane, y0, y1, x0, x1, out)
        return True


def from_array(array, name="array", y_up=True):
    """An Image over a 2-D or 3-D array in memory (a cube's first axis counts planes).

    array: real numbers or bool, any byte order; it is read, never written.
    Raises ValueError if it has no pixels, other dimensions, or is not numeric.
    """
    array = np.asarray(array)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"glview shows real numbers; this array holds {array.dtype}")
    cube = array[None] if array.ndim == 2 else array
    if cube.ndim != 3 or cube.size == 0:
        raise ValueError(f"glview shows (height, width) or a cube; this array is {array.shape}")
    native = cube.dtype.newbyteorder("=") if cube.dtype.kind != "b" else np.dtype(np.uint8)

    def read(plane, y0, y1, x0, x1):
        return cube[plane, y0:y1, x0:x1].astype(native)

    return Image(name, cube.shape[1:], native, read, planes=cube.shape[0], y_up=y_up)
