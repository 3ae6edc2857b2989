"""What is counted of the pixels while a file is read once: of a band, and of the whole frame."""

from dataclasses import dataclass

import numpy as np

from glview.core.histogram import Fine


@dataclass(frozen=True, eq=False)
class Census:
    """Of a band.  counts: (4,) int64 numbers of pixels, see `reduce`; low, high: extremes of the
    finite ones (Inf, -Inf if there is none); values: (n,) float32, a sample of them; bins: counts
    of all as in `histogram.Fine`, or None."""

    counts: np.ndarray
    low: float
    high: float
    values: np.ndarray
    bins: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Statistics:
    """Figures of a whole frame, of its pixels as float32.

    minimum, maximum: of the finite pixels, image units; NaN if there is none.
    nan, posinf, neginf, finite: numbers of pixels; those that could not be read are in none.
    values: (n,) float32 in ascending order, the finite ones among every `step`-th pixel in reading
        order, where `step` is 1 for a small frame: enough for limits.
    fine: a histogram of all pixels, or None if they were not counted.
    """

    minimum: float
    maximum: float
    nan: int
    posinf: int
    neginf: int
    finite: int
    values: np.ndarray
    fine: Fine | None = None


def joined(found, fine=None):
    """The Statistics of the censuses of all bands that could be read."""
    found = list(found)
    counts = np.sum([census.counts for census in found], axis=0) if found else [0] * 4
    nan, posinf, neginf, finite = (int(n) for n in counts)
    values = [np.empty(0, np.float32), *(census.values for census in found)]
    return Statistics(
        minimum=min(float(census.low) for census in found) if finite else float("nan"),
        maximum=max(float(census.high) for census in found) if finite else float("nan"),
        nan=nan,
        posinf=posinf,
        neginf=neginf,
        finite=finite,
        values=np.sort(np.concatenate(values)),
        fine=fine,
    )
