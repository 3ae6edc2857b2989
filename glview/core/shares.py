"""Shares in words, as the window tells them everywhere."""

import math


def percent(share):
    """Two digits of a share (0 to 1), more if it is nearly all: "4.0 %", "0.040 %", "99.992 %".

    "0 %" is only said of nothing, and "100 %" only of all.
    """
    few = share < 0.5
    least = 100 * (share if few else 1 - share)
    digits = max(0, few - math.floor(math.log10(least))) if least > 0 else 0
    return f"{100 * share:.{digits}f} %"


def progress(share):
    """Whole percent of what is under way; "100 %" once nothing is left."""
    return f"{math.floor(100 * share + 1e-9)} %"
