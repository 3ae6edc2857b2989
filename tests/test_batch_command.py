"""`glview detect` as it is typed: options, what is printed, exit codes, and interrupts."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import fakemodel
import numpy as np
import pytest
from astropy.io import fits
from fakemodel import FakeModel, left, make_frame
from sky import make_sky

import glview.batch
from glview.batch import command, pool, report
from glview.files.save import load_mask

ROOT = Path(__file__).parent.parent


@pytest.fixture
def detect(monkeypatch, typed):
    """Run `glview detect` here, with a model without a network."""
    monkeypatch.setattr(pool, "load", FakeModel)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    return partial(typed, "detect")


def start(folder, *arguments, module="fakemodel", **options):
    """The command as a process of its own; Python's warnings are errors."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", module, "detect", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, fakemodel.FOLDER: str(folder),
             "PYTHONIOENCODING": "ascii"}, text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options)


@pytest.mark.parametrize(("arguments", "words"), [
    ([], "required: FILE"), (["a.fits", "--threshold", "2"], "number from 0 to 1"),
    (["a.fits", "--dilate", "17"], "16"), (["a.fits", "--shape", "star"], "diamond"),
    (["a.fits", "--device", "tpu"], "device: auto, cpu"), (["a.fits", "--jobs", "0"], "from 1"),
    (["a.fits", "--shard", "0/4"], "part such as 1/8"), (["a.fits", "--shard", "5/4"], "1/8"),
    (["a.fits", "--shard", "2"], "1/8"), (["--json", "a.fits"], "ends in .json"),
    (["a.fits", "--zoom", "2"], "--zoom"),
    (["a.fits", "--in-place", "-o", "out"], "--in-place and -o"),
    (["a.fits", "--mask-only", "--probability"], "do not go together"),
    (["a.fits", "--in-place", "--probability"], "leave --probability out"),
    (["a.fits", "--model", "nonsense"], "there is no model 'nonsense'"),
    (["a.fits", "-o", "a.fits"], "-o a.fits is a file"),
    (["a.fits", "--json", "no/folder/x.json"], "No such file"),
    (["a.fits", "--scheduler", "tcp://x:1", "--jobs", "2"], "--jobs is for this computer"),
    (["*.fts"], "no file matches *.fts"),
])
def test_wrong_usage_is_told_in_words_before_any_work(detect, tmp_path, arguments, words):
    (tmp_path / "deep").mkdir()
    for name in ("a.fits", "deep/a.fits"):
        make_frame(tmp_path / name)
    code, out, err = detect(*arguments)
    assert code == 2 and not out and words in err[-1], err
    assert err[-1].startswith("glview detect: ")
    assert not {"a.fits.glview.fits", "x.json"} & set(left(tmp_path))


@pytest.mark.parametrize("own", [None, "ACTIVE"])
def test_threads_sleep_while_they_wait_unless_the_user_says_otherwise(
        detect, tmp_path, monkeypatch, own):
    monkeypatch.delenv("OMP_WAIT_POLICY")
    if own:
        monkeypatch.setenv("OMP_WAIT_POLICY", own)
    make_frame(tmp_path / "a.fits")
    assert detect("a.fits")[0] == 0
    assert os.environ["OMP_WAIT_POLICY"] == (own or "PASSIVE")


def test_the_help_speaks_of_this_command(detect):
    _, out, _ = detect("--help")
    text = " ".join(" ".join(out).split())
    assert "plain: CR_MASK alone (default)" in text
    readme = " ".join((ROOT / "README.md").read_text().split())
    for told, tick in ((text, ""), (readme, "`")):
        assert f"every FITS, {tick}.npy{tick} and TIFF file below" in told
        assert "a PNG only where you name it" in told


def test_what_is_typed_arrives(detect, tmp_path):
    make_frame(tmp_path / "a.fits")
    code, _, err = detect("a.fits[0]", "-o", "deep/out", "--model", "nres", "--threshold", "0.25",
                          "--dilate", "2", "--shape", "disk", "--mask-only", "--jobs", "2")
    assert (code, err) == (0, [])
    result = tmp_path / "deep" / "out" / "a.fits.glview.fits"
    with fits.open(result) as hdus:
        header = hdus["CR_MASK"].header
        assert len(hdus) == 2
    assert [header[key] for key in ("CRMODEL", "CRTHRESH", "CRDILATE", "CRSHAPE")] == [
        "NRES", 0.25, 2, "disk"]


def test_the_table_has_a_line_for_each_image_and_the_exit_code_tells_failure(detect, tmp_path):
    make_frame(tmp_path / "a.fits")
    (tmp_path / "b.fits").write_text("words\n" * 900)
    code, out, err = detect(".")
    assert (code, err) == (1, [])
    assert out[0].split() == ["image", "shape", "read", "infer", "write", "objects", "masked",
                              "result"]
    done, = (line for line in out if line.startswith("a.fits"))
    assert done.split()[1:4] == ["50", "x", "40"] and done.endswith("saved beside the image")
    assert done.split()[7:9] == ["3", "0.1500"]
    at, = (n for n, line in enumerate(out) if line.startswith("b.fits"))
    assert out[at].endswith("FAILED: b.fits is no image that glview knows (it starts with 'words')")
    assert out[at + 1].strip().startswith("it reads .fits, ")
    assert out[-2].startswith("1 searched, 1 failed; ") and "Mpx/s" in out[-1]
    code, out, _ = detect("a.fits")
    assert code == 0 and any(line.endswith("done before") for line in out)


def test_lines_of_json_hold_all_of_it(detect, tmp_path):
    make_frame(tmp_path / "a.fits")
    make_frame(tmp_path / "b.fits", fakemodel.FAIL)
    code, out, err = detect(".", "--json")
    records = {record["name"]: record for record in map(json.loads, out)}
    good, bad = records["a.fits"], records["b.fits"]
    assert code == 1 and len(out) == 2 and err[-2].startswith("1 searched, 1 failed")
    assert (good["status"], good["shape"], good["objects"]) == ("done", [40, 50], 3)
    assert good["cr_fraction"] == 3 / 2000 and good["method"] == "side file"
    assert good["file"] == str(tmp_path / "a.fits")
    for stage in ("read", "infer", "write"):
        assert good["mpx_per_s"][stage] == pytest.approx(0.002 / good["seconds"][stage])
    assert (bad["status"], bad["objects"], bad["cr_fraction"]) == ("failed", None, None)
    assert "fell over" in bad["error"]
    assert detect(".", "--json", "night.jsonl")[1][-1]
    lines = (tmp_path / "night.jsonl").read_text().splitlines()
    assert [json.loads(line)["status"] for line in lines].count("skipped") == 1


def test_shards_do_everything_once(detect, tmp_path):
    for number in range(5):
        make_frame(tmp_path / f"{number}.fits")
    for part, count in ((1, 3), (2, 2)):
        code, out, _ = detect(".", "-o", "out", "--shard", f"{part}/2")
        assert code == 0 and out[-2].startswith(f"{count} searched; ")
    assert len(left(tmp_path / "out")) == 5
    code, out, _ = detect("0.fits", "--shard", "7/8")
    assert code == 0 and out[-1].startswith("nothing to do")


def test_a_result_scores_and_is_the_same_as_in_the_window(tmp_path):
    made = make_sky(160, 180, seed=4)
    fits.writeto(tmp_path / "a.fits", made.image)
    process = start(tmp_path, tmp_path / "a.fits", "--model", "ACS-WFC", "--device", "cpu",
                    module="glview")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, ""), out
    from glview.models import init_model

    saved = load_mask(tmp_path / "a.fits")
    expected = init_model("ACS-WFC", device="cpu").detect_cr(made.image)
    assert np.abs(saved.probability - expected).max() < 1e-5
    assert (saved.mask & made.truth).sum() > 0.8 * made.truth.sum()
    assert np.array_equal(saved.mask, saved.probability > np.float32(0.5))


def wait_for_search(folder, process):
    until = time.monotonic() + 60
    while not fakemodel.noted(folder, "searching"):
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.02)


def test_an_interrupt_before_any_work_is_no_traceback(detect, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "plan", interrupted)
    assert detect("a.fits") == (130, [], [])


def test_a_weights_file_is_named_so_that_every_worker_finds_it(detect, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(pool, "load", lambda name, *_: asked.append(name) or FakeModel())
    make_frame(tmp_path / "a.fits")
    (tmp_path / "mine.pth").touch()
    assert detect("a.fits", "--model", "mine.pth")[0] == 0
    assert set(asked) == {str(tmp_path / "mine.pth")}


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_whole_files_and_no_others(tmp_path, sent):
    (tmp_path / "in").mkdir()
    make_frame(tmp_path / "in" / "a.fits")
    make_frame(tmp_path / "in" / "b.fits", fakemodel.SLOW)
    make_frame(tmp_path / "in" / "c.fits")
    process = start(tmp_path, tmp_path / "in", "-o", tmp_path / "out")
    wait_for_search(tmp_path, process)
    process.send_signal(sent)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")
    assert "Stopped: 1 searched" in out
    assert left(tmp_path / "out") == ["a.fits.glview.fits"]
    assert load_mask_of(tmp_path / "out" / "a.fits.glview.fits").sum() == 3
    assert left(tmp_path / "in") == ["a.fits", "b.fits", "c.fits"]


def load_mask_of(path):
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        return np.array(hdus["CR_MASK"].data)


def test_a_run_that_was_killed_is_taken_up_where_it_was(tmp_path):
    for number in range(6):
        make_frame(tmp_path / f"{number}.fits", fakemodel.DIE_ONCE if number == 3 else 0)
    process = start(tmp_path, tmp_path)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    before = set(fakemodel.noted(tmp_path, "written"))
    again = start(tmp_path, tmp_path)
    out, _ = again.communicate(timeout=60)
    assert again.returncode == 0
    written = fakemodel.noted(tmp_path, "written")
    assert sorted(written) == [f"{number}.fits.glview.fits" for number in range(6)]
    assert len(before) >= 1 and f"{len(before)} done before" in out


@pytest.mark.parametrize("size", [(24, 80), (0, 0)])
def test_a_bar_is_drawn_on_a_terminal_only(tmp_path, size):
    make_frame(tmp_path / "a.fits")
    shell, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, size)  # 0: it is not known, as on a serial line
    process = start(tmp_path, tmp_path / "a.fits", stderr=terminal)
    out, _ = process.communicate(timeout=60)
    os.set_blocking(shell, False)
    drawn = os.read(shell, 1 << 16).decode()
    os.close(terminal), os.close(shell)
    assert process.returncode == 0 and "%|" in drawn and "| of 1, 00:0" in drawn
    assert "%|" not in out and "searched" in out
    process = start(tmp_path, tmp_path / "a.fits", "--overwrite")
    assert process.communicate(timeout=60)[1] == ""


def test_the_bar_does_not_go_back_between_the_end_of_a_search_and_its_row(monkeypatch):
    drawn = SimpleNamespace(n=0, refresh=lambda: None)
    monkeypatch.setattr(report, "_bar", lambda total: drawn)
    files = [SimpleNamespace(folder="", path=Path("a.fits"))] * 4
    made = report.Report(files, sys.stdout, bar=True)
    for running, seen in ((0.9, 0.9), (0.0, 0.9), (1.5, 1.5)):
        made.tick(running)
        assert drawn.n == seen


def test_without_the_package_for_clusters_it_is_told_how_to_install_it(
    detect, monkeypatch, tmp_path
):
    make_frame(tmp_path / "a.fits")
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "glview.batch.cluster", raising=False)
    monkeypatch.delattr(glview.batch, "cluster", raising=False)
    code, _, err = detect("a.fits", "--scheduler", "tcp://127.0.0.1:1")
    assert code == 2 and "pip install 'glview[cluster]'" in err[-1]


def test_names_that_the_terminal_cannot_show_and_a_reader_that_leaves(tmp_path):
    for number in range(3):
        make_frame(tmp_path / f"\u65e5\u672c{number}.fits")
    process = start(tmp_path, tmp_path, encoding="ascii")
    assert process.stdout.readline().startswith("image")
    process.stdout.close()  # as `| head -1` does
    assert process.wait(60) == 0 and process.stderr.read() == ""
    process.stderr.close()
    assert sum(name.endswith("glview.fits") for name in left(tmp_path)) == 3
