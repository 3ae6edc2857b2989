"""Loaded models, kept for the whole run; each is used by one thread at a time."""

import threading
from contextlib import contextmanager, suppress

from glview.models.registry import ModelError, choose, lookup


def load(name, device, precision):
    """A ready model; tests and workers put another function here."""
    from glview.models import init_model

    return init_model(name, device=device, precision=precision)


class Models:
    """device: "auto", "cpu", "cuda" or "cuda:N"; precision: one of `registry.PRECISIONS`.

    What is known of a model needs no weights.
    """

    def __init__(self, device="auto", precision="float32"):
        self.device, self.precision = device, precision
        self._lock = threading.Lock()
        self._card = threading.Lock()
        self._free = {}

    def __reduce__(self):
        return Models, (self.device, self.precision)

    @contextmanager
    def lend(self, name):
        """A model that nobody else uses meanwhile; on a graphics card one frame at a time."""
        with self._lock:  # loading imports torch, which one thread does best
            free = self._free.setdefault(name, [])
            model = free.pop() if free else load(name, self.device, self.precision)
        try:
            if str(model.provenance["device"]).startswith("cuda"):
                with self._card:
                    yield model
            else:
                yield model
        finally:
            with self._lock:
                free.append(model)

    def expect(self, name):
        """Load a model that is going to be asked for, in a thread of its own."""
        if name not in self._free:
            threading.Thread(target=self._load, args=[name]).start()

    def _load(self, name):
        with suppress(Exception), self._lock:  # who asks for it gets the error
            if name not in self._free:
                self._free[name] = [load(name, self.device, self.precision)]

    def name_for(self, name, header):
        """The name of the model for a frame: what was asked for, or the choice by its header."""
        return choose(header)[0] if name == "auto" else name

    def suggested(self, name):
        """The threshold that goes with a model."""
        return self._known(name)[1]

    def origin(self, name, request, image):
        """The provenance that a result is going to have."""
        known, suggested = self._known(name)
        threshold = suggested if request.threshold is None else request.threshold
        asked = {"threshold": threshold, "dilation": request.dilation, "shape": request.shape}
        plane = {"plane": image.plane} if image.planes > 1 else {}
        return known | asked | plane

    def _known(self, name):
        """(model, weights and tiling; suggested threshold), from the table if it is there."""
        try:
            row = lookup(name)
        except ModelError:
            with self.lend(name) as model:
                return dict(model.provenance), model.info.threshold
        known = {"model": row.name, "weights_sha256": row.sha256, "tiling": "seamless"}
        sums = {} if self.precision == "float32" else {"sums": self.precision}
        return known | sums, row.threshold
