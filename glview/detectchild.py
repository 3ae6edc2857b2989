"""`python -m glview.detectchild FD`: one detection in a process of its own.

Reads lines of JSON from standard input.  The first one asks: model, and either path, hdu, plane,
shape and stamp of a file, or block (a descriptor of `models.blocks`) and shape; perhaps device,
tiling, crop, tile, precision, known (boxes not to search again), box (all that is searched), share
(memory on a graphics card, see `Card`) and centre.  Later ones may say {"centre": [y, x]}: what is
there comes next.  Its end means that nobody waits any more.

Writes events to the descriptor FD, see `models.wire` and `models.remote.Detection.poll`.
Whatever libraries print goes elsewhere.
"""

import json
import os
import select
import sys
import threading
from dataclasses import replace
from functools import partial

from glview.core.cancel import Cancelled
from glview.cuda import Borrowed, CudaError
from glview.files import ReadError, open_images
from glview.files.journal import only_saved
from glview.files.source import stamp_of
from glview.models import engine
from glview.models.blocks import attach
from glview.models.registry import ModelError
from glview.models.wire import send

_NICE = 5
_SETTINGS = ("device", "tiling", "crop", "tile", "precision")


class Orders:
    """What comes from standard input, read when there is time: nothing waits for it but `first`.

    centre: (y, x) that the person looked at last, or None.
    """

    def __init__(self, fd=0):
        self.centre = None
        self._fd, self._rest, self._ended = fd, b"", False
        self._parent = os.getppid()

    def first(self):
        """The request; {} if the stream ends before it."""
        while b"\n" not in self._rest and not self._ended:
            self._read()
        line, _, self._rest = self._rest.partition(b"\n")
        request = json.loads(line or b"{}")
        self._take(request)
        return request

    def abandoned(self):
        """True if whoever asked is gone; takes what came meanwhile."""
        while not self._ended and select.select([self._fd], [], [], 0)[0]:
            self._read()
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            self._take(json.loads(line))
        return self._ended or os.getppid() != self._parent

    def _read(self):
        came = os.read(self._fd, 1 << 16)
        self._rest += came
        self._ended = not came

    def _take(self, order):
        if order.get("centre") is not None:
            self.centre = tuple(order["centre"])


class Card:
    """Has tiles put where the asker takes them from without a way through memory, if it may.

    share: the request's, `gl.lent.Lent.ticket` or {"why": a reason}, or None; model: what
    `load_model` made; width: of the frame.  notes: a sentence if the network is on a card and this
    is not to be.
    """

    def __init__(self, share, model, width):
        self.notes, self._frame, self._boxes = [], None, set()
        place, *others = (part.network.device for part in model.parts)
        if share is None or place.type != "cuda":
            return
        try:
            if "why" in share:
                raise CudaError(share["why"])
            if others:
                raise CudaError("several networks are joined")
            if (place.index or 0) != share["device"]:
                raise CudaError("the window is drawn by another card")
            self._frame = Borrowed(share, width)
        except CudaError as error:
            self._stop(error)

    def _stop(self, error):
        self._frame, self.notes = None, [f"Confidence goes through memory: {error}."]

    def put(self, box, values, bad):
        """Put a tile there, as `tiling.Watch.on_device` says; bad pixels are 0."""
        if self._frame is None:
            return
        if bad.any():
            values = values.masked_fill(values.new_tensor(bad).bool(), 0.0)
        values = values.contiguous()
        try:
            self._frame.put(box, values.data_ptr(), 4 * values.shape[1])
            self._boxes.add(box)
        except CudaError as error:
            self._stop(error)

    def told(self, box):
        """What the event of a tile says of it."""
        return {"shared": True} if tuple(box) in self._boxes else {}


def main():
    """Run the request; the exit code is 0 if it was done, else 1."""
    if hasattr(os, "nice"):
        os.nice(_NICE)
    try:
        # It takes most of a second, in which the request comes and the file is opened.
        threading.Thread(target=engine, daemon=True).start()
        with os.fdopen(int(sys.argv[1]), "wb") as file:
            return _answer(Orders(), partial(send, file))
    except BrokenPipeError:  # nobody listens any more
        return 1


def _answer(orders, say):
    try:
        request = orders.first()
        if not request:
            return 1
        say(_run(request, orders, say))
    except (ModelError, ReadError, OSError, MemoryError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        say({"error": str(error) or "not enough memory for this frame"})
        return 1
    except Cancelled:
        return 1
    return 0


def _run(request, orders, say):
    """Load the model, search the frame, tell every step; returns the last event."""
    say({"loading": request["model"]})
    image = _pixels(request)

    from glview.models.detector import load_model
    from glview.models.tiling import Watch

    settings = {key: request[key] for key in _SETTINGS if key in request}
    model = load_model(request["model"], **settings)
    info, card = model.info, Card(request.get("share"), model, request["shape"][1])
    say(
        {
            "ready": info.name,
            "sha256": model.sha256,
            "threshold": info.threshold,
            "notes": [f"Expects {info.units}.", *_sums(model), *card.notes],
            "provenance": model.provenance,
        }
    )
    watch = Watch(
        progress=lambda fraction: say({"progress": fraction}),
        cancel=orders.abandoned,
        on_tile=lambda *tile: say({"tile": tile[:4], **card.told(tile[:4])}, tile[4]),
        gaze=lambda: orders.centre,
        on_device=card.put,
    )
    result = model.stream(image, watch, request.get("known", ()), request.get("box"))
    notes = [*result.notes, *card.notes]
    return {"done": True, "notes": notes, "seconds": round(result.seconds, 3)}


def _sums(model):
    """A sentence if it computes otherwise than usual."""
    usual = model.precision == "float32"
    return [] if usual else [f"It computes in {model.precision}: faster, a little less exact."]


def _pixels(request):
    """The array of a block, or the Image of a file that is still the one the asker opened."""
    if "block" in request:
        return attach(request["block"], request["shape"])
    path, stamp = request["path"], request["stamp"]
    before = _stamp(path)
    image = open_images(path, str(request["hdu"]))[0]
    now = _stamp(path)
    kept = stamp == now or only_saved(path, stamp, now)  # a mask behind the pixels changes nothing
    if not (kept and before == now and list(image.shape) == request["shape"]):
        raise ModelError(f"{image.name} changed on disk since it was opened; open it again")
    return _light(replace(image, plane=request["plane"]))


def _light(image):
    """The Image, filled only where it is damaged: that loads numba, for 0.4 s and 100 MB."""

    def read(plane, *box):
        try:
            return image.read(plane, *box)
        except ReadError:
            return image.read32(*box)

    return replace(image, read=read, fill=None, fill_turned=None)


def _stamp(path):
    try:
        return list(stamp_of(os.stat(path)))
    except FileNotFoundError as error:
        raise ModelError(f"there is no file {path} any more") from error


if __name__ == "__main__":
    sys.exit(main())
