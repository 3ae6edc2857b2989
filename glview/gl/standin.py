"""What is shown where an image was not read yet: its preview, as bright as what lies beside it.

The largest of many pixels are brighter than most pixels are, and limits that suit them would leave
single pixels all black.
"""

import math

import numpy as np

AS_IT_IS = 1.0, 0.0


def scale(document, joining, level):
    """(gain, offset) by which pixels come to lie between the limits of a pyramid level as they lie
    between their own."""
    (low, high), (least, most) = (document.limits_at(joining, one) for one in (0, level))
    if (low, high) == (least, most) or not high > low:
        return AS_IT_IS
    gain = (most - least) / (high - low)
    offset = least - gain * low
    return (gain, offset) if math.isfinite(gain) and math.isfinite(offset) else AS_IT_IS


def scaled(picture, by):
    """(h, w) float32 of the same shape: picture times gain plus offset, NaN and Inf kept.

    picture: (h, w) float32, image units, which is returned as it is if nothing changes it.
    """
    if by == AS_IT_IS:
        return picture
    with np.errstate(over="ignore", invalid="ignore"):
        return picture * np.float32(by[0]) + np.float32(by[1])
