"""The power fails at any moment of a save, and once more while the save is being cleared up."""

import os
import random
import sys

import pytest
from failing import KINDS, copied, failing, save, start
from powerloss import Disk, Recorder

from glview.files import disk
from glview.files.journal import folder as journals
from glview.files.recovery import recover

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
STATES = {"append": 500, "copy": 150, "beside": 150}  # of a kind of save


@pytest.fixture(autouse=True)
def config(monkeypatch):
    monkeypatch.setenv("GLVIEW_CONFIG", "")  # and put back afterwards


@pytest.fixture(params=list(KINDS))
def recorded(request, tmp_path):
    """(kind, folders, disk before, events, (contents before, after))."""
    place = copied(start(tmp_path, request.param), "one")
    folders = (place, journals())
    before, recorder = contents(place), Recorder(*place.glob("*.fits"))
    keep = Disk(folders)
    with failing(recorder):
        save(place, request.param)
    kind = request.param.partition("-")[0]
    return kind, folders, keep, recorder.events, (before, contents(place))


def contents(place):
    return {path.name: path.read_bytes() for path in place.glob("*.fits")}


def on_disk(keep):
    made = Disk(())
    made.files = {number: bytearray(data) for number, data in keep.files.items()}
    made.names = dict(keep.names)
    return made


def test_what_is_left_is_the_old_or_the_new(recorded):
    kind, folders, keep, events, allowed = recorded
    throw, seen, again = random.Random(5), set(), 0
    path = folders[0] / "frame.fits"
    for number in range(STATES[kind]):
        disk = on_disk(keep)
        disk.after(events[: throw.randrange(len(events) + 1)], throw)
        disk.restore(folders)
        if number % 3 == 0:
            again += fail_again(folders, throw)
        recover(path)
        left = contents(folders[0])
        assert left in allowed, f"state {number}"
        assert not list(folders[1].glob("*.journal"))
        seen.add(allowed.index(left))
        recover(path)
        assert contents(folders[0]) == left
    assert seen == {0, 1}
    assert (again > 20) == (kind == "append")


def fail_again(folders, throw):
    """The power fails during a recovery; 1 if that had written anything."""
    keep, recorder = Disk(folders), Recorder(*folders[0].glob("*.fits"))
    with failing(recorder):
        recover(folders[0] / "frame.fits")
    if not recorder.events:
        return 0
    keep.after(recorder.events[: throw.randrange(len(recorder.events) + 1)], throw)
    keep.restore(folders)
    return 1


def test_the_model_loses_what_is_not_synced_and_nothing_else(tmp_path):
    path, throw = tmp_path / "a", random.Random(1)
    path.write_bytes(b"old" * 1000)
    keep, recorder = Disk((tmp_path,)), Recorder(path)
    with failing(recorder):
        fd = os.open(path, os.O_RDWR)
        os.pwrite(fd, b"A" * 2000, 0)
        os.fsync(fd)
        os.pwrite(fd, b"B" * 2000, 1000)
        os.close(fd)
        os.replace(path, tmp_path / "b")
    lost, names = set(), set()
    for _ in range(60):
        disk = on_disk(keep)
        disk.after(recorder.events, throw)
        (name, number), = disk.names.items()
        assert bytes(disk.files[number]).startswith(b"A" * 1000)
        lost.add(bytes(disk.files[number]).count(b"B"))
        names.add(os.path.basename(name))
    assert {0, 2000} < lost and names == {"a", "b"}


def test_in_the_model_a_folder_that_is_lost_takes_along_what_was_synced_in_it(tmp_path):
    folder, throw, recorder = tmp_path / "new", random.Random(2), Recorder()
    with failing(recorder):
        os.mkdir(folder)
        fd = os.open(folder / "a", os.O_RDWR | os.O_CREAT)
        os.write(fd, b"A")
        os.fsync(fd)
        os.close(fd)
        disk.sync_folder(folder)
        before = len(recorder.events)
        disk.sync_folder(tmp_path)
    left = {len(recorder.events): set(), before: set()}
    for count, seen in left.items():
        for _ in range(30):
            made = Disk(())
            made.after(recorder.events[:count], throw)
            seen.add(tuple(made.names))
    name = (str(folder / "a"),)
    assert left == {len(recorder.events): {name}, before: {name, ()}}
