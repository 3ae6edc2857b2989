"""What a journal can say: one that says anything else is not carried out on a user's file."""

import re

from glview.files.header import BLOCK

MOST = 1 << 62  # bytes of a file, or nanoseconds: what any system call takes


def check(plan):
    """Raise ValueError for a `journal.Plan` that no save makes, and TypeError, AttributeError.

    A save puts whole blocks behind whole blocks, never in the place of the first header.
    """
    stamp_from(plan.stamp)
    length = len(plan.header)
    places = plan.at, plan.end, plan.old_end, length
    if any(type(one) is not int or not 0 < one < MOST or one % BLOCK for one in places):
        raise ValueError("no whole blocks")
    if plan.at > plan.old_end or plan.at + length > plan.end:
        raise ValueError("no order")
    if not plan.header.startswith(b"XTENSION"):
        raise ValueError("no extension")
    for text, count in ((plan.token, 32), (plan.digest, 64)):
        if len(text) != count or not re.fullmatch("[0-9a-f]*", text):
            raise ValueError("no token or digest")


def stamp_from(held):
    """A stamp (inode, size, ns) of what JSON gives; raises ValueError or TypeError."""
    if len(held) != 3 or any(type(one) is not int or not 0 <= one < 1 << 64 for one in held):
        raise ValueError("no stamp")
    return tuple(held)
