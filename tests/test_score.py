"""`glview score` as it is typed: what it reads, prints and refuses."""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

import glview.score
from glview import cli
from glview.core.shares import percent
from glview.files.save import save_mask


@pytest.fixture
def score(typed):
    """Run `glview score` in the test's folder."""
    return partial(typed, "score")


@pytest.fixture
def known(tmp_path):
    """map.fits and truth.fits, 20 x 20: 8 true pixels in two objects, 6 of them above 0.5, and one
    wrong one."""
    confidence, truth = np.full((20, 20), 0.01, np.float32), np.zeros((20, 20), np.uint8)
    truth[5, 5:11] = truth[15, 3:5] = 1
    confidence[5, 5:11] = 0.9
    confidence[12, 12] = 0.7
    confidence[15, 3:5] = 0.3
    fits.writeto(tmp_path / "map.fits", confidence)
    fits.writeto(tmp_path / "truth.fits", truth)
    return confidence, truth


def numbers(score, *arguments):
    code, out, err = score(*arguments, "--json")
    assert (code, err) == (0, [])
    return json.loads("\n".join(out))


def test_a_case_worked_out_by_hand(score, known):
    found = numbers(score, "map.fits", "truth.fits")
    assert (found["pixels"], found["true_pixels"], found["ignored"]) == (400, 8, 0)
    at = {line["threshold"]: line for line in found["thresholds"]}
    assert len(at) == 19 and (min(at), max(at)) == (0.05, 0.95)
    assert [at[0.5][key] for key in ("tp", "fp", "fn", "tn")] == [6, 1, 2, 391]
    assert at[0.5]["precision"] == 6 / 7 and at[0.5]["recall"] == 0.75
    assert [at[0.7][key] for key in ("tp", "fp")] == [6, 0]  # 0.7 is not above 0.7
    assert at[0.95]["precision"] is None and at[0.95]["recall"] == 0
    assert found["auc"] == pytest.approx((6 * 392 + 2 * 391) / (8 * 392))
    assert found["best"]["f1"] == 16 / 17 and 0.01 <= found["best"]["threshold"] < 0.3
    objects = found["objects"]
    assert objects["threshold"] == 0.5
    assert {size["pixels"]: (size["objects"], size["found"]) for size in objects["by_size"]} == {
        "1": (0, 0), "2 to 3": (1, 0), "4 to 8": (1, 1), "9 to 30": (0, 0), "> 30": (0, 0)}
    assert (objects["predicted"], objects["false"]) == (2, 1)
    assert objects["false_per_mpx"] == pytest.approx(2500)
    assert numbers(score, "map.fits", "truth.fits", "--threshold", "0.2")["objects"]["false"] == 1
    sizes = numbers(score, "map.fits", "truth.fits", "--threshold", "0.2")["objects"]["by_size"]
    assert sizes[1] == {"pixels": "2 to 3", "objects": 1, "found": 1, "recall": 1.0}


def test_the_table_says_the_same_in_words(score, known, tmp_path):
    code, out, err = score("map.fits", "truth.fits", "--json", "all.json")
    assert (code, err) == (0, [])
    text = "\n".join(out)
    assert out[:2] == ["map.fits against truth.fits", "400 pixels, 0 ignored, 8 true"]
    assert "   0.5000     0.8571  0.7500  0.8000   2.551e-03" in out
    assert "from every confidence" in text and "the best F1" in text
    assert "1 of 2 predicted objects are false: 2500.0 per megapixel" in text
    assert json.loads((tmp_path / "all.json").read_text())["true_pixels"] == 8


def test_what_is_ignored_counts_nowhere(score, known, tmp_path):
    ignored = np.zeros((20, 20), np.int16)
    ignored[12, 12], ignored[15, 3], ignored[0, :] = 2, 4, 1
    fits.writeto(tmp_path / "dq.fits", ignored)
    for words, true, pixels, fp in ((("--ignore", "dq.fits"), 7, 22, 0),
                                    (("--ignore", "dq.fits", "--ignore-bits", "6"), 7, 2, 0),
                                    (("--ignore", "dq.fits", "--ignore-bits", "1"), 8, 20, 1)):
        found = numbers(score, "map.fits", "truth.fits", *words)
        assert (found["true_pixels"], found["ignored"]) == (true, pixels)
        assert found["thresholds"][9]["fp"] == found["objects"]["false"] == fp


def test_bits_of_the_truth_itself(score, known, tmp_path):
    truth = known[1].astype(np.int16)
    truth[12, 12] = 4
    truth[15, 3] = 3  # true, and not to be counted
    truth[1, 1] = 8  # true by another bit
    fits.writeto(tmp_path / "bits.fits", truth)
    found = numbers(score, "map.fits", "bits.fits", "--ignore-bits", "6")
    assert (found["true_pixels"], found["ignored"], found["objects"]["false"]) == (8, 2, 0)
    assert numbers(score, "map.fits", "bits.fits")["true_pixels"] == 10


def test_a_pixel_of_ignored_bits_alone_joins_no_objects(score, known, tmp_path):
    truth = np.zeros((20, 20), np.int16)
    truth[5, 4:7] = 1, 2, 1
    fits.writeto(tmp_path / "bits.fits", truth)
    sizes = numbers(score, "map.fits", "bits.fits", "--ignore-bits", "2")["objects"]["by_size"]
    assert [size["objects"] for size in sizes] == [2, 0, 0, 0, 0]


def test_a_file_that_glview_saved(score, known, tmp_path):
    confidence = known[0]
    fits.writeto(tmp_path / "a.fits", np.zeros((20, 20), np.float32))
    save_mask(tmp_path / "a.fits", confidence > 0.2, confidence,
              provenance={"model": "NRES", "threshold": 0.2})
    found = numbers(score, "a.fits", "truth.fits")
    assert found["map"] == "a.fits[CR_PROBABILITY]" and found["objects"]["threshold"] == 0.2
    mask = numbers(score, "a.fits[CR_MASK]", "truth.fits")
    assert mask["thresholds"][0]["tp"] == mask["thresholds"][-1]["tp"] == 8
    other = numbers(score, "map.fits", "a.fits")  # a mask as the truth
    assert other["truth"] == "a.fits[CR_MASK]" and other["true_pixels"] == 9


@pytest.mark.parametrize(("known_of_it", "words"), [
    ({"added": 64, "deleted": 54}, "the 64 pixels added and 54 deleted by hand do not count"),
    ({"deleted": 1}, "the 0 pixels added and 1 deleted by hand do not count"),
    ({"dilation": 1}, "the growth by 1 pixel does not count"),
    ({"added": 2, "dilation": 3}, "the 2 pixels added and 0 deleted by hand and the growth by 3 "
                                  "pixels do not count"),
    ({"dilation": 0, "added": 0}, ""),
])
def test_what_the_mask_has_and_its_confidence_has_not_is_told(score, known, tmp_path, known_of_it,
                                                              words):
    confidence, truth = known
    fits.writeto(tmp_path / "a.fits", np.zeros((20, 20), np.float32))
    save_mask(tmp_path / "a.fits", truth > 0, confidence, provenance={"model": "NRES",
                                                                      **known_of_it})
    told = [f"{words}; a.fits[CR_MASK] scores the mask as saved"] if words else []
    code, out, err = score("a.fits", "truth.fits")
    assert (code, err) == (0, []) and out[2 : 2 + len(told)] == told
    assert numbers(score, "a.fits", "truth.fits")["notes"] == told
    for chosen in ("CR_MASK", "CR_PROBABILITY"):  # they have chosen
        assert numbers(score, f"a.fits[{chosen}]", "truth.fits")["notes"] == []
    assert numbers(score, "a.fits[CR_MASK]", "truth.fits")["chosen"]["fn"] == 0


def test_without_a_mask_beside_it_none_is_named(score, known, tmp_path):
    save_mask(tmp_path / "map.fits", None, known[0], provenance={"dilation": 1}, method="beside")
    found = numbers(score, "map.fits.glview.fits", "truth.fits")
    assert not found["is_mask"] and found["notes"] == []


def test_an_extension_named_truth_is_found(score, known, tmp_path):
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(known[1] * 0, name="A"),
            fits.ImageHDU(known[1], name="TRUTH"), fits.ImageHDU(known[1], name="IGNORE")]
    fits.HDUList(hdus).writeto(tmp_path / "t.fits")
    assert numbers(score, "map.fits", "t.fits")["true_pixels"] == 8
    found = numbers(score, "map.fits", "t.fits", "--ignore", "t.fits")
    assert (found["true_pixels"], found["ignored"]) == (0, 8) and found["auc"] is None
    assert numbers(score, "map.fits", "t.fits[A]")["best"] is None


def test_nan_in_the_map_is_told(score, known, tmp_path):
    confidence = known[0].copy()
    confidence[5, 5] = np.nan
    fits.writeto(tmp_path / "nan.fits", confidence)
    code, out, _ = score("nan.fits", "truth.fits")
    assert code == 0 and out[1].endswith("1 NaN count as not predicted")


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize("arguments", [("map.fits", "sky.fits"), ("sky.fits", "truth.fits"),
                                       ("map.fits", "sky.fits", "--ignore-bits", "4")])
def test_a_picture_is_not_taken_for_a_mask(score, known, tmp_path, arguments, dtype):
    sky = np.random.default_rng(3).integers(-20, 300, (20, 20))
    fits.writeto(tmp_path / "sky.fits", sky.astype(dtype))
    code, out, err = score(*arguments)
    assert (code, out) == (2, []) and len(err) == 1
    if arguments[0] == "sky.fits" and dtype is np.float32:
        assert "a number from 0 to 1" in err[0]
    else:
        left = sky & ~4 if "--ignore-bits" in arguments else sky
        share = percent(np.count_nonzero(left) / 400)
        assert f"sky.fits is no mask: {share} of its pixels are not 0" in err[0]
        assert "sky.fits[EXT]" in err[0]


def test_values_that_no_mask_of_zeros_and_ones_has_are_told(score, known, tmp_path):
    labels = known[1].astype(np.int16)
    labels[5, 5:11], labels[15, 3:5] = 255, -7
    fits.writeto(tmp_path / "labels.fits", labels)
    words = "labels.fits holds values from -7 to 255: each that is not 0 counts as a ray"
    code, out, err = score("map.fits", "labels.fits")
    assert (code, err) == (0, []) and words in out and out[1] == "400 pixels, 0 ignored, 8 true"
    found = numbers(score, "labels.fits", "truth.fits")
    assert found["notes"] == [words] and found["chosen"]["tp"] == 8 and found["is_mask"]
    assert numbers(score, "map.fits", "truth.fits")["notes"] == []


@pytest.mark.parametrize(("arguments", "words"), [
    (["map.fits"], "required: TRUTH"),
    (["none.fits", "truth.fits"], "there is no file"), (["map.fits", "none.fits"], "no file"),
    (["map.fits", "small.fits"], "map.fits is 20 x 20 pixels, small.fits 5 x 5"),
    (["counts.fits", "truth.fits"], "from 0 to 1; this map holds 9"),
    (["two.fits", "truth.fits"], "holds several images"), (["two.fits", "truth.fits"], "[1]"),
    (["cube.fits", "truth.fits"], "is a cube"), (["map.fits[7]", "truth.fits"], "no extension 7"),
    (["map.fits", "truth.fits", "--ignore-bits", "0"], "whole number"),
    (["truth.fits", "half.fits", "--ignore-bits", "2"], "it holds fractions"),
    (["map.fits", "truth.fits", "--json", "truth.fits"], "ends in .json"),
    (["map.fits", "truth.fits", "--json", "no/such.json"], "No such file"),
    (["map.fits", "truth.fits", "--plot", "truth.fits"], "ends in .png"),
    (["map.fits", "truth.fits", "--plot", "no/such.png"], "No such file"),
])
def test_bad_input_is_told_in_a_line(score, known, tmp_path, arguments, words):
    fits.writeto(tmp_path / "small.fits", np.zeros((5, 5), np.uint8))
    fits.writeto(tmp_path / "counts.fits", np.full((20, 20), 9, np.float32))
    fits.writeto(tmp_path / "half.fits", known[0])
    fits.writeto(tmp_path / "cube.fits", np.zeros((2, 20, 20), np.float32))
    images = [fits.ImageHDU(known[0], name=name) for name in "AB"]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(tmp_path / "two.fits")
    code, _, err = score(*arguments)
    assert code == 2 and err[-1].startswith("glview score: ") and words in err[-1]
    assert fits.getdata(tmp_path / "truth.fits").sum() == 8


def test_too_little_memory_is_told(score, known, monkeypatch):
    def fail(*arguments):
        raise MemoryError

    from glview.score import command

    monkeypatch.setattr(command, "score_objects", fail)
    code, out, err = score("map.fits", "truth.fits")
    assert (code, out) == (2, []) and "not enough memory" in err[0]


def test_the_plot_is_a_picture_with_four_curves(score, known, tmp_path):
    code, _, err = score("map.fits", "truth.fits", "--plot", "out.png")
    assert (code, err) == (0, [])
    picture = np.asarray(Image.open(tmp_path / "out.png").convert("RGB")).astype(int)
    assert picture.shape == (960, 1200, 3)
    coloured = np.ptp(picture, axis=2) > 60
    for rows in (slice(0, 480), slice(480, 960)):
        for columns in (slice(0, 600), slice(600, 1200)):
            assert np.count_nonzero(coloured[rows, columns]) > 300


def test_a_long_curve_keeps_its_ends():
    from glview.score.plot import thinned

    values = np.arange(123456)
    short = thinned(values)
    assert len(short) == 4000 and (short[0], short[-1]) == (0, 123455)
    assert thinned(values[:10]) is not None and len(thinned(values[:10])) == 10


def test_without_matplotlib_the_table_comes_and_then_what_is_missing(score, known, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "glview.score.plot", raising=False)
    monkeypatch.delattr(glview.score, "plot", raising=False)
    code, out, err = score("map.fits", "truth.fits", "--plot", "out.png")
    assert code == 2 and any("the best F1" in line for line in out)
    assert err == ["glview score: --plot needs the package matplotlib: pip install 'glview[plot]'"]
    code, out, _ = score("map.fits", "truth.fits", "--plot", "out.txt")
    assert (code, out) == (2, []), "a wrong name is told before any work"
    assert score("map.fits", "truth.fits")[0] == 0


def test_the_figures_of_the_readme_are_true(tmp_path, capsys):
    data = Path(glview.__file__).parent / "data"
    truth = str(data / "demo_truth.fits.gz")
    assert cli.main(["detect", str(data / "demo.fits.gz"), "-o", str(tmp_path)]) == 0
    capsys.readouterr()
    found = str(tmp_path / "demo.fits.gz.glview.fits")
    assert cli.main(["score", found, truth, "--ignore", truth, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    text = " ".join((Path(__file__).parent.parent / "README.md").read_text().split())
    chosen, sizes = told["chosen"], told["objects"]["by_size"]
    assert f"finds {chosen['recall']:.3f} of the ray pixels" in text
    assert f"a precision of {chosen['precision']:.3f}" in text
    assert sum(size["found"] for size in sizes) == sum(size["objects"] for size in sizes) == 40
    assert told["objects"]["false"] == 0 and f"ROC curve is {told['auc']:.4f}" in text
