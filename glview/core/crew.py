"""Work shared out to threads that a program's end does not wait for.

Python waits for the threads of its own executors when it ends; one that reads a file from a dead
network drive would keep a closed window's process alive.
"""

import os
import sys
import threading
from contextlib import contextmanager

STEP_BACK = 10  # steps of niceness; with 5, drawing still waits for a core now and then
UNDISTURBED = 0.015  # seconds; a worker that imports much may keep the lock from drawing as long


def step_back():
    """Let this thread, for good, take the cores only as far as drawing leaves them.

    On Linux, where each thread has a niceness of its own; software OpenGL draws on the same cores.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), STEP_BACK)


@contextmanager
def undisturbed():
    """Inside, others make this thread hand over Python's lock only after UNDISTURBED seconds.

    By default they may after 5 ms, and then this one stands still until another one has run with
    the lock.  One that stepped back waits long for a core to run on, and so a frame would wait for
    it.  Where this thread waits for something itself, others get the lock as ever.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(UNDISTURBED)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def each(work, items, threads):
    """[work(item) for item in items], on at most `threads` daemon threads.

    After the first error no further item is begun, and the error is raised.
    """
    items = list(items)
    results, errors, left, lock = [None] * len(items), [], iter(range(len(items))), threading.Lock()

    def run():
        while not errors:
            with lock:
                number = next(left, None)
            if number is None:
                return
            try:
                results[number] = work(items[number])
            except BaseException as error:  # it belongs to who asked
                errors.append(error)

    crew = [threading.Thread(target=run, name="glview-crew", daemon=True)
            for _ in range(min(threads, len(items)))]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    if errors:
        raise errors[0]
    return results
