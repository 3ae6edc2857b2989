"""Writes logs of edits from a thread of its own, so that no frame waits for a disk."""

import errno
import os
import queue
import threading
import time

from glview.files.disk import make_folder, sync_folder, write_all
from glview.files.editlog import line_of

SYNC_SECONDS = 1.0  # between two syncs to the disk: what a power cut may cost
MOST_BYTES = 1 << 30  # of one log; saving begins it anew
AGAIN_SECONDS = 5.0  # until a write that failed is tried again
PATIENCE = 5.0  # seconds that anyone waits for a disk that does not answer


class Log:
    """One log.  Made by anybody, used by the writer's thread alone.

    path: of its file, which is made for the first entry; size: bytes of it to keep, what lies
    behind them is cut off; head: the first entry of a new one.
    """

    def __init__(self, path, head, size=0):
        self.path, self.size, self._head, self._kept = path, size, head, size
        self._fd, self._waiting, self._broken, self._full = None, b"", False, False
        self._held = None

    def take(self, entry):
        """Put an entry behind the others; raises OSError, and then keeps it for the next time.

        After one that cannot be written, or is more than the log may hold, none is taken, for they
        build on each other; it raises what `line_of` raises.
        """
        if self._broken:
            return
        self._full = self.size + len(self._waiting) > MOST_BYTES
        self._check_size()
        self._broken = True
        entries = [entry] if self.size or self._waiting else [self._head, entry]
        self._waiting += b"".join(map(line_of, entries))
        self._broken = False
        self.flush()

    def hold(self, entry):
        """Put an entry behind the others at the next sync, unless another one is held by then."""
        self._held = entry

    def _check_size(self):
        if self._full:
            raise OSError(errno.EFBIG, "the log of edits is too large")

    def flush(self):
        """Write what waits; a part of it that was written is written again the next time."""
        if self._waiting and self._fd is None:
            make_folder(self.path.parent)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._fd, self.size)
        if self._waiting:
            write_all(self._fd, self._waiting, self.size)
        self.size, self._waiting = self.size + len(self._waiting), b""

    @property
    def lacks(self):
        """True while the disk may not have all of it."""
        return bool(self._waiting or self._held) or self._full or self._kept != self.size

    def sync(self):
        """Have the disk keep all that was taken and what is held; raises OSError."""
        held, self._held = self._held, None
        self.flush() if held is None else self.take(held)
        if self._fd is not None and self._kept != self.size:
            os.fdatasync(self._fd) if hasattr(os, "fdatasync") else os.fsync(self._fd)
            if not self._kept:
                sync_folder(self.path.parent)  # or a power cut takes the new name with it
            self._kept = self.size
        self._check_size()

    def clear(self):
        """Remove it; the next entry begins it anew."""
        self.path.unlink(missing_ok=True)
        self.close()
        self.size = self._kept = 0
        self._waiting, self._broken, self._full, self._held = b"", False, False, None

    def close(self):
        """Let go of the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class Writer:
    """The thread.  failure: the OSError that keeps it from writing, or None; faults: other errors,
    oldest first; told: is called from the thread when there is news of these."""

    def __init__(self, told=lambda: None):
        self.failure, self.faults, self._told = None, queue.SimpleQueue(), told
        self._tasks, self._unsynced, self._synced = queue.SimpleQueue(), set(), 0.0
        self._thread = threading.Thread(target=self._work, name="glview-log", daemon=True)
        self._thread.start()

    def write(self, log, entry):
        """Put an entry, whose steps nobody changes any more, at the end of a Log."""
        self._tasks.put((log, lambda: log.take(entry)))

    def hold(self, log, entry):
        """Put an entry, of which the last one counts, at its end at the next sync."""
        self._tasks.put((log, lambda: log.hold(entry)))

    def do(self, log, task):
        """Call task() after what was asked for before; it may raise OSError."""
        self._tasks.put((log, task))

    def sync(self):
        """Wait until what was asked for before is on the disk, or cannot be; not without end."""
        done = threading.Event()
        self._tasks.put((None, done.set))
        if not done.wait(PATIENCE) and self._thread.is_alive():
            self.failure = TimeoutError("its disk does not answer")
            self._told()

    def close(self):
        """Write and sync what is left, and end; a disk that does not answer is left to itself."""
        self._tasks.put((None, None))
        self._thread.join(PATIENCE)

    def _work(self):
        # Not one that steps back: it holds Python's lock now and then, and put off the cores with
        # that, it would hold up the main thread for a tenth of a second.
        while True:
            try:
                log, task = self._tasks.get(timeout=self._patience())
            except queue.Empty:
                self._sync()
                continue
            if task is None:
                break
            if log is None:
                self._sync()
                task()
                continue
            self._try(task)
            self._unsynced.add(log)
            if time.monotonic() >= self._synced + SYNC_SECONDS:
                self._sync()
        self._sync()
        for log in self._unsynced:
            log.close()

    def _patience(self):
        """Seconds until the next sync; None while there is nothing to sync."""
        if not any(log.lacks for log in self._unsynced):
            return None
        wait = AGAIN_SECONDS if self.failure else SYNC_SECONDS
        return max(0.0, self._synced + wait - time.monotonic())

    def _sync(self):
        for log in tuple(self._unsynced):
            if self._try(log.sync):
                log.close()
                self._unsynced.discard(log)
        self._synced = time.monotonic()

    def _try(self, task):
        """Do it; False if it failed.  A failure, and its end, are told once."""
        before = self.failure
        try:
            task()
            if not any(log.lacks for log in self._unsynced):
                self.failure = None
        except OSError as error:
            self.failure = error
        except Exception as error:  # whatever it is, the thread goes on with the other logs
            self.faults.put(error)
            self._told()
        if (before is None) != (self.failure is None):
            self._told()
        return self.failure is None
