"""The folder of what is not saved: who may write there, what fails, and what goes in time."""

import errno
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from glview import logwriter
from glview.core.history import History, Set
from glview.core.mask import MaskSettings
from glview.editmirror import Mirror
from glview.files import confidence, open_images, unsaved
from glview.files.editlog import entries_of
from glview.files.unsaved import Claim, ClaimedError, Claims, Place, sweep
from glview.logwriter import Log, Writer

ROOT = Path(__file__).parent.parent
SHAPE = (20, 30)
HEAD = {"glview": 1, "shape": SHAPE}
HOLD = """
import sys, pathlib
from glview.files.unsaved import Claim
claim = Claim(pathlib.Path(sys.argv[1]), "abc")
print("held", flush=True)
sys.stdin.read()
if sys.argv[2] == "release":
    claim.release()
"""


def holder(folder, ending):
    child = subprocess.Popen([sys.executable, "-c", HOLD, folder, ending], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert child.stdout.readline() == b"held\n"
    return child


@pytest.mark.parametrize("ending", ["release", "exit", "kill"])
def test_one_process_at_a_time_has_a_file_and_its_death_gives_it_back(tmp_path, ending):
    with holder(tmp_path, ending) as child:
        with pytest.raises(ClaimedError, match=f"process {child.pid} on "):
            Claim(tmp_path, "abc")
        Claim(tmp_path, "another").release()
        if ending == "kill":
            child.kill()
        child.stdin.close()
        child.wait(20)
    mine = Claim(tmp_path, "abc")
    with pytest.raises(ClaimedError, match=f"process {os.getpid()} "):
        Claim(tmp_path, "abc")
    mine.release()
    mine.release()
    assert not list(tmp_path.iterdir())


def test_a_lock_without_a_name_in_it_is_one_all_the_same(tmp_path):
    mine = Claim(tmp_path, "abc")
    os.truncate(tmp_path / "abc.lock", 0)
    with pytest.raises(ClaimedError, match="another process"):
        Claim(tmp_path, "abc")
    mine.release()


@pytest.mark.parametrize("call", ["pwrite", "ftruncate"])
def test_a_full_disk_leaves_a_lock_without_a_name_and_the_file_to_its_user(tmp_path, monkeypatch,
                                                                          call):
    def fail(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    place, claims = Place(tmp_path, "abc", 0, 0), Claims()
    with monkeypatch.context() as full:
        full.setattr(os, call, fail)
        claims.take(place)
    claims.take(place)
    with pytest.raises(ClaimedError):
        Claim(tmp_path, "abc")
    claims.release(claims.names)
    Claim(tmp_path, "abc").release()


def test_a_picture_has_its_own_files_and_a_link_to_it_has_the_same(tmp_path):
    path, other = tmp_path / "a.fits", tmp_path / "b.fits"
    cube = fits.ImageHDU(np.zeros((2, *SHAPE), np.float32))
    fits.HDUList([fits.PrimaryHDU(np.zeros(SHAPE, np.float32)), cube]).writeto(path)
    other.write_bytes(path.read_bytes())
    (tmp_path / "link.fits").symlink_to(path)

    def place(path, number=0):
        return Place.of(tmp_path, open_images(path)[number])

    assert place(path) == place(tmp_path / "link.fits") != place(other)
    assert place(path).log != place(path, 1).log
    place(path).confidence(5).touch()
    place(path, 1).confidence(5).touch()
    assert place(path).numbers == {5} and place(path).number(place(path).confidence(7).name) == 7
    assert [place(path).number(one) for one in ("7", "a-0-0-7.conf", "../7.conf")] == [0, 0, 0]


def at(folder, name, age, size=10):
    path = folder / name
    path.write_bytes(b"x" * size)
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def test_what_is_old_or_too_much_goes_but_not_what_is_in_use(tmp_path, monkeypatch):
    day = 86400
    old, held = at(tmp_path, "old-0-0.glog", 91 * day), at(tmp_path, "held-0-0.glog", 91 * day)
    at(tmp_path, "old-0-0-7.conf", 95 * day)
    fresh, lock = at(tmp_path, "fresh-0-0.glog", 80 * day), at(tmp_path, "gone.lock", 5)
    claim = Claim(tmp_path, "held")
    os.utime(tmp_path / "held.lock", (1e9 - 91 * day,) * 2)
    sweep(tmp_path, now=1e9)
    assert held.exists() and fresh.exists() and not old.exists() and not lock.exists()
    assert {path.name for path in tmp_path.iterdir()} == {held.name, fresh.name, "held.lock"}
    claim.release()
    monkeypatch.setattr(unsaved, "MOST_BYTES", 1000)
    late = at(tmp_path, "late-0-0.glog", 3, 500)
    more = at(tmp_path, "more-0-0.glog", 2, 450)
    at(tmp_path, "early-0-0-3.conf", 9, 300)
    sweep(tmp_path, now=1e9)
    assert {path.name for path in tmp_path.iterdir()} == {late.name, more.name}


# the thread that writes


@pytest.fixture
def writer():
    made = Writer()
    yield made
    made.close()


def numbers(path):
    return [entry["place"] for entry in entries_of(path.read_bytes(), SHAPE)[0][1:]]


def test_entries_come_in_their_order_after_the_head_and_a_cleared_log_begins_anew(tmp_path, writer):
    log = Log(tmp_path / "state" / "a.glog", HEAD)
    for number in range(50):
        writer.write(log, {"place": number})
    writer.sync()
    assert numbers(log.path) == list(range(50)) and not log.lacks
    writer.do(log, log.clear)
    writer.sync()
    assert not log.path.exists()
    writer.write(log, {"place": 7})
    writer.sync()
    assert numbers(log.path) == [7]


def test_a_log_goes_on_behind_what_was_whole_of_it(tmp_path, writer):
    first = Log(tmp_path / "a.glog", HEAD)
    writer.write(first, {"place": 1})
    writer.sync()
    whole = first.path.stat().st_size
    with open(first.path, "ab") as file:
        file.write(b"torn line" * 100)
    writer.write(Log(first.path, HEAD, whole), {"place": 2})
    writer.sync()
    assert numbers(first.path) == [1, 2]


def test_it_is_synced_once_a_second_and_not_for_every_entry(tmp_path, monkeypatch):
    calls = queue.SimpleQueue()
    monkeypatch.setattr(os, "fdatasync", lambda fd: calls.put(1))
    monkeypatch.setattr(logwriter, "SYNC_SECONDS", 0.3)
    writer, log, pause = Writer(), Log(tmp_path / "a.glog", HEAD), threading.Event()
    for number in range(60):
        writer.write(log, {"place": number})
        pause.wait(0.01)
    writer.close()
    assert 2 <= calls.qsize() <= 6


@pytest.mark.parametrize("short", [0, 5])
def test_a_full_disk_is_told_and_nothing_is_missing_when_there_is_room_again(tmp_path, monkeypatch,
                                                                            short):
    real, full, told = os.pwrite, threading.Event(), queue.SimpleQueue()

    def pwrite(fd, data, at):
        if full.is_set():
            if short and len(data) > short:
                return real(fd, data[:short], at)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(fd, data, at)

    monkeypatch.setattr(os, "pwrite", pwrite)
    monkeypatch.setattr(logwriter, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(logwriter, "SYNC_SECONDS", 0.05)
    writer, log = Writer(lambda: told.put(1)), Log(tmp_path / "a.glog", HEAD)
    writer.write(log, {"place": 0})
    writer.sync()
    full.set()
    for number in range(1, 4):
        writer.write(log, {"place": number})
    writer.sync()
    assert writer.failure.errno == errno.ENOSPC and told.qsize() == 1
    assert numbers(log.path)[:1] == [0]
    full.clear()
    writer.write(log, {"place": 4})
    for _ in range(100):
        writer.sync()
        if writer.failure is None:
            break
    writer.close()
    assert writer.failure is None and told.qsize() == 2
    assert numbers(log.path) == [0, 1, 2, 3, 4]


def test_a_log_that_is_too_large_is_told_and_what_it_holds_stays(tmp_path, writer, monkeypatch):
    monkeypatch.setattr(logwriter, "MOST_BYTES", 200)
    log = Log(tmp_path / "a.glog", HEAD)
    for number in range(40):
        writer.write(log, {"place": number})
    writer.sync()
    held = numbers(log.path)
    assert writer.failure.errno == errno.EFBIG and held == list(range(len(held))) and held
    assert log.path.stat().st_size < 300
    writer.do(log, log.clear)
    writer.write(log, {"place": 5})
    writer.sync()
    assert writer.failure is None and numbers(log.path) == [5]


def test_what_cannot_be_written_ends_that_log_and_no_other(tmp_path, writer):
    log, other = Log(tmp_path / "a.glog", HEAD), Log(tmp_path / "b.glog", HEAD)
    writer.write(log, {"place": 1})
    writer.write(log, {"at": 0, "step": object()})
    writer.write(log, {"place": 2})  # it builds on what is missing
    writer.write(other, {"place": 3})
    writer.sync()
    assert numbers(log.path) == [1] and numbers(other.path) == [3]
    assert "cannot be written" in str(writer.faults.get(timeout=5))


def test_a_disk_that_hangs_is_waited_for_some_seconds_and_told_of(tmp_path, monkeypatch):
    monkeypatch.setattr(logwriter, "PATIENCE", 0.05)
    told, hung = queue.SimpleQueue(), threading.Event()
    writer, log = Writer(lambda: told.put(1)), Log(tmp_path / "a.glog", HEAD)
    writer.do(log, lambda: hung.wait(20))
    writer.write(log, {"place": 1})
    began = time.monotonic()
    writer.sync()
    assert "does not answer" in str(writer.failure) and told.qsize() == 1
    writer.close()
    assert time.monotonic() - began < 5
    hung.set()
    writer._thread.join(20)
    assert writer.failure is None and numbers(log.path) == [1]


def test_a_new_folder_is_as_sure_as_the_log_in_it(tmp_path, monkeypatch, writer):
    """A power cut must not take the folder's own name."""
    synced, real = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.readlink(f"/proc/self/fd/{fd}")),
                                                 real(fd)))
    log = Log(tmp_path / "state" / "unsaved" / "a.glog", HEAD)
    writer.write(log, {"place": 1})
    writer.sync()
    assert {str(tmp_path), str(tmp_path / "state"), str(log.path.parent)} <= set(synced)
    synced.clear()
    Claim(tmp_path / "another", "abc").release()
    assert str(tmp_path) in synced


def test_a_confidence_is_sure_by_its_name_too(tmp_path, monkeypatch):
    """The log names it next, and then the older one goes."""
    calls, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append(
        os.readlink(f"/proc/self/fd/{fd}")), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda *names: (calls.append("renamed"), replace(*names)))
    confidence.write(tmp_path / "a.conf", np.ones(SHAPE, np.float32))
    assert calls == [str(tmp_path / "a.conf.part"), "renamed", str(tmp_path)]


# what the log lacks


def setting(number):
    return Set("mask", MaskSettings(), MaskSettings(number / 100))


class Nothing:
    """A document that is nothing but its settings."""

    mask = MaskSettings()


def test_only_what_is_new_is_written():
    history, document = History(), Nothing()
    mirror = Mirror(history)
    assert mirror.same(history) and list(mirror.news(history)) == [] and mirror.empty
    first, second, third = map(setting, (1, 2, 3))
    history.record(first)
    history.record(second)
    assert not mirror.same(history)
    assert list(mirror.news(history)) == [{"at": 0, "step": first}, {"at": 1, "step": second}]
    history.undo(document)
    assert list(mirror.news(history)) == [{"place": 1}]
    history.record(third)
    assert list(mirror.news(history)) == [{"at": 1, "step": third}]
    history.undo(document)
    history.undo(document)
    history.redo(document)
    history.redo(document)
    assert list(mirror.news(history)) == [] and mirror.same(history)


def test_a_save_names_the_entry_after_which_it_was_so():
    history, document = History(), Nothing()
    mirror = Mirror(history)
    first, second = setting(1), setting(2)
    history.record(first)
    history.record(second)
    assert len(list(mirror.news(history))) == 2
    history.undo(document)
    list(mirror.news(history))
    history.mark_saved(first)
    assert [one["saved"] for one in mirror.saved(history, True, None)] == [1]
    history.undo(document)
    list(mirror.news(history))
    history.mark_saved(None)
    assert [one["saved"] for one in mirror.saved(history, True, None)] == [0]


def test_a_log_begun_after_a_save_opens_with_the_history_to_undo():
    history, document = History(), Nothing()
    steps = [setting(number) for number in range(4)]
    for step in steps:
        history.record(step)
    history.undo(document)
    history.mark_saved(history.last)
    mirror = Mirror(history)
    assert list(mirror.news(history)) == [] and mirror.empty
    history.undo(document)
    assert list(mirror.news(history)) == [{"line": steps, "place": 3}, {"place": 2}]
    history.redo(document)
    list(mirror.news(history))
    history.mark_saved(steps[2])
    assert [one["saved"] for one in mirror.saved(history, True, None)][-1] in (1, 3)


def test_claims_are_taken_once_and_given_back_by_name(tmp_path):
    claims = Claims()
    places = [Place(tmp_path, name, 0, 0) for name in ("abc", "abc", "xyz")]
    for place in places:
        claims.take(place)
    assert sorted(claims.names) == ["abc", "xyz"]
    claims.release(["abc"])
    Claim(tmp_path, "abc").release()
    with pytest.raises(ClaimedError):
        Claim(tmp_path, "xyz")
    claims.release(claims.names)
    assert not list(tmp_path.iterdir())
