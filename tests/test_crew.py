"""Threads that share out work and that nobody waits for at the end."""

import os
import subprocess
import sys
import threading
import time

import pytest

from glview.core.crew import STEP_BACK, UNDISTURBED, each, step_back, undisturbed


@pytest.mark.parametrize("threads", [1, 2, 7, 100])
def test_results_come_in_order(threads):
    def work(item):
        time.sleep(0.002 * (item % 3))
        return item**2

    assert each(work, range(20), threads) == [n**2 for n in range(20)]


def test_nothing_to_do_needs_nobody():
    assert each(lambda item: 1 / 0, [], 3) == []


def test_as_many_work_at_once_as_were_asked_for():
    meeting = threading.Barrier(3, timeout=20)
    assert sorted(each(lambda item: meeting.wait(), range(3), 3)) == [0, 1, 2]


def test_an_error_is_raised_and_no_more_is_begun():
    begun = []

    def work(item):
        begun.append(item)
        if item == 2:
            raise KeyError(item)

    with pytest.raises(KeyError):
        each(work, range(100), 1)
    assert begun == [0, 1, 2]


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no niceness of their own")
def test_a_thread_steps_back_alone():
    before = os.getpriority(os.PRIO_PROCESS, 0)

    def niceness(item):
        step_back()
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert each(niceness, [1], 1) == [max(before, STEP_BACK)]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_the_lock_is_kept_for_a_while_only():
    usual = sys.getswitchinterval()
    with pytest.raises(KeyError), undisturbed():
        assert sys.getswitchinterval() == pytest.approx(UNDISTURBED)
        raise KeyError
    assert sys.getswitchinterval() == usual < UNDISTURBED


def test_a_program_ends_while_one_is_still_at_work():
    code = """if True:
        import threading, time
        from glview.core.crew import each
        waiting = threading.Event()
        def work(item):
            waiting.set()
            time.sleep(1000)
        threading.Thread(target=each, args=(work, [1], 1), daemon=True).start()
        waiting.wait()
    """
    assert subprocess.run([sys.executable, "-c", code], timeout=20).returncode == 0
