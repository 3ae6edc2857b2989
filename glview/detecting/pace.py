"""How fast a detection goes, and when it will be done."""

import time
from collections import deque

WINDOW = 20.0  # seconds that the rate is taken from: a pan or a busy machine is soon forgotten
LEAST = 1.0  # seconds before anything is said


class Pace:
    """Takes the pixels and the progress as they come; now: seconds, of any monotonic clock."""

    def __init__(self):
        self.fraction = 0.0
        self._pixels = 0
        self._seen = deque()  # (seconds, fraction, pixels), oldest first

    def progress(self, fraction):
        """The share of the work that is done; it never falls."""
        self.fraction = max(self.fraction, float(fraction))

    def pixels(self, count, now=None):
        """So many pixels more have come."""
        now = time.monotonic() if now is None else now
        self._pixels += count
        self._seen.append((now, self.fraction, self._pixels))
        while len(self._seen) > 2 and now - self._seen[1][0] > WINDOW:
            self._seen.popleft()

    def words(self):
        """ "about 40 s left, 0.6 Mpx/s"; "" while too little has come to tell."""
        if not self._seen:
            return ""
        (then, first, some), (now, last, all_) = self._seen[0], self._seen[-1]
        if now - then < LEAST or last <= first:
            return ""
        left = (1.0 - last) * (now - then) / (last - first)
        return f"about {duration(left)} left, {(all_ - some) / 1e6 / (now - then):.2g} Mpx/s"


def duration(seconds):
    """ "40 s", "12 min", "3.5 h": as exact as a guess deserves."""
    if seconds < 100:
        return f"{max(1, round(seconds)) if seconds < 20 else 5 * round(seconds / 5)} s"
    if seconds < 100 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
