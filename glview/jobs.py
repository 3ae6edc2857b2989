"""Slow work off the main thread, its results back on it.

Workers compute and return; only the main thread changes the workspace or touches OpenGL.
"""

import queue
import threading
from concurrent.futures import ThreadPoolExecutor

from glview.core.cancel import Cancelled


class Jobs:
    """Named jobs: a later job of a name cancels the earlier one and makes its result worthless.

    wake: called from a worker when a result is ready; it may be called from any thread.
    """

    def __init__(self, wake=lambda: None, workers=3):
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="glview-job")
        self._results = queue.SimpleQueue()
        self._wake = wake
        self._newest = {}
        self._tickets = 0

    @property
    def busy(self):
        """Names of the work under way."""
        return tuple(self._newest)

    def start(self, name, work, done, failed):
        """Run `work(cancelled)` on a worker, then `done(result)` or `failed(error)` in `collect`.

        cancelled: callable that turns True when a later job of this name starts, or on `cancel`.
        """
        self._tickets += 1
        ticket = self._newest[name] = self._tickets

        def cancelled():
            return self._newest.get(name) != ticket

        def run():
            if cancelled():
                return
            try:
                finished = (done, work(cancelled))
            except Cancelled:
                return
            except Exception as error:  # any error belongs to `failed`, on the main thread
                finished = (failed, error)
            self._results.put((name, ticket, *finished))
            self._wake()

        self._pool.submit(run)

    def cancel(self, name):
        """Forget the job of this name; its result is dropped."""
        self._newest.pop(name, None)

    def collect(self):
        """Hand over what is ready.  Main thread only; never waits."""
        while True:
            try:
                name, ticket, tell, result = self._results.get_nowait()
            except queue.Empty:
                return
            if self._newest.get(name) == ticket:
                del self._newest[name]
                tell(result)

    def close(self):
        """Cancel everything and wait for the workers."""
        self._newest.clear()
        self._pool.shutdown(wait=True, cancel_futures=True)


class Feed:
    """Loads what the last frame wished for, in its order; wishes of older frames are dropped.

    What failed once is not tried again: every frame wishes for it, and the loop would never rest.
    """

    def __init__(self, wake=lambda: None, workers=2):
        self._wake = wake
        self._ready = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._wishes = {}
        self._under_way = set()  # until taken
        self._hopeless = set()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name="glview-feed", daemon=True)
            for _ in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pending(self):
        """Number of wishes not yet handed over."""
        with self._changed:
            return len(self._wishes) + len(self._under_way)

    def wish(self, wishes):
        """wishes: dict of key -> callable without arguments that makes the value."""
        with self._changed:
            vain = self._under_way | self._hopeless
            self._wishes = {key: make for key, make in wishes.items() if key not in vain}
            self._changed.notify_all()

    def take(self):
        """The next (key, value, error) that is ready, or None.  Main thread only."""
        try:
            key, value, error = self._ready.get_nowait()
        except queue.Empty:
            return None
        with self._changed:
            self._under_way.discard(key)
            if error is not None:
                self._hopeless.add(key)
        return key, value, error

    def close(self):
        """Stop the workers."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self):
        while True:
            with self._changed:
                while not self._wishes and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                key = next(iter(self._wishes))
                make = self._wishes.pop(key)
                self._under_way.add(key)
            try:
                made = (key, make(), None)
            except Exception as error:  # shown by the main thread, which knows the user
                made = (key, None, error)
            self._ready.put(made)
            self._wake()
