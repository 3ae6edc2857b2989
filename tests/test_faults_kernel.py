"""The same faults from the system itself: a disk that is really full, calls that the kernel refuses
or that a process does not outlive.  Only where a user may mount and trace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from failing import start
from test_faults_saving import contents, is_intact, is_old_or_new, is_readable

ROOT = Path(__file__).parent.parent
MOUNTED = 'mount -t tmpfs -o size=512k none "$0" && exec "$@"'  # gone with the process
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
TRACED = """
import sys
from pathlib import Path
import failing
from glview.files.save import SaveError

place, kind = Path(sys.argv[1]), sys.argv[2]
failing.state(place)
try:
    failing.save(place, kind)
    print("saved")
except SaveError as error:
    print(error.state)
"""
LEFT = {"saved": {"new"}, "unchanged": {"old"}, "unfinished": {"old", "new"}, "": {"old", "new"}}


def where(*command):
    """Only where this can be run."""
    try:
        allowed = not subprocess.run(command, capture_output=True).returncode
    except OSError:
        allowed = False
    return pytest.mark.skipif(not allowed, reason=f"{command[0]} is not there or not allowed")


@pytest.fixture(autouse=True)
def config(monkeypatch):
    monkeypatch.setenv("GLVIEW_CONFIG", "")  # and put back afterwards


def run(*line):
    places = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    return subprocess.run([*map(str, line)], capture_output=True, text=True, cwd=ROOT,
                          env={**os.environ, "PYTHONPATH": places, "PYTHONDONTWRITEBYTECODE": "1"})


@where("unshare", "-rm", "sh", "-c", MOUNTED, "/mnt", "true")
@pytest.mark.parametrize("kind", ["append-longer", "copy-again", "beside"])
@pytest.mark.parametrize("state", ["on the disk", "elsewhere"])
def test_a_disk_that_is_full_keeps_the_old_until_there_is_room(tmp_path, kind, state):
    disk = tmp_path / "disk"
    disk.mkdir()
    done = run("unshare", "-rm", "sh", "-c", MOUNTED, disk, sys.executable, "-c", FILLED, disk,
               kind, state)
    assert done.stdout.strip().isdecimal() and int(done.stdout) > 1, done.stderr


@where("strace", "-qq", "-o", "/dev/null", "-e", "trace=none", "true")
@pytest.mark.parametrize(("kind", "call", "fault", "told"), [
    ("append-longer", "fallocate", "error=ENOSPC", "unchanged"),
    ("append-longer", "pwrite64", "error=EIO", "unchanged"),
    ("append-longer", "fdatasync", "error=EIO", "unchanged"),
    ("append-longer", "fsync", "error=EIO", "unchanged"),
    ("append-longer", "pwrite64", "signal=KILL", ""),
    ("append-longer", "fdatasync", "signal=KILL", ""),
    ("append-shorter", "ftruncate", "signal=KILL", ""),
    ("copy-again", "copy_file_range", "error=EIO", "unchanged"),
    ("copy-again", "/^rename", "error=EIO", "unchanged"),
    ("beside-again", "write", "error=EDQUOT", "unchanged"),
    ("beside-again", "/^rename", "signal=KILL", "")])
def test_what_the_kernel_refuses_leaves_the_old_or_the_new(tmp_path, kind, call, fault, told):
    place = start(tmp_path, kind)
    before = contents(place)
    (tmp_path / "science").write_bytes(before["frame.fits"][: 2880 * 4])
    done = run("strace", "-qq", "-f", "-o", tmp_path / "trace", "-e", f"trace={call}", "-e",
               f"inject={call}:{fault}:when=1", sys.executable, "-c", TRACED, place, kind)
    assert done.stdout.strip() == told, done.stderr
    wanted = "INJECTED" if told else "killed by SIGKILL"
    assert wanted in (tmp_path / "trace").read_text()
    assert is_intact(place) and is_readable(place)
    assert told != "unchanged" or contents(place) == before
    assert is_old_or_new(place, before) in LEFT[told]
