"""Slow work off the main thread, its results back on it.

Workers compute and return; only the main thread changes the workspace or touches OpenGL.
"""

import queue
import threading

from glview.core.cancel import Cancelled
from glview.core.crew import step_back

# Numbers of workers: what is slow holds up only its like.
LANES = {"quick": 3, "background": 2, "saved": 2, "save": 1, "watch": 1}
LANE_OF = {"reduce": "background", "saved": "saved", "sky": "background",
           "keep": "background", "record": "background", "histogram": "background",
           "region": "background", "pickable": "background", "foresee": "background",
           "save": "save", "watch": "watch"}

QUIET = ("watch", "warm")  # what nobody waits for


class Jobs:
    """Named jobs: a later job of a name cancels the earlier one and makes its result worthless.

    The first word of a name chooses its lane, "quick" if LANE_OF does not hold it.
    wake: called from a worker when a result is ready; it may be called from any thread.
    """

    def __init__(self, wake=lambda: None):
        self._results = queue.SimpleQueue()
        self._wake = wake
        self._newest = {}
        self._tickets = 0
        self._waiting = {lane: queue.SimpleQueue() for lane in LANES}
        # Daemons, for some work cannot be interrupted, and the program ends without it.
        self._threads = {lane: [threading.Thread(target=self._work, args=(self._waiting[lane],),
                                                 name=f"glview-job-{lane}", daemon=True)
                                for _ in range(count)] for lane, count in LANES.items()}
        for threads in self._threads.values():
            for thread in threads:
                thread.start()

    @property
    def busy(self):
        """Names of the work under way that anyone might wait for."""
        return tuple(name for name in tuple(self._newest) if name not in QUIET)

    def has(self, name):
        """True while the job of this name is under way."""
        return name in self._newest

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

        self._waiting[_lane(name)].put(run)

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
        """Cancel everything but saves, which are waited for; the rest ends when it notices."""
        self._wake = lambda: None
        for name in tuple(self._newest):
            if _lane(name) != "save":
                self.cancel(name)
        for lane, threads in self._threads.items():
            for _ in threads:
                self._waiting[lane].put(None)
        for thread in self._threads["save"]:
            thread.join()
        self._newest.clear()

    @staticmethod
    def _work(waiting):
        while (run := waiting.get()) is not None:
            run()
            run = None  # while it waits for the next one it must keep no picture alive


def _lane(name):
    return LANE_OF.get(name.partition(" ")[0], "quick")


class Feed:
    """Loads what the last frame wished for, in its order; wishes of older frames are dropped.

    What failed is not tried again while it is wished for: every frame does, and the loop would
    never rest.
    """

    def __init__(self, wake=lambda: None, workers=2):
        self._wake = wake
        self._ready = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._wishes = {}
        self._under_way = set()  # until taken
        self._hopeless = set()
        self._closed = False
        for _ in range(workers):
            threading.Thread(target=self._work, name="glview-feed", daemon=True).start()

    @property
    def pending(self):
        """Number of wishes not yet handed over."""
        with self._changed:
            return len(self._wishes) + len(self._under_way)

    @property
    def ready(self):
        """True if `take` would hand something over."""
        return not self._ready.empty()

    def wish(self, wishes):
        """wishes: dict of key -> callable without arguments that makes the value."""
        with self._changed:
            self._hopeless &= wishes.keys()
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
        """Stop the workers; a tile that is being made ends in vain and is not waited for."""
        with self._changed:
            self._closed, self._wake = True, lambda: None
            self._changed.notify_all()

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
            step_back()  # not before: what the first one imports and loads is Python
