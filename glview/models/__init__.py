"""Finding cosmic rays with trained networks; torch is imported only when a model is made.

`init_model("ground_imaging").detect_cr(image)` gives each pixel's confidence, 0 to 1.
"""

import gc
from importlib import import_module

from glview.models.registry import MODELS, ModelError, ModelInfo, choose, installed, lookup

__all__ = ["MODELS", "ModelError", "ModelInfo", "choose", "engine", "init_model", "installed",
           "lookup"]


def init_model(name="auto", device="auto", tiling="seamless", crop=1024, tile=0,
               precision="float32"):
    """A ready `glview.models.detector.Model`; see there for `detect_cr`.

    name: of MODELS, a path of weights, a path of a .toml file that describes a network, several of
    these as "a+b" (mean) or "a+b:vote", or "auto".  `help(glview.models.detector.load_model)` tells
    the rest.
    Raises ModelError.
    """
    return engine().load_model(name, device, tiling, crop, tile, precision)


def engine():
    """The module `glview.models.detector`.

    Importing torch makes a million objects that stay: looking for cycles among them would take a
    fifth of that time, and find none.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return import_module("glview.models.detector")
    finally:
        if collects:
            gc.enable()
