"""The values drawn black and white, from a sorted sample of an image."""

from dataclasses import dataclass

import numpy as np

LIMITS = {
    "minmax": "Min Max",
    "99.5": "99.5 %",
    "99": "99 %",
    "98": "98 %",
    "97": "97 %",
    "96": "96 %",
    "95": "95 %",
    "92.5": "92.5 %",
    "90": "90 %",
    "zscale": "ZScale",
    "user": "User",
}
ZSCALE_SAMPLES = 10_000
# Limits stay within these, so that high - low is a normal float32 on the GPU.
_LARGEST = 1.7e38
_SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, eq=False)
class Sample:
    """What is known of an image's values; compared by identity, so it can be a key.

    values: (n,) finite float32 in ascending order, image units; may be empty.
    count: pixels looked at.  total: pixels of the frame.
    nan, posinf, neginf: how many of the `count` pixels are NaN, +Inf, -Inf.
    exact: every pixel of the frame was looked at.
    low, high: true minimum and maximum of the frame's finite values, or None while unknown.
    """

    values: np.ndarray
    count: int
    total: int
    nan: int = 0
    posinf: int = 0
    neginf: int = 0
    exact: bool = False
    low: float | None = None
    high: float | None = None


def limits(sample, stretch):
    """The pair (low, high) of floats that `stretch` asks for.

    sample: a Sample.  stretch: its `limits`, `clip`, `low` and `high` are read.
    Both are finite and high > low in float32 too: a constant frame of value c gives c - d, c + d,
    and a frame without a finite value gives (0, 1).
    Raises ValueError for a name that is not in `LIMITS`.
    """
    name = stretch.limits
    if name not in LIMITS:
        raise ValueError(f"no limits {name!r}; there are {', '.join(LIMITS)}")
    if name == "user":
        return _apart(stretch.low, stretch.high)
    values = sigma_clip(sample.values) if stretch.clip else sample.values
    if not len(values):
        return 0.0, 1.0
    if name == "zscale":
        return _apart(*zscale(_thinned(values, ZSCALE_SAMPLES)))
    if name == "minmax":
        known = not stretch.clip and sample.low is not None and sample.high is not None
        return _apart(*((sample.low, sample.high) if known else (values[0], values[-1])))
    return _apart(*centred(values, float(name)))


def centred(sorted_values, percent):
    """Limits that hold the central `percent` of the values, as DS9 does: the rest is cut half at
    each end.

    sorted_values: (n,) finite values in ascending order, n >= 1.  percent: 0 to 100.
    Returns (low, high), interpolated between neighbours as by numpy.percentile.
    """
    cut = (100.0 - percent) / 200.0
    places = np.array([cut, 1.0 - cut]) * (len(sorted_values) - 1)
    left = np.floor(places).astype(np.intp)
    below = np.asarray(sorted_values[left], np.float64)
    above = np.asarray(sorted_values[np.minimum(left + 1, len(sorted_values) - 1)], np.float64)
    low, high = below + (above - below) * (places - left)
    return float(low), float(high)


def zscale(sorted_values, contrast=0.25, krej=2.5, iterations=5, min_npixels=5, max_reject=0.5):
    """IRAF's zscale: limits about the median, from the slope of a line fitted to the sorted values.

    sorted_values: (n,) finite values in ascending order, image units, n >= 1.
    contrast: the slope is divided by it; 0 leaves the slope as it is.
    krej: values further than krej standard deviations from the line are rejected, with their
        neighbours within 1 % of n; at most `iterations` times.
    min_npixels, max_reject: if fewer values than max(min_npixels, max_reject * n) are left, the
        limits are the smallest and the largest value; so they are if the line is level, for
        then the median would be both.
    Returns (low, high).  Source: the help page of IRAF's `display` task, section ZSCALE ALGORITHM.
    """
    values = np.asarray(sorted_values, np.float64)
    n = len(values)
    low, high = float(values[0]), float(values[-1])
    slope = _fitted_slope(values, krej, iterations, max(min_npixels, int(n * max_reject)))
    if slope is None or slope == 0.0:
        return low, high
    if contrast > 0:
        slope /= contrast
    middle = (n - 1) // 2
    median = float(values[middle] + values[n // 2]) / 2
    return max(low, median - (middle - 1) * slope), min(high, median + (n - middle) * slope)


def _fitted_slope(values, krej, iterations, least):
    """Slope per rank of the line through the values that are not rejected; None if too few are."""
    n = len(values)
    rank = np.arange(n) - (n - 1) / 2
    offset = values - values[n // 2]  # small numbers keep the sums exact
    good = np.ones(n, bool)
    kept, before, slope = n, n + 1, None
    for _ in range(iterations):
        if kept >= before or kept < least:
            break
        x, y = rank[good], offset[good]
        dx = x - x.mean()
        slope = float(dx @ y / (dx @ dx))
        away = offset - (y.mean() + slope * (rank - x.mean()))
        good &= np.abs(away) <= krej * away[good].std()
        good = ~_grown(~good, max(1, int(n * 0.01)))
        kept, before = np.count_nonzero(good), kept
    return slope if kept >= least else None


def _grown(flags, width):
    """Every set flag widened to `width` neighbours; the extra one of an even width lies behind."""
    after = (width - 1) // 2
    total = np.concatenate(([0], np.cumsum(flags)))
    place = np.arange(len(flags))
    first = np.maximum(place - (width - 1 - after), 0)
    last = np.minimum(place + after + 1, len(flags))
    return total[last] > total[first]


def sigma_clip(sorted_values, sigma=3.0, iterations=5):
    """Drop, `iterations` times or until none is left to drop, what is further than `sigma` standard
    deviations from the median.

    sorted_values: (n,) finite values in ascending order; may be empty.
    Returns a view of it: what is kept is one run of the sorted values.
    """
    kept = sorted_values
    for _ in range(iterations):
        n = len(kept)
        if n < 2:
            break
        median = (float(kept[(n - 1) // 2]) + float(kept[n // 2])) / 2
        reach = sigma * float(np.std(kept, dtype=np.float64))
        start = np.searchsorted(kept, median - reach, "left")
        stop = np.searchsorted(kept, median + reach, "right")
        if stop - start == n:
            break
        kept = kept[start:stop]
    return kept


def background_noise(sample):
    """Standard deviation of what is left of a Sample's values by `sigma_clip`, image units.

    0.0 where that is not known: there are fewer than two values.
    """
    kept = sigma_clip(sample.values)
    return float(np.std(kept, dtype=np.float64)) if len(kept) > 1 else 0.0


def _thinned(sorted_values, most):
    """At most `most` of the sorted values, evenly spaced in rank, both ends among them."""
    n = len(sorted_values)
    if n <= most:
        return sorted_values
    return sorted_values[np.arange(most) * (n - 1) // (most - 1)]


def _apart(low, high):
    """Finite floats with high > low, also after rounding to float32."""
    low, high = (float(np.nan_to_num(v, posinf=_LARGEST, neginf=-_LARGEST)) for v in (low, high))
    low, high = (min(max(v, -_LARGEST), _LARGEST) for v in (low, high))
    if float(np.float32(high)) - float(np.float32(low)) >= _SMALLEST:
        return low, high
    reach = abs(low) / 1000 if abs(low) > 1e-30 else 1.0
    return (low, low + reach) if high < low else (low - reach, low + reach)
