"""The same batch on a Dask cluster: real scheduler, real workers, real deaths."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from pathlib import Path

import fakemodel
import pytest
from astropy.io import fits
from fakemodel import left, make_frame, noted

from glview import cli
from glview.batch import cluster, rows
from glview.batch.plan import plan

ROOT = Path(__file__).parent.parent
PATIENCE = 120.0


def environment(folder):
    """Of every process here: the fake model in reach, few deaths until a file is given up."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return {**os.environ, "PYTHONPATH": path, fakemodel.FOLDER: str(folder),
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}


class Cluster:
    """A scheduler and two workers, started as people do."""

    def __init__(self, folder):
        self.folder = folder
        known = folder / "scheduler.json"
        shared = ["--no-dashboard", "--scheduler-file", known]
        self.scheduler = self._start("scheduler", "--port", 0, "--host", "127.0.0.1", *shared)
        self._wait(known.exists)
        self.address = json.loads(known.read_text())["address"]
        self.workers = self._start("worker", "--nworkers", 2, "--nthreads", 1, "--preload",
                                   "fakemodel", "--local-directory", folder / "dask", *shared)

    def _start(self, what, *words):
        with open(self.folder / f"{what}.log", "w") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", what, *map(str, words)], stdout=log, stderr=log,
                env=environment(self.folder), cwd=self.folder, start_new_session=True)

    def _wait(self, ready):
        until = time.monotonic() + PATIENCE
        while not ready():
            assert self.scheduler.poll() is None and time.monotonic() < until, self.logs()
            time.sleep(0.05)

    def logs(self):
        return "\n".join(path.read_text() for path in self.folder.glob("*.log"))

    def detect(self, *words):
        """`glview detect` by this cluster, as a process."""
        command = [sys.executable, "-m", "glview", "detect", *map(str, words), "--scheduler",
                   self.address, "--json"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=environment(self.folder))

    def run(self, *words):
        """(exit code, name -> record, the table)."""
        process = self.detect(*words)
        out, err = process.communicate(timeout=PATIENCE)
        records = [json.loads(line) for line in out.splitlines()]
        assert len({record["name"] for record in records}) == len(records)
        return process.returncode, {record["name"]: record for record in records}, err

    def stop(self):
        for process in (self.workers, self.scheduler):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def dask(tmp_path):
    folder = tmp_path / "cluster"
    folder.mkdir()
    made = Cluster(folder)
    yield made
    made.stop()


def test_every_good_result_is_written_once_although_workers_die(dask, tmp_path):
    frames = tmp_path / "in"
    frames.mkdir()
    good = [make_frame(frames / f"g{number}.fits", rays=number + 1).name for number in range(8)]
    good.append(make_frame(frames / "once.fits", fakemodel.DIE_ONCE).name)  # takes one worker along
    good.append(make_frame(frames / "again.fits", fakemodel.FAIL_ONCE).name)
    make_frame(frames / "fell.fits", fakemodel.FAIL)
    make_frame(frames / "killer.fits", fakemodel.DIE)  # takes every worker along
    (frames / "text.fits").write_text("words\n" * 900)
    code, records, table = dask.run(frames, "-o", tmp_path / "out")
    assert code == 1 and len(records) == 13, table + dask.logs()
    # A worker may die between its rename and its report; then the file is found done.
    failed = [records[name]["error"] for name in good if records[name]["status"] == "failed"]
    assert not failed, dask.logs()
    for name, words in (("fell.fits", "fell over"), ("killer.fits", "its worker died, each time"),
                        ("text.fits", "no image that glview knows")):
        assert records[name]["status"] == "failed" and words in records[name]["error"]
    results = [f"{name}.glview.fits" for name in sorted(good)]
    assert left(tmp_path / "out") == results and sorted(noted(dask.folder, "written")) == results
    for number, name in enumerate(good[:8]):
        with fits.open(tmp_path / "out" / f"{name}.glview.fits", checksum=True) as hdus:
            assert hdus["CR_MASK"].data.sum() == number + 1
    assert table.splitlines()[-2].endswith(" s.") and "3 failed" in table

    code, records, table = dask.run(frames, "-o", tmp_path / "out", "--shard", "1/2")
    assert code == 1 and len(records) == 7 and "7 done before" not in table
    assert sorted(noted(dask.folder, "written")) == results  # nothing again


def test_a_worker_that_is_killed_loses_nothing(dask, tmp_path):
    frames = tmp_path / "in"
    frames.mkdir()
    for number in range(4):
        make_frame(frames / f"{number}.fits", fakemodel.DIE_ONCE if number == 1 else 0)
    code, records, table = dask.run(frames, "--in-place")
    assert code == 0, table + dask.logs()
    assert {record["status"] for record in records.values()} <= {"done", "skipped"}
    assert left(frames) == [f"{number}.fits" for number in range(4)]
    process = dask.detect(frames, "--overwrite", "--threshold", "0.95")
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and '"masked": 0' in out, err


def test_an_interrupt_gives_the_rest_back(dask, tmp_path):
    make_frame(tmp_path / "slow.fits", fakemodel.SLOW)
    process = dask.detect(tmp_path / "slow.fits")
    dask._wait(lambda: noted(dask.folder, "searching"))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, "") and "Stopped" in err and "Trace" not in err


def test_without_a_scheduler_it_is_told_in_a_line(monkeypatch, capsys):
    monkeypatch.setattr(cluster, "PATIENCE", "500ms")
    assert cli.main(["detect", __file__, "--scheduler", "tcp://127.0.0.1:1"]) == 2
    said = capsys.readouterr()
    assert not said.out and said.err.count("\n") == 1
    assert said.err.startswith("glview detect: no scheduler answers at tcp://127.0.0.1:1")


def test_what_the_cluster_loses_is_told(tmp_path):
    item, = plan([make_frame(tmp_path / "a.fits")])
    lost, odd = Future(), Future()
    lost.cancel()
    odd.set_exception(ValueError("no such thing"))
    row, = cluster._rows(lost, item)
    assert row.status == rows.FAILED and "the cluster lost it" in row.error
    row, = cluster._rows(odd, item)
    assert row.status == rows.FAILED and row.error == "ValueError: no such thing"
