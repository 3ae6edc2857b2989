"""Networks that are not computed here: TorchScript, ONNX, and L.A.Cosmic, which is none.

Each is as `unet.Network` is: device, needs_statistics, moved(device), and frozen(statistics, dtype)
-> function of (1, 1, H, W) float32, and perhaps of a box of it, that gives the confidence there.
"""

import warnings

import numpy as np
import torch

from glview.models.recipe import LACOSMIC
from glview.models.registry import ModelError


def _confidence(given, x, logits):
    """What a foreign network gave, as a confidence like x; raises ModelError if it is none."""
    if not isinstance(given, torch.Tensor) or given.shape != x.shape:
        shape = tuple(given.shape) if hasattr(given, "shape") else type(given).__name__
        raise ModelError(f"the network gives {shape} for pixels of shape {tuple(x.shape)}; it must"
                         " give one number for each pixel")
    given = torch.sigmoid(given.float()) if logits else given.float()
    if not torch.isfinite(given).all():
        raise ModelError("the network gives numbers that are not finite")
    low, high = float(given.min()), float(given.max())
    if low < -1e-4 or high > 1 + 1e-4:
        raise ModelError(f"the network gives {low:.3g} to {high:.3g}, not a confidence from 0 to 1;"
                         ' if these are logits, say output = "logits"')
    return given.clamp(0, 1)


def _inside(found, box):
    """A box (y0, x0, y1, x1) of (1, 1, H, W), or all of it."""
    return found if box is None else found[..., box[0] : box[2], box[1] : box[3]]


class TorchScript:
    """A module saved by torch.jit.save.  Opening one runs the code that it holds.

    Raises ModelError if it cannot be opened.
    """

    needs_statistics = False

    def __init__(self, path, device, logits=False):
        self.device, self._path, self._logits = device, path, logits
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # that it may go one day
                self._module = torch.jit.load(path, map_location=device).eval()
        except Exception as error:  # its reader meets garbage with an error of any kind
            raise ModelError(f"{path} is no TorchScript module: {_first(error)}") from error

    def moved(self, device):
        """The same network on another device."""
        return TorchScript(self._path, torch.device(device), self._logits)

    def frozen(self, statistics=None, dtype=torch.float32):
        """See the module; it computes in its own type, so dtype is not looked at."""
        return lambda x, box=None: _inside(
            _confidence(self._module(x), x, self._logits), box)


class Onnx:
    """A file for onnxruntime, on the processor; its one input is (N, 1, H, W) float32, any size.

    Raises ModelError if it cannot be opened.
    """

    needs_statistics = False

    def __init__(self, path, logits=False):
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise ModelError('this model needs onnxruntime: pip install "glview[onnx]"') from error
        self.device, self._logits = torch.device("cpu"), logits
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # or it writes to the terminal what is no error
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its classes of errors have no base of their own
            raise ModelError(f"{path} is no ONNX model: {_first(error)}") from error
        self._name = _only_input(self._session.get_inputs(), path)

    def moved(self, device):
        """Itself: it is on the processor."""
        return self

    def frozen(self, statistics=None, dtype=torch.float32):
        """See the module; it computes in its own type, so dtype is not looked at."""

        def run(x, box=None):
            found = torch.from_numpy(self._session.run(None, {self._name: x.numpy()})[0])
            return _inside(_confidence(found, x, self._logits), box)

        return run


def _only_input(inputs, path):
    """The name of the one input; raises ModelError if it takes no pictures of any size."""
    shapes = [(one.type, one.shape) for one in inputs]
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 4:
        raise ModelError(f"{path} must have one input (N, 1, H, W) of float32; it has {shapes}")
    if any(isinstance(side, int) for side in inputs[0].shape[2:]):
        raise ModelError(f"{path} takes one size only, {inputs[0].shape[2:]}; export it with"
                         " dynamic height and width")
    return inputs[0].name


class LaCosmic:
    """L.A.Cosmic by astroscrappy, on the processor: confidence 0 or 1.

    Its filters see 16 pixels around each, so tiles with that halo equal the whole frame.  settings:
    of LACOSMIC, those that differ.
    Raises ModelError where astroscrappy is not installed.
    """

    needs_statistics = False

    def __init__(self, settings=None):
        try:
            from astroscrappy import detect_cosmics
        except ModuleNotFoundError as error:
            raise ModelError('L.A.Cosmic needs astroscrappy: pip install "glview[lacosmic]"'
                             ) from error
        self.device = torch.device("cpu")
        self._detect, self._settings = detect_cosmics, LACOSMIC | (settings or {})

    def moved(self, device):
        """Itself: it is on the processor."""
        return self

    def frozen(self, statistics=None, dtype=torch.float32):
        """See the module; dtype is not looked at."""

        def run(x, box=None):
            found, _ = self._detect(np.ascontiguousarray(x[0, 0].numpy()), **self._settings)
            return _inside(torch.from_numpy(found.astype(np.float32))[None, None], box)

        return run


def _first(error):
    return (str(error).splitlines() or [type(error).__name__])[0]
