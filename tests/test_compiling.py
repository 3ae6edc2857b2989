"""Loops are compiled once, by a process of its own, and then only loaded."""

import importlib
import json
import os
import pkgutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numba
import pytest

import glview.core
from glview import compiling, rehearsal
from glview.compiling import Compiler
from glview.core import compiled
from glview.core.cancel import Cancelled

ROOT = Path(__file__).parent.parent

LOOPS = """
import json
import sys

def loops():
    found = {}
    for name, module in tuple(sys.modules.items()):
        if name.startswith("glview."):
            for one in vars(module).values():
                if hasattr(one, "py_func") and one.__module__ == name:
                    found[f"{name}.{one.__name__}"] = one
    return found

def tell():
    print(json.dumps({name: {str(kinds): one.stats.cache_misses[kinds] for kinds in
                             (*one.stats.cache_hits, *one.stats.cache_misses)}
                      for name, one in loops().items()}))
"""

SESSION = LOOPS + """
sys.path.insert(0, "tests")
import numpy as np
from robot import Robot
from glview.core import counting

values = np.random.default_rng(1).random((1200, 1100)).astype(np.float32)
with Robot(values) as robot:
    robot.know(values ** 60)
    robot.drag(robot.at("Threshold", 0.5), robot.at("Threshold", 0.3))
    for key in "BE":
        robot.key(key)
        robot.drag(robot.of_pixel(200, 300), robot.of_pixel(600, 700))
        robot.settle()
    for keys in ("Ctrl+Z", "Ctrl+Shift+Z", "N", "N", "P"):
        robot.key(keys)
        robot.settle()
    for key in "WUU":
        robot.key(key)
        robot.click(robot.of_pixel(300, 400))
        robot.settle()
    robot.document.change(dilation=2)
    robot.key("F")
    robot.settle()
    assert len(robot.document.review.objects) > 5 and not robot.workspace.notices
tell()
"""


def run(script, *options):
    done = subprocess.run([sys.executable, *options, "-c", script], cwd=ROOT, text=True,
                          capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def rehearsed():
    """All is compiled now."""
    subprocess.run([sys.executable, "-m", "glview.rehearsal"], cwd=ROOT, timeout=600, check=True,
                   stdout=subprocess.DEVNULL)
    assert compiled.is_kept()


REHEARSAL = LOOPS + """
from glview import rehearsal
for act in rehearsal.ACTS.values():
    act()
tell()
"""


@pytest.mark.gl
def test_a_session_of_the_window_compiles_nothing(rehearsed):
    known, used = run(REHEARSAL), run(SESSION)
    assert not any(misses for kinds in used.values() for misses in kinds.values())
    assert sum(len(kinds) for kinds in used.values()) > 30
    # What the session found in the cache, an earlier test may have put there.
    assert {name: lacking for name, kinds in used.items()
            if (lacking := kinds.keys() - known.get(name, {}).keys())} == {}


def test_every_loop_stands_alone_in_its_module_and_is_kept():
    for module in pkgutil.iter_modules(glview.core.__path__, "glview.core."):
        for name, one in vars(importlib.import_module(module.name)).items():
            if hasattr(one, "py_func") and one.__module__ == module.name:
                assert one.py_func.__closure__ is None, f"{module.name}.{name} is never kept"
                assert type(one._cache).__name__ == "FunctionCache", f"{name} has no cache=True"


def test_a_cached_start_compiles_nothing(rehearsed):
    used = run(LOOPS + "from glview import compiling\ncompiling._load()\ntell()\n")
    assert not any(misses for kinds in used.values() for misses in kinds.values())
    assert sum(len(kinds) for kinds in used.values()) > 20


@pytest.fixture
def cold(monkeypatch, tmp_path):
    """As after an installation, for a child whose source this makes: it returns a Compiler."""
    monkeypatch.setattr(compiled, "is_kept", lambda: False)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = []

    def compiler(source):
        (tmp_path / "actor.py").write_text(source)
        made.append(Compiler("actor"))
        return made[-1]

    yield compiler
    for one in made:
        one.close()


def test_nobody_waits_for_more_than_is_needed(cold):
    compiler = cold("import sys; print('picture', flush=True); sys.stdin.read()")
    compiler.wait("picture")
    asked = iter(range(3))
    with pytest.raises(Cancelled):
        compiler.wait("objects", lambda: next(asked, None) is None)
    compiler.close()
    compiler.wait("objects")
    assert compiler._process.wait(10) == 0


def test_a_child_that_fails_keeps_nobody_waiting(cold):
    compiler = cold("print('picture', flush=True); raise SystemExit(3)")
    for act in ("picture", "objects"):
        compiler.wait(act)


def test_where_all_is_kept_no_process_starts(monkeypatch):
    monkeypatch.setattr(compiled, "is_kept", lambda: True)
    compiler = Compiler("no.such.module")
    compiler.wait("objects")
    assert compiler._process is None


def test_a_child_that_nobody_listens_to_ends(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}  # so that it has much to do
    child = subprocess.Popen([sys.executable, "-m", "glview.rehearsal", "--watched"], cwd=ROOT,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    time.sleep(1)
    child.stdin.close()
    assert child.wait(60) == 1
    child.stdout.close()


def test_another_source_or_processor_is_not_kept(monkeypatch, tmp_path):
    before = compiled.mark()
    monkeypatch.setattr("llvmlite.binding.get_host_cpu_name", lambda: "another")
    assert compiled.mark() != before and compiled.mark().parent == before.parent
    (tmp_path / "one.py").touch()
    monkeypatch.setattr(compiled, "mark", lambda: tmp_path / "compiled-1")
    (tmp_path / "compiled-0").touch()
    assert not compiled.is_kept()
    compiled.keep()
    assert compiled.is_kept() and not (tmp_path / "compiled-0").exists()


def test_how_far_it_is_and_why_is_told(cold, monkeypatch):
    woken = []
    monkeypatch.setattr(compiling, "TELLING", 0.0)
    monkeypatch.setattr(compiled, "was_kept", lambda: True)
    compiler = cold("import sys\n"
                    "print('at 0.125\\nat 0.5\\npicture', flush=True)\n"
                    "sys.stdin.read()")
    assert compiler.words == "" and compiler.share is None
    compiler._wake = lambda: woken.append(compiler.share)
    compiler.wait("picture")
    assert compiler.share == 0.5 and 0.125 in woken
    assert compiler.words.startswith("compiling, once after an update: 50 %, ")
    compiler._process.stdin.close()
    compiler.wait("")
    assert compiler.share is None and compiler.words == ""


def test_the_child_says_how_far_it_is(monkeypatch, capsys):
    @contextmanager
    def counting(told):
        yield
        for count in (1, 500):  # more than were expected
            told(count)

    monkeypatch.setattr(compiled, "counting", counting)
    monkeypatch.setattr(compiled, "keep", lambda: None)
    monkeypatch.setattr(rehearsal.crew, "step_back", lambda: None)
    monkeypatch.setattr(rehearsal, "ACTS", dict.fromkeys(rehearsal.ACTS, lambda: None))
    rehearsal.main(watched=False)
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if not line.startswith("at ")] == [*rehearsal.ACTS]
    shares = [float(line.removeprefix("at ")) for line in said if line.startswith("at ")]
    assert shares == sorted(shares) and 0 < shares[0] < 0.02 and shares[-1] == 1.0
    assert rehearsal.LOOPS.keys() == rehearsal.ACTS.keys()


def test_every_loop_that_is_compiled_is_counted():
    counts = []
    with compiled.counting(counts.append):
        square = numba.njit(lambda x: x * x)
        square(2), square(3), square(2.0)
    assert counts == [1, 2]


def test_an_update_is_no_installation(monkeypatch, tmp_path):
    monkeypatch.setattr(compiled, "mark", lambda: tmp_path / "compiled-1")
    assert not compiled.was_kept()
    (tmp_path / "compiled-0").touch()
    assert compiled.was_kept() and not compiled.is_kept()
