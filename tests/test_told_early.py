"""What `glview --screenshot` and `glview score` refuse or tell, in words, before a wrong answer."""

import json

import numpy as np
import pytest
from astropy.io import fits

from glview import cli

TRUTH = np.zeros((20, 30), np.uint8)
TRUTH[5:8, 9] = 1


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run `glview` here; (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(3).normal(100, 9, (20, 30)).astype(np.float32)
    for name, values in (("a", noise), ("truth", TRUTH), ("map", TRUTH * np.float32(0.8)),
                         ("mask", TRUTH), ("small", TRUTH[1:]), ("float", TRUTH * 1.0)):
        fits.writeto(f"{name}.fits", values)

    def run(*words):
        code = cli.main(list(words))
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize(("words", "said"), [
    (["--screenshot", "none/a.png"], "--screenshot needs the name of a file in a folder that can"),
    (["--screenshot", "a.png", "--dq", "hst"], "--dq is for what is saved"),
])
def test_a_picture_that_cannot_be_made_is_refused_at_once(run, monkeypatch, words, said):
    monkeypatch.setattr("glview.screenshot.run_screenshot", None)
    code, _, err = run("a.fits", *words)
    assert code == 2 and said in err


def test_a_middle_off_the_frame_is_told(run, tmp_path):
    code, _, err = run("a.fits", "--screenshot", "a.png", "--center", "31,10")
    assert code == 1 and "--center 31,10 lies off a.fits, whose pixels go from 1,1 to 30,20" in err
    assert not (tmp_path / "a.png").exists()
    assert run("a.fits", "--screenshot", "a.png", "--center", "30,20")[::2] == (0, "")


@pytest.mark.parametrize("first", [[], ["--first"]])
def test_a_picture_of_a_damaged_file_says_so(run, tmp_path, first):
    path = tmp_path / "a.fits"
    path.write_bytes(path.read_bytes()[: 2880 + 20 * 30 * 2])
    code, _, err = run("a.fits", "--screenshot", "a.png", *first)
    assert code == 0 and "a.fits: file is truncated: 50 % of the rows are here" in err


def test_a_science_image_is_no_truth(run):
    code, out, err = run("score", "map.fits", "a.fits")
    assert code == 2 and not out and "a.fits is no mask, for it holds fractions" in err
    assert run("score", "map.fits", "float.fits")[0] == 0


@pytest.mark.parametrize(("words", "named", "absent"), [
    (["small.fits", "truth.fits"], "small.fits is 30 x 19 pixels, truth.fits 30 x 20", "ignore"),
    (["map.fits", "truth.fits", "--ignore", "small.fits"], "small.fits 30 x 19", "map"),
])
def test_shapes_that_differ_are_told_with_the_names(run, words, named, absent):
    code, out, err = run("score", *words)
    assert code == 2 and not out and named in err and absent not in err


def test_a_mask_has_one_row_and_a_confidence_all(run):
    _, mask, _ = run("score", "mask.fits", "truth.fits")
    _, confidence, _ = run("score", "map.fits", "truth.fits")
    assert mask.count("e+00\n") + mask.count("e+00 ") == 1 and "the best F1" not in mask
    assert confidence.count("e+00") > 5 and "the best F1" in confidence
    assert json.loads(run("score", "mask.fits", "truth.fits", "--json")[1])["is_mask"]
