"""A process that waits for the next detection: it has imported what takes most of a second."""

from concurrent.futures import ThreadPoolExecutor


class Spare:
    """At most one; it ends with the program.  Main thread only."""

    def __init__(self):
        self._pool = ThreadPoolExecutor(1, "glview-spare")  # to start a process takes a while
        self._coming, self._closed = None, False

    def start(self):
        """Have one, unless there is one."""
        if not self._closed and self._coming is None:
            self._coming = self._pool.submit(_child)

    def take(self):
        """The `models.child.Child`, which is then no longer here, or None."""
        coming, self._coming = self._coming, None
        try:
            return coming and coming.result()
        except OSError:  # the detection will meet it, too, and tell
            return None

    def close(self):
        """End it, for good."""
        child, self._closed = self.take(), True
        if child is not None:
            child.stop()
        self._pool.shutdown()


def _child():
    from glview.models.child import Child

    return Child()
