"""Work shared out to threads that a program's end does not wait for.

Python waits for the threads of its own executors when it ends; one that reads a file from a dead
network drive would keep a closed window's process alive.
"""

import os
import sys
import threading
from contextlib import contextmanager

STEP_BACK = 10  # steps of niceness; with 5, drawing still waits now and then
UNDISTURBED = 0.015  # seconds; longer, and it waits as long itself where another one imports much


def step_back():
    """Let this thread, for good, take the cores only as far as drawing leaves them.

    On Linux, where each thread has a niceness of its own; software OpenGL draws on the same cores.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), STEP_BACK)


@contextmanager
def undisturbed():
    """Inside, this thread keeps Python's lock until it waits for something itself.

    Else the others ask for it every 5 ms, and who is asked goes on only when one of them had it and
    a core to use it on, for which one that steps back waits long.
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
