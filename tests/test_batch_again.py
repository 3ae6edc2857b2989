"""`glview detect` again: what was done is told with its figures; folders below -o; warnings."""

import json
import signal
from functools import partial

import fakemodel
import numpy as np
import pytest
from astropy.io import fits
from fakemodel import FakeModel, left, make_frame
from test_batch_command import start, wait_for_search

from glview.batch import pool
from glview.files.beside import side_stamps
from glview.files.save import load_mask, save_mask

SAME = ("file", "threshold", "objects", "masked", "cr_fraction", "output", "model", "shape")


@pytest.fixture
def detect(monkeypatch, typed):
    """Run `glview detect` here, with a model without a network."""
    monkeypatch.setattr(pool, "load", FakeModel)
    return partial(typed, "detect")


@pytest.mark.parametrize("place", [(), ("-o", "masks"), ("--in-place",), ("--mask-only",)])
def test_what_was_done_before_is_told_with_the_same_figures(detect, tmp_path, place):
    make_frame(tmp_path / "a.fits")
    records = []
    for _ in range(2):
        detect("a.fits", "--dilate", "1", *place, "--json", "night.jsonl")
        records.append(json.loads((tmp_path / "night.jsonl").read_text()))
    first, again = records
    assert (first["status"], again["status"]) == ("done", "skipped")
    assert first["objects"] == 3 and first["masked"] > 3
    assert {key: first[key] for key in SAME} == {key: again[key] for key in SAME}


def test_a_mask_saved_by_hand_is_told_with_its_own_figures(detect, tmp_path):
    make_frame(tmp_path / "a.fits")
    detect("a.fits")
    saved = load_mask(tmp_path / "a.fits")
    assert (saved.provenance["objects"], saved.provenance["masked"]) == (3, 3)
    save_mask(tmp_path / "a.fits", ~saved.mask, saved.probability, None, saved.provenance,
              method="beside")
    assert not {"objects", "masked"} & load_mask(tmp_path / "a.fits").provenance.keys()
    _, out, _ = detect("a.fits", "--threshold", "0.2", "--json")
    record = json.loads(out[0])
    assert (record["status"], record["objects"], record["masked"]) == ("kept", 1, 1997)
    assert record["output"] == str(tmp_path / "a.fits.glview.fits")


def test_a_mask_of_an_earlier_version_of_the_image_is_not_what_is_asked_for(detect, tmp_path):
    make_frame(tmp_path / "a.fits")
    detect("a.fits")
    saved = load_mask(tmp_path / "a.fits")
    for since, status in ((None, "skipped"), ((1, 2, 3), "kept")):
        save_mask(tmp_path / "a.fits", saved.mask, saved.probability, None, saved.provenance,
                  unchanged_since=since, sides_since=side_stamps(tmp_path / "a.fits"),
                  method="beside")
        assert json.loads(detect("a.fits", "--json")[1][0])["status"] == status


@pytest.mark.parametrize("asked", [["all"], ["all/night1", "all/night2"],
                                   ["all/night1/x.fits", "all/night2/x.fits"], ["all/*/x.fits"]])
def test_files_of_one_name_keep_their_folders_below_the_output(detect, tmp_path, asked):
    for night, rays in (("night1", 0), ("night2", fakemodel.FAIL)):
        (tmp_path / "all" / night).mkdir(parents=True)
        make_frame(tmp_path / "all" / night / "x.fits", rays)
    code, out, err = detect(*asked, "-o", "masks")
    assert code == 1 and not err
    assert left(tmp_path / "masks" / "night1") == ["x.fits.glview.fits"]
    named = [line.split()[0] for line in out if ".fits" in line]
    assert sorted(named) == ["night1/x.fits", "night2/x.fits"]
    assert any(line.startswith("night1/x.fits") and line.endswith("done before")
               for line in detect(*asked, "-o", "masks")[1])


def test_frames_in_folders_are_told_with_their_folder(detect, tmp_path):
    for place in ("", "deep/", "deep/er/"):
        (tmp_path / "all" / place).mkdir(parents=True, exist_ok=True)
        make_frame(tmp_path / "all" / place / "x.fits")
    make_frame(tmp_path / "all" / "deep" / "y.fits", fakemodel.FAIL)
    (tmp_path / "all" / "deep" / "z.fits").write_text("no image")
    expected = ["deep/er/x.fits", "deep/x.fits", "deep/y.fits", "deep/z.fits", "x.fits"]
    for words in ("1", "2"):
        _, out, _ = detect("all", "-o", "masks", "--json", f"{words}.jsonl")
        records = map(json.loads, (tmp_path / f"{words}.jsonl").read_text().splitlines())
        assert sorted(record["name"] for record in records) == expected
        rows = [line for line in out if ".fits" in line and not line.startswith(" ")]
        assert sorted(line.split()[0] for line in rows) == expected


def test_warnings_are_told_again_of_what_was_done_before(detect, tmp_path):
    path, told = tmp_path / "b.fits", []
    fits.writeto(path, np.zeros((200, 90), np.float32))
    path.write_bytes(path.read_bytes()[:40_000])
    for status in ("done", "skipped"):
        detect("b.fits", "--json", "night.jsonl")
        record = json.loads((tmp_path / "night.jsonl").read_text())
        assert record["status"] == status
        told.append(record["notes"])
    assert told[0] == told[1] and told[0][-1] == "by a fake model" and len(told[0]) == 2


def test_damaged_parts_are_told_again_too(detect, tmp_path):
    path, told = tmp_path / "c.fits", []
    values = np.random.default_rng(0).integers(0, 1000, (64, 300)).astype(np.int16)
    fits.CompImageHDU(values, compression_type="GZIP_1", tile_shape=(16, 300)).writeto(path)
    with fits.open(path, disable_image_compression=True) as hdus:
        end = hdus[1].fileinfo()["datLoc"] + 4 * hdus[1].header["NAXIS1"] + hdus[1].header["PCOUNT"]
    with path.open("r+b") as file:  # in the last of four tiles
        file.seek(end - 200)
        file.write(bytes(40))
    for status in ("done", "skipped"):
        detect("c.fits", "--json", "night.jsonl")
        record = json.loads((tmp_path / "night.jsonl").read_text())
        assert (record["status"], record["warned"]) == (status, True), record
        told.append(record["notes"])
    assert told[0] == told[1] and "1 damaged part counts as bad pixels" in told[0]


def test_truncated_frames_are_counted_at_the_end_each_time(detect, tmp_path):
    make_frame(tmp_path / "a.fits")
    path = tmp_path / "b.fits"
    fits.writeto(path, np.zeros((200, 90), np.float32))
    path.write_bytes(path.read_bytes()[:40_000])
    for words in ("2 searched, 1 with warnings; ", "2 done before, 1 with warnings; "):
        _, out, _ = detect(".")
        assert any(line.startswith(words) for line in out), out


@pytest.mark.parametrize(("arguments", "words"), [
    (["-o", "a.fits"], "-o a.fits is a file: give the results a folder"),
    (["--device", "cuda:63"], "--device cuda:63: the device 'cuda:63' is not there"),
    (["--scheduler", "foo"], "address such as tcp://head:8786"),
])
def test_what_no_file_could_get_round_is_told_once(detect, tmp_path, arguments, words):
    make_frame(tmp_path / "a.fits")
    code, out, err = detect("a.fits", *arguments)
    assert code == 2 and not out and words in err[-1]


def test_an_interrupt_says_how_many_are_left(tmp_path):
    for number in range(3):
        make_frame(tmp_path / f"{number}.fits", fakemodel.SLOW if number else 0)
    process = start(tmp_path, tmp_path)
    wait_for_search(tmp_path, process)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "2 of 3 files are left; the same command goes on with them." in out
