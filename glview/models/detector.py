"""A model that is ready to look at frames."""

import time
from dataclasses import dataclass

import numpy as np
import torch

from glview.models import heap
from glview.models.frame import as_frame
from glview.models.registry import PRECISIONS, ModelError, ModelInfo, choose, joined, split
from glview.models.seamless import seamless
from glview.models.tiling import Task, Watch, full, grid, stamps
from glview.models.weights import Part, load_part

TILINGS = {"seamless": seamless, "full": full, "cosmic-conn": stamps}


@dataclass(frozen=True)
class Result:
    """confidence: (H, W) float32 in [0, 1], None of a stream; bad: pixels that were NaN, infinite
    or masked; notes: sentences for the user; seconds: how long it took.
    """

    confidence: np.ndarray | None
    bad: int
    notes: tuple[str, ...]
    seconds: float


@dataclass
class Model:
    """One network or several with their weights, and the way they walk over a frame.

    See `load_model`.  notes: sentences about the frame searched last.
    """

    info: ModelInfo
    parts: tuple[Part, ...]
    rule: str = "mean"
    tiling: str = "seamless"
    crop: int = 1024
    tile: int = 0
    precision: str = "float32"
    notes: tuple[str, ...] = ()

    @property
    def sha256(self):
        """Of the weights; of several models joined by +; "" where there are none."""
        return self.info.sha256

    @property
    def provenance(self):
        """What a saved mask should say about its origin; plain strings and numbers."""
        devices = dict.fromkeys(str(part.network.device) for part in self.parts)
        more = {"crop": self.crop} if self.tiling == "cosmic-conn" else {}
        if self.precision != "float32":
            more["sums"] = self.precision
        return {
            "model": self.info.name,
            "weights_sha256": self.sha256,
            "tiling": self.tiling,
            **more,
            "device": "+".join(devices),
            "torch": torch.__version__,
        }

    def detect_cr(self, image, progress=None, cancel=None, out=None, on_tile=None):
        """The confidence that each pixel is part of a cosmic ray: (H, W) float32 in [0, 1].

        image: (H, W) array, Image, list or tensor of real numbers, in the model's units; it is
            never written.  NaN, infinite and masked pixels get confidence 0 and `notes` counts
            them; for their neighbours they look like the sky.  What can be read in parts, such as
            a memory map or an HDF5 data set, is never held as a whole.
        progress(fraction); cancel() -> True to stop, or a threading.Event; on_tile(y0, x0, y1, x1,
            values) whenever a box is final.
        out: (H, W) float32 array to write into and return, for example a numpy.memmap where the
            result is larger than the memory.
        Raises ModelError, and Cancelled if `cancel` said so.
        """
        cancel = getattr(cancel, "is_set", cancel)
        return self.detect(image, Watch(progress, cancel, on_tile), out).confidence

    def detect(self, image, watch=Watch(), out=None):  # noqa: B008 - frozen, so it can be shared
        """As `detect_cr`, with a Watch (which may say where to begin); returns a Result."""
        frame = as_frame(image)
        return self._search(frame, watch, _check_out(out, frame.shape))

    def stream(self, image, watch, known=(), region=None):
        """As `detect`, for frames of any size: only `watch.on_tile` gets the confidence.

        known: boxes (y0, x0, y1, x1) that an earlier search handed out and that are left out.
        region: the box that is searched; its pixels come out as in a search of the whole frame,
        for the sky and the statistics are the frame's.
        The Result's `confidence` is None, its `bad` counts the boxes searched now.
        """
        frame = as_frame(image)
        if region is not None:
            self._check_region(region, frame.shape)
        return self._search(frame, watch, None, known, region)

    def _check_region(self, region, shape):
        if self.tiling != "seamless":
            raise ModelError(f"the tiling {self.tiling!r} searches whole frames: use 'seamless'")
        y0, x0, y1, x1 = region
        if not (0 <= y0 < y1 <= shape[0] and 0 <= x0 < x1 <= shape[1]):
            raise ModelError(f"the box {tuple(region)} does not lie in a frame of {shape}")

    def _search(self, frame, watch, out, known=(), region=None):
        began = time.perf_counter()
        task = Task(frame, out, self.parts, self.rule, self.crop, self.tile,
                    getattr(torch, self.precision), watch, known, region)
        skipped = self._skipped(frame.shape)
        # TF32 convolutions would move single confidences by a thousandth.
        exact = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
        try:
            with torch.inference_mode(), exact, heap.kept():
                bad = TILINGS[self.tiling](task)
        except MemoryError as error:
            raise ModelError(f"not enough memory for a frame of {frame.shape}; close other"
                             " programs, or give one that is read in parts") from error
        y0, x0, y1, x1 = region or (0, 0, *frame.shape)
        self.notes = (*_notes((y1 - y0) * (x1 - x0), bad, skipped), *task.notes)
        return Result(out, bad, self.notes, time.perf_counter() - began)

    def _skipped(self, shape):
        """Pixels that a reference tiling never computes; raises ModelError if that is all."""
        if self.tiling == "seamless":
            return 0
        step = self.parts[0].recipe.step
        size = self.crop if self.tiling == "cosmic-conn" else max(shape)
        boxes = grid(shape, size)
        sides = (boxes[:, 2:] - boxes[:, :2]) // step * step
        computed = int(sides.prod(axis=1).sum())
        if computed == 0:
            raise ModelError(
                f"the tiling {self.tiling!r} needs {step} rows and columns, this frame is {shape};"
                " use the tiling 'seamless'"
            )
        return shape[0] * shape[1] - computed


def load_model(name="auto", device="auto", tiling="seamless", crop=1024, tile=0,
               precision="float32"):
    """A Model.

    name: of MODELS; a path of weights of one of these networks, or of a .toml file that describes
        another one; "a+b" for the mean of several, "a+b:vote" for the share of them that see a ray;
        or "auto" for the most general one installed (`choose` knows better where there is a
        header).
    device: "auto", "cpu", "cuda" or "cuda:N".
    tiling: "seamless" (default); or as the model's own package does it: "full", the frame in
        one pass, or "cosmic-conn", separate stamps of `crop` pixels.
    tile: size of the seamless tiles, 0 for a good one.
    precision: "float32"; or "bfloat16" or "float16" for the sums of seamless tiles.  The statistics
        of a frame stay float32 with float16, which they overflow; networks that come as TorchScript
        or ONNX, and L.A.Cosmic, stay as they are.
        On a processor with instructions for it, bfloat16 takes 0.65 of the time; on the test
        frames it changes single confidences by up to 0.1, and up to 0.9 % of the mask's pixels at
        the suggested threshold (1.3 % of WFC3-UVIS and decam's).  float16 changes less, up to
        0.006 and 0.1 %, but is ten times slower on a processor: it is for graphics cards.
    Raises ModelError.
    """
    if tiling not in TILINGS:
        raise ModelError(f"there is no tiling {tiling!r}; known are {', '.join(TILINGS)}")
    if precision not in PRECISIONS:
        raise ModelError(f"there is no precision {precision!r}; known are {', '.join(PRECISIONS)}")
    _check_size("crop", crop, 16)
    _check_size("tile", tile, 0)
    names, rule = split(choose({})[0] if name == "auto" else name)
    place = place_of(device)
    parts = tuple(load_part(one, place) for one in names)
    rows = tuple(part.info for part in parts)
    info = rows[0] if len(rows) == 1 else joined(rows, rule)
    if tiling != "seamless" and (len(parts) > 1 or parts[0].recipe.whole is None):
        raise ModelError(f"the tiling {tiling!r} is that of one model's own package; {info.name}"
                         " has none: use 'seamless'")
    if tiling != "seamless" and precision != "float32":
        raise ModelError(f"the tiling {tiling!r} is for comparison, in float32 only")
    return Model(info, parts, rule, tiling, int(crop), int(tile), precision)


def _check_size(what, value, least):
    if not isinstance(value, int | np.integer) or value < least:
        raise ModelError(f"{what} counts pixels, {least} or more; it is {value!r}")


def place_of(device):
    """The torch.device; raises ModelError if there is none."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        place = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ModelError(f"there is no device {device!r}; use auto, cpu or cuda") from error
    if place.type not in ("cpu", "cuda") or (place.type == "cuda" and not _has_cuda(place)):
        raise ModelError(f"the device {device!r} is not there or not known; use auto or cpu")
    return place


def _has_cuda(place):
    return torch.cuda.is_available() and (place.index or 0) < torch.cuda.device_count()


def _check_out(out, shape):
    if out is None:
        try:
            return np.zeros(shape, np.float32)
        except MemoryError as error:
            raise ModelError(f"not enough memory for a result of {shape}; give out=, for example"
                             " a numpy.memmap") from error
    good = isinstance(out, np.ndarray) and out.shape == shape and out.dtype == np.float32
    if not good or not out.flags.writeable:
        raise ModelError(f"out must be a writable float32 array of shape {shape}")
    return out


def _notes(total, bad, skipped):
    """What the user should know about the result of so many pixels."""
    notes = []
    if bad:
        notes.append(f"{bad} of {total} pixels are NaN, infinite or masked: confidence 0 there")
    if skipped:
        notes.append(f"this tiling leaves {skipped} of {total} pixels unsearched: confidence 0")
    return tuple(notes)
