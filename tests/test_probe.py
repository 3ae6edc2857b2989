"""The trial, in processes of its own, of whether memory on the card can be shared."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from detections import only_linux, until
from fakecuda import TYPES, stand_in

from glview.gl import probe, sharing
from glview.gl.sharing import place, tried

pytestmark = pytest.mark.gl


def python(code):
    return [sys.executable, "-c", code]


def test_what_a_trial_says_is_taken():
    line = {"ok": True, "why": "", "place": "here", "device": 2, "ms": 0.1}
    assert tried(python(f"print('a banner'); print({json.dumps(json.dumps(line))})")) == line


@pytest.mark.parametrize(("code", "why"), [
    ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "exit code -11"),
    ("raise SystemExit(3)", "exit code 3"),
    ("print('half a li')", "exit code 0"),
    ("import os; os.write(1, bytes(range(256)))", "exit code 0"),
    ("print('[1]')", "exit code 0"),
    ("print('7')", "exit code 0"),
    ("print('{\"ok\": true}')", "exit code 0"),
])
def test_a_trial_that_goes_wrong_is_no_success(code, why):
    assert tried(python(code)) == {"ok": False, "why": f"a trial ended with {why}"}


@pytest.mark.parametrize("word", ["'true'", "1", "'no'"])
def test_only_true_is_true(word):
    found = tried(python(f"import json; print(json.dumps(dict(ok={word}, why='so')))"))
    assert found == {"ok": False, "why": "so"}


@only_linux
def test_a_trial_that_hangs_is_killed_with_all_it_started(tmp_path, monkeypatch):
    told, communicate = tmp_path / "number", subprocess.Popen.communicate
    other = f"import os, time; open({str(told)!r}, 'w').write(f'{{os.getpid()}}.'); time.sleep(999)"
    code = (f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {other!r}]); "
            "import time; time.sleep(999)")

    def hung(process, timeout=None):
        if timeout is None:
            return communicate(process)
        until(lambda: told.exists() and told.read_text().endswith("."))
        raise subprocess.TimeoutExpired(process.args, timeout)

    monkeypatch.setattr(subprocess.Popen, "communicate", hung)
    assert tried(python(code), 7.0) == {"ok": False, "why": "a trial took more than 7 s"}
    until(lambda: ended(told.read_text().removesuffix(".")))


def ended(number):
    """Whether a process is gone, but for its number."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_a_trial_has_its_time(monkeypatch):
    seen, communicate = [], subprocess.Popen.communicate

    def timed(process, timeout=None):
        seen.append(timeout)
        return communicate(process, timeout=timeout)

    monkeypatch.setattr(subprocess.Popen, "communicate", timed)
    tried(python("0"))
    assert seen == [sharing.SECONDS]


def test_where_there_is_no_driver_the_trial_says_so_and_what_memory_takes():
    found = tried(sharing.command())
    if found["ok"]:
        pytest.skip("there is a card here")
    assert "CUDA" in found["why"] or found["why"].startswith("cu")
    assert found["memory_ms"] > 0 and found["place"]


@pytest.fixture
def card(gl, monkeypatch):
    return stand_in(monkeypatch, gl)


@pytest.fixture
def here(gl, card, monkeypatch):
    """The trial in this process and its context, the other process's part, too."""
    monkeypatch.setattr(probe.moderngl, "create_context", lambda **how: gl)
    def have_it_put(ticket):
        probe.put(ticket)
        card.opened.clear()

    monkeypatch.setattr(probe, "_have_it_put", have_it_put)
    monkeypatch.setattr(probe, "REPEATS", 2)
    monkeypatch.setattr(probe, "computes", lambda: True)


def said(capsys):
    probe.main()
    return json.loads(capsys.readouterr().out)


def test_a_trial_that_goes_well(gl, card, here, capsys):
    found = said(capsys)
    assert found.pop("ms") > 0 and found.pop("memory_ms") > 0
    assert found == {"ok": True, "why": "", "place": place(gl), "device": 1}
    assert not card.memory and not card.buffers and not card.mapped


@pytest.mark.parametrize("name", sorted(TYPES.keys() - {
    "cuGetErrorName", "cuGraphicsUnregisterResource"}))  # which nothing depends on
def test_a_trial_in_which_a_call_fails_tells_which(card, here, capsys, name):
    card.failing = name
    found = said(capsys)
    assert not found["ok"] and found["why"] == f"{name}: CUDA_ERROR_OPERATING_SYSTEM (304)"


@pytest.mark.parametrize("place_of", [(0, 0), (699, 1290), (600, 513)])
def test_a_single_bit_is_seen(card, here, capsys, monkeypatch, place_of):
    wrong = probe.pattern()
    wrong.view(np.uint32)[place_of] ^= 1
    right, calls = probe.pattern(), []

    def pattern():  # the first one is the window's, the second the other process's
        calls.append(1)
        return wrong if len(calls) == 2 else right

    monkeypatch.setattr(probe, "pattern", pattern)
    found = said(capsys)
    assert not found["ok"] and "what came was not what" in found["why"]


def test_no_card_that_draws_is_told(card, here, capsys):
    card.cards = []
    assert said(capsys)["why"] == "no card of CUDA draws here"


def test_a_torch_that_cannot_compute_on_a_card_is_told(card, here, capsys, monkeypatch):
    monkeypatch.setattr(probe, "computes", lambda: False)
    assert said(capsys)["why"] == "torch is not built for CUDA" and not card.memory


def test_what_torch_can_is_seen_without_it(tmp_path, monkeypatch):
    import torch

    assert probe.computes() == torch.backends.cuda.is_built()
    (tmp_path / "torch" / "lib").mkdir(parents=True)
    made = SimpleNamespace(origin=str(tmp_path / "torch" / "__init__.py"))
    monkeypatch.setattr(probe, "find_spec", lambda name: made)
    assert not probe.computes()
    (tmp_path / "torch" / "lib" / "libtorch_cuda.so").touch()
    assert probe.computes()
    monkeypatch.setattr(probe, "find_spec", lambda name: None)
    assert not probe.computes()


def test_opengl_that_fails_is_told(card, here, capsys, monkeypatch):
    monkeypatch.setattr(probe.moderngl, "create_context", lambda **how: 1 / 0)
    assert "ZeroDivisionError" in said(capsys)["why"]
