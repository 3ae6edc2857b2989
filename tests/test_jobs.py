"""Work off the main thread: what comes back, what is dropped, and that nothing vanishes."""

import os
import sys
import threading
import time
import weakref

import pytest

from glview.core.cancel import Cancelled
from glview.core.crew import STEP_BACK
from glview.jobs import Feed, Jobs

PATIENCE = 5.0


class Log:
    """What `done` and `failed` were told, and how often the loop was woken."""

    def __init__(self):
        self.done, self.failed, self.woken = [], [], threading.Semaphore(0)

    def wake(self):
        self.woken.release()

    def wait(self, times=1):
        for _ in range(times):
            assert self.woken.acquire(timeout=PATIENCE)


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def jobs(log):
    made = Jobs(log.wake)
    yield made
    made.close()


def wait_for(condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.001)


def test_a_result_is_handed_over_in_collect_and_on_its_thread(jobs, log):
    threads = []
    jobs.start("a", lambda cancelled: threading.get_ident(),
               lambda result: threads.extend([result, threading.get_ident()]), log.failed.append)
    assert jobs.busy == ("a",)
    log.wait()
    assert not threads
    jobs.collect()
    assert threads[1] == threading.get_ident() != threads[0]
    assert jobs.busy == () and not log.failed


def test_what_was_saved_with_a_file_waits_for_no_slow_reading_of_others(jobs, log):
    gate = threading.Event()
    for name in ("saved slow", "reduce", "sky slow", "histogram"):
        jobs.start(name, lambda cancelled: gate.wait(PATIENCE), log.failed.append,
                   log.failed.append)
    jobs.start("saved quick", lambda cancelled: "mask", log.done.append, log.failed.append)
    log.wait()
    jobs.collect()
    gate.set()
    assert log.done == ["mask"] and not log.failed


def test_an_idle_worker_keeps_nothing_of_its_last_work(jobs, log):
    big = Log()
    kept = weakref.ref(big)
    jobs.start("a", lambda cancelled, big=big: 1, log.done.append, log.failed.append)
    del big
    log.wait()
    jobs.collect()
    wait_for(lambda: kept() is None)


def test_pixels_round_the_mouse_do_not_hold_up_what_was_asked_for(jobs):
    go, ran = threading.Event(), threading.Event()
    for number in range(9):
        jobs.start(f"pickable {number}", lambda cancelled: go.wait(PATIENCE), None, None)
    jobs.start("pick 1", lambda cancelled: ran.set(), None, None)
    assert ran.wait(PATIENCE / 2)
    go.set()


def test_an_error_reaches_failed(jobs, log):
    jobs.start("a", lambda cancelled: 1 / 0, log.done.append, log.failed.append)
    log.wait()
    jobs.collect()
    assert [type(error) for error in log.failed] == [ZeroDivisionError]
    assert not log.done and not jobs.busy


def test_a_newer_job_of_a_name_makes_the_older_worthless(jobs, log):
    go, told = threading.Event(), []

    def old(cancelled):
        told.append(cancelled())
        assert go.wait(PATIENCE)
        told.append(cancelled())
        return "old"

    jobs.start("a", old, log.done.append, log.failed.append)
    wait_for(lambda: told)
    jobs.start("a", lambda cancelled: "new", log.done.append, log.failed.append)
    jobs.start("b", lambda cancelled: "other", log.done.append, log.failed.append)
    go.set()
    log.wait(3)
    jobs.collect()
    assert told == [False, True]
    assert sorted(log.done) == ["new", "other"] and not log.failed


def test_a_result_that_is_ready_is_dropped_if_a_newer_job_started(jobs, log):
    jobs.start("a", lambda cancelled: "old", log.done.append, log.failed.append)
    log.wait()
    jobs.start("a", lambda cancelled: "new", log.done.append, log.failed.append)
    log.wait()
    jobs.collect()
    assert log.done == ["new"]


@pytest.mark.parametrize("ending", ["result", "error", "cancelled"])
def test_nothing_comes_after_cancel(jobs, log, ending):
    go = threading.Event()

    def work(cancelled):
        assert go.wait(PATIENCE)
        assert cancelled()
        if ending == "cancelled":
            raise Cancelled
        return 1 / (ending == "result")

    jobs.start("a", work, log.done.append, log.failed.append)
    jobs.cancel("a")
    jobs.cancel("never started")
    assert not jobs.busy
    go.set()
    jobs.start("b", lambda cancelled: "b", log.done.append, log.failed.append)
    wait_for(lambda: jobs.collect() or log.done)
    assert log.done == ["b"] and not log.failed
    if ending == "cancelled":
        log.wait()
        assert not log.woken.acquire(timeout=0.05)  # nothing came, so nobody is woken


def test_a_job_cancelled_before_it_began_never_runs(log):
    jobs, go, ran = Jobs(log.wake), threading.Event(), []
    jobs.start("save 1", lambda cancelled: go.wait(PATIENCE), log.done.append, log.failed.append)
    jobs.start("save 2", lambda cancelled: ran.append(1), log.done.append, log.failed.append)
    jobs.cancel("save 2")
    go.set()
    log.wait()
    jobs.close()
    assert not ran


def test_a_done_may_start_the_next_job_of_its_name(jobs, log):
    def again(result):
        log.done.append(result)
        if result < 3:
            jobs.start("a", lambda cancelled: result + 1, again, log.failed.append)

    jobs.start("a", lambda cancelled: 1, again, log.failed.append)
    wait_for(lambda: jobs.collect() or len(log.done) == 3)
    assert log.done == [1, 2, 3]


def test_slow_work_does_not_hold_up_what_is_quick(jobs, log):
    go = threading.Event()

    def slow(cancelled):
        assert go.wait(PATIENCE)

    for number in range(9):
        for name in ("reduce", "saved", "sky"):
            jobs.start(f"{name} {number}", slow, log.failed.append, log.failed.append)
    for name in ("open 3", "objects", "readout", "numbers", "save"):
        jobs.start(name, lambda cancelled, name=name: name, log.done.append, log.failed.append)
    wait_for(lambda: jobs.collect() or len(log.done) == 5)
    assert set(log.done) == {"open 3", "objects", "readout", "numbers", "save"}
    for number in range(9):
        jobs.start(f"open {number}", slow, log.failed.append, log.failed.append)
    jobs.start("save", lambda cancelled: "saved", log.done.append, log.failed.append)
    wait_for(lambda: jobs.collect() or log.done[-1] == "saved")
    go.set()


def test_closing_tells_the_work_and_waits_only_for_a_save(log):
    jobs, go, ended, told = Jobs(log.wake), threading.Event(), [], threading.Event()

    def stubborn(cancelled):
        assert go.wait(PATIENCE)
        ended.append("stubborn")

    def obedient(cancelled):
        wait_for(cancelled)
        told.set()
        raise Cancelled

    def save(cancelled):
        time.sleep(0.1)
        ended.append("save")

    for name, work in (("open 1", stubborn), ("reduce 1", obedient), ("save", save)):
        jobs.start(name, work, log.done.append, log.failed.append)
    time.sleep(0.02)
    jobs.close()
    assert ended == ["save"]
    assert told.wait(PATIENCE)
    jobs.collect()
    assert not log.done and not jobs.busy
    go.set()


def test_a_save_that_just_began_is_made_although_the_program_ends(log):
    for _ in range(20):
        jobs, ended = Jobs(log.wake), []
        jobs.start("save", lambda cancelled, ended=ended: ended.append(1), None, None)
        jobs.close()
        assert ended == [1]


def take_all(feed, log, count):
    log.wait(count)
    return [feed.take() for _ in range(count)]


@pytest.fixture
def feed(log):
    made = Feed(log.wake, workers=1)
    yield made
    made.close()


def test_wishes_are_made_in_their_order(feed, log):
    assert feed.take() is None
    feed.wish({n: lambda n=n: n * n for n in (5, 3, 9, 1)})
    assert take_all(feed, log, 4) == [(n, n * n, None) for n in (5, 3, 9, 1)]
    assert feed.pending == 0


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no niceness of their own")
def test_who_makes_wishes_steps_back_once_it_has_loaded_what_it_needs(feed, log):
    def niceness():
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    usual = niceness()
    feed.wish({n: niceness for n in (1, 2, 3)})
    found = [value for _, value, _ in take_all(feed, log, 3)]
    assert found == [usual, max(usual, STEP_BACK), max(usual, STEP_BACK)]


def test_wishes_of_an_older_frame_are_dropped(feed, log):
    go, began = threading.Event(), threading.Event()

    def slow():
        began.set()
        assert go.wait(PATIENCE)
        return "slow"

    feed.wish({"slow": slow, "dropped": lambda: "dropped"})
    assert began.wait(PATIENCE)
    feed.wish({"slow": slow, "new": lambda: "new"})
    assert feed.pending == 2
    go.set()
    assert take_all(feed, log, 2) == [("slow", "slow", None), ("new", "new", None)]
    assert feed.take() is None and feed.pending == 0


def test_what_is_ready_counts_once_until_it_is_taken(feed, log):
    feed.wish({"a": lambda: 1})
    log.wait()
    assert feed.pending == 1
    feed.wish({"a": lambda: 2})  # the next frame still lacks it
    assert feed.take() == ("a", 1, None)
    assert feed.pending == 0 and feed.take() is None


def test_an_error_comes_with_its_key_and_the_rest_goes_on(feed, log):
    feed.wish({"bad": lambda: 1 / 0, "good": lambda: 7})
    (bad, value, error), good = take_all(feed, log, 2)
    assert bad == "bad" and value is None and isinstance(error, ZeroDivisionError)
    assert good == ("good", 7, None)


def test_what_failed_is_not_tried_again_in_every_frame(feed, log):
    tries = []
    wishes = {"bad": lambda: tries.append(1) or 1 / 0}
    feed.wish(wishes)
    assert take_all(feed, log, 1)[0][2] is not None
    feed.wish(wishes)
    assert feed.pending == 0 and feed.take() is None
    feed.wish({**wishes, "another": lambda: 1})
    assert take_all(feed, log, 1) == [("another", 1, None)]
    assert len(tries) == 1
    feed.wish({})  # another picture is on screen for a while
    feed.wish(wishes)
    assert take_all(feed, log, 1)[0][2] is not None
    assert len(tries) == 2


def test_what_is_ready_is_known_without_taking_it(feed, log):
    assert not feed.ready
    feed.wish({"a": lambda: 1})
    log.wait()
    assert feed.ready and feed.take() == ("a", 1, None) and not feed.ready


def test_closing_ends_the_threads_and_drops_the_wishes(log):
    feed, made = Feed(log.wake, workers=2), []
    go, began = threading.Event(), threading.Semaphore(0)

    def slow():
        began.release()
        assert go.wait(PATIENCE)

    feed.wish({"a": slow, "b": slow, "c": lambda: made.append(1)})
    assert began.acquire(timeout=PATIENCE) and began.acquire(timeout=PATIENCE)
    feed.close()  # does not wait
    go.set()
    wait_for(lambda: not [one for one in threading.enumerate() if one.name == "glview-feed"])
    assert not made
