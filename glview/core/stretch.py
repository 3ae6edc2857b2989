"""How a pixel value becomes a grey level.

The GPU and the CPU take every step from this file:

1.  `t = clamp((value - low) / (high - low), 0, 1)`
2.  `grey = clamp(SCALINGS[kind], 0, 1)`, or a look-up in the table of `equalised` for "histogram"
3.  `grey = contrast_bias(grey, contrast, bias)`, then the colour map

The formulas are DS9's with its default log exponent of 1000, so some do not end at exactly 1: log
ends at 1.0001 and sinh at 1.002 (clamped), power at 0.999 and asinh at 0.9994.  They use only what
GLSL 3.30 and NumPy spell alike (GLSL 3.30 has no log10).  To add a scaling, add a line to
`SCALINGS` and one to `LABELS`.
"""

from dataclasses import dataclass

import numpy as np

SCALINGS = {
    "linear": "t",
    "log": "log(1000.0 * t + 1.0) / log(1000.0)",
    "power": "(pow(1000.0, t) - 1.0) / 1000.0",
    "sqrt": "sqrt(t)",
    "squared": "t * t",
    "asinh": "asinh(10.0 * t) / 3.0",
    "sinh": "sinh(3.0 * t) / 10.0",
}
LABELS = {
    "linear": "Linear",
    "log": "Log",
    "power": "Power",
    "sqrt": "Square Root",
    "squared": "Squared",
    "asinh": "ASINH",
    "sinh": "SINH",
    "histogram": "Histogram Equalization",
}
ZOOMOUT = {"mean": "Mean", "max": "Max", "peaks": "Peaks over mean"}
PEAK_SIGMAS = 5.0  # how far a peak stands out, in standard deviations of the background
KINDS = (*SCALINGS, "histogram")  # a kind's place here is its number in the shader

_NUMPY = {
    "log": np.log,
    "pow": np.power,
    "sqrt": np.sqrt,
    "asinh": np.arcsinh,
    "sinh": np.sinh,
    "__builtins__": {},
}
_TINY = np.finfo(np.float32).tiny


@dataclass(frozen=True)
class Stretch:
    """Display settings of one image; equal settings give equal pictures.

    kind: one of `KINDS`.
    limits: a key of `glview.core.limits.LIMITS`; "user" takes low and high from here.
    low, high: image units (for example electrons); the values drawn black and white.
    clip: True to take the limits from what a 3-sigma clip leaves of the sample.
    colormap: a key of `glview.core.colormaps.COLORMAPS`; invert turns it round.
    contrast, bias: DS9's, see `contrast_bias`.
    zoomout: a key of `ZOOMOUT`: a screen pixel shows the mean of the image pixels under it; or the
        largest, so that no single bright pixel is hidden; or the mean, but the largest where that
        stands out from the background by PEAK_SIGMAS.
    """

    kind: str = "linear"
    limits: str = "zscale"
    low: float = 0.0
    high: float = 1.0
    clip: bool = False
    colormap: str = "grey"
    invert: bool = False
    contrast: float = 1.0
    bias: float = 0.5
    zoomout: str = "mean"


@dataclass(frozen=True)
class Joining:
    """How pixels become one where the picture is zoomed out.

    rule: a key of `ZOOMOUT`.  noise: standard deviation of the background, image units, from which
    peaks stand out; 0.0 where the rule needs none.
    """

    rule: str = "mean"
    noise: float = 0.0

    @property
    def reach(self):
        """How far a peak stands above the mean of the pixels beside it, image units."""
        return PEAK_SIGMAS * self.noise


MEAN = Joining()


def grey(values, stretch_kind, low, high, table=None):
    """Apply steps 1 and 2 on the CPU, in float32, as the shader does on the GPU.

    values: real array of any shape, image units; NaN marks a bad pixel.
    stretch_kind: one of `KINDS`.  low, high: image units, high > low.
    table: (n,) float32 in [0, 1] from `equalised`; needed for "histogram" alone.
    Returns a float32 array of that shape in [0, 1]; NaN, +Inf and -Inf are passed through.
    Raises ValueError for an unknown kind and for "histogram" without a table.
    """
    if stretch_kind not in KINDS:
        raise ValueError(f"no scaling {stretch_kind!r}; there are {', '.join(KINDS)}")
    with np.errstate(invalid="ignore", over="ignore"):
        values, low = np.asarray(values, np.float32), np.float32(low)
        t = np.clip((values - low) / max(np.float32(high) - low, _TINY), 0.0, 1.0)
    if stretch_kind == "histogram":
        scaled = _look_up(t, table)
    else:
        scaled = eval(SCALINGS[stretch_kind], {**_NUMPY, "t": t})
    return np.where(np.isinf(values), values, np.clip(scaled, 0.0, 1.0)).astype(np.float32)


def _look_up(t, table):
    if table is None:
        raise ValueError("histogram equalization needs the table made by equalised()")
    table = np.asarray(table, np.float32)
    place = np.nan_to_num(t, nan=0.0) * np.float32(len(table) - 1)
    left = np.minimum(place.astype(np.intp), len(table) - 2)
    part = place - left.astype(np.float32)
    found = table[left] * (1 - part) + table[left + 1] * part
    return np.where(np.isnan(t), t, found)


def contrast_bias(t, contrast, bias):
    """DS9's contrast and bias: (t - bias) * contrast + 0.5, clamped to [0, 1]; NaN stays NaN."""
    return np.clip((t - bias) * contrast + 0.5, 0.0, 1.0)


def glsl():
    """GLSL for `float scale(float t, int kind)`, not clamped; `kind` counts along `KINDS`.

    "histogram" returns t itself: its table is a texture, which the shader that includes this reads.
    """
    cases = "\n".join(f"    if (kind == {i}) return {f};" for i, f in enumerate(SCALINGS.values()))
    return f"float scale(float t, int kind) {{\n{cases}\n    return t;\n}}\n"


def equalised(sorted_sample, low, high, n=1024):
    """Table for histogram equalization: the cumulative distribution between the limits.

    sorted_sample: 1-D finite values in ascending order, image units; may be empty.
    low, high: image units, high > low.  n: entries, at least 2.
    Returns (n,) float32, rising from 0 at `low` to 1 at `high`: entry i is the share of the sample
    within the limits that is below low + (high - low) * i / (n - 1).  A straight line if none is.
    """
    sample = np.asarray(sorted_sample)
    edges = np.linspace(low, high, n).astype(sample.dtype)
    rank = np.searchsorted(sample, edges, "left")
    rank[-1] = np.searchsorted(sample, edges[-1], "right")
    inside = rank[-1] - rank[0]
    if inside == 0:
        return np.linspace(0.0, 1.0, n, dtype=np.float32)
    return ((rank - rank[0]) / inside).astype(np.float32)
