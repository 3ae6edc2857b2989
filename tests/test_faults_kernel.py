"""The same faults from the system itself: a disk that is really full, calls that the kernel refuses
or that a process does not outlive.  Only where a user may mount and trace."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import needs
from failing import KINDS
from refusing import FAULTS, FORBIDDEN, STATES
from test_faults_saving import contents, is_intact, is_old_or_new, is_readable

ROOT = Path(__file__).parent.parent
MOUNTED = 'mount -t tmpfs -o size=512k none "$0" && { "$@"; code=$?; umount "$0"; exit $code; }'
PLACES = ("unshare", "-rm"), ("unshare", "-m"), ()  # any user may; root; root without unshare
FILLED = """
import os, sys
from pathlib import Path
import failing
from test_faults_saving import contents, is_readable
from glview.files.save import SaveError

disk, kind, state = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
place = failing.start(disk, kind)
failing.save(failing.copied(place, "warm"), kind)  # all folders are there now
failing.state(place if state == "on the disk" else disk.parent)
before, refused, filler = contents(place), 0, disk / "filler"
while True:
    filler.write_bytes(b"")
    room = os.statvfs(disk).f_bavail - refused  # so many pages are left
    filler.write_bytes(bytes(room * os.statvfs(disk).f_bsize))
    try:
        failing.save(place, kind)
        break
    except SaveError as error:
        assert "the disk is full" in str(error) or "No space" in str(error), error
        assert error.state == "unchanged" and contents(place) == before, error
        assert not [one for one in place.rglob("*") if one.suffix in (".glview-part", ".part")]
    refused += 1
assert contents(place) != before and is_readable(place)
print(refused)
"""
LEFT = {"saved": {"new"}, "unchanged": {"old"}, "unfinished": {"old", "new"}, "": {"old", "new"}}


@pytest.fixture(autouse=True)
def config(monkeypatch):
    monkeypatch.setenv("GLVIEW_CONFIG", "")  # and put back afterwards


def run(*line):
    places = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    return subprocess.run([*map(str, line)], capture_output=True, text=True, cwd=ROOT,
                          env={**os.environ, "PYTHONPATH": places, "PYTHONDONTWRITEBYTECODE": "1"})


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The beginning of a command that runs another one with a small disk in a folder."""
    for place in PLACES:
        command = *place, "sh", "-c", MOUNTED
        with suppress(OSError):  # it is not there
            if not run(*command, tmp_path_factory.mktemp("disk"), "true").returncode:
                return command
    pytest.skip("no disk may be mounted here, neither by unshare nor by mount; the faults ENOSPC "
                "and 'disk stays full' of test_faults_saving.py stand in for a full one")


@pytest.mark.parametrize("kind", ["append-longer", "copy-again", "beside"])
@pytest.mark.parametrize("state", ["on the disk", "elsewhere"])
def test_a_disk_that_is_full_keeps_the_old_until_there_is_room(tmp_path, small, kind, state):
    disk = tmp_path / "disk"
    disk.mkdir()
    done = run(*small, disk, sys.executable, "-c", FILLED, disk, kind, state)
    assert done.stdout.strip().isdecimal() and int(done.stdout) > 1, done.stderr


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """(folder, what `refusing` found there)."""
    needs("strace")
    folder = tmp_path_factory.mktemp("refused")
    done = run(sys.executable, ROOT / "tests" / "refusing.py", folder)
    if done.stderr.strip().endswith(FORBIDDEN):
        pytest.skip(f"{FORBIDDEN}; test_faults_saving.py has the same faults at the same calls")
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


@pytest.mark.parametrize("kind", KINDS)
def test_the_calls_that_tests_count_are_those_of_the_kernel(refused, kind):
    found = refused[1][kind]
    assert found["shim"] == [call.split()[0] for call in found["kernel"]]
    assert {"open", "write", "fsync", "close"} <= set(found["shim"])


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_every_call_leaves_the_old_or_the_new(refused, kind, fault):
    folder, found = refused
    place, (codes, hit) = folder / kind, zip(*found[kind][fault], strict=True)
    assert list(hit) == [[call] for call in found[kind]["kernel"]]
    before, left = contents(place / "start"), []
    (place / "science").write_bytes(before["frame.fits"][: 2880 * 4])
    for number, code in enumerate(codes):
        told = "" if code == -signal.SIGKILL else STATES[code]
        left.append(outcome(place / f"{fault}-{number}", before, told))
    if fault == "KILL":
        assert set(codes) == {-signal.SIGKILL} and left == sorted(left, reverse=True)
    else:
        assert -signal.SIGKILL not in codes and left.count("old") > 3
    assert left[0] == "old" and left[-1] == "new"


def outcome(place, before, told):
    """"old" or "new", which of them a save left that told so."""
    same = contents(place) == before
    assert same or told != "unchanged"
    assert is_intact(place) and (same or is_readable(place))
    if same and not list(place.rglob("*.journal")):
        found = "old"  # an opening would find nothing to do
    else:
        found = is_old_or_new(place, before)
    assert found in LEFT[told] and is_intact(place)
    return found
