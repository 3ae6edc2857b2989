"""Scalings against astropy's; tables against the definition."""

import re

import numpy as np
import pytest
from astropy import visualization as judge

from glview.core import stretch
from glview.core.stretch import KINDS, LABELS, SCALINGS, contrast_bias, equalised, glsl, grey

# DS9 divides by rounder numbers than astropy does: this factor turns astropy's into DS9's.
JUDGES = {
    "linear": (judge.LinearStretch(), 1.0),
    "log": (judge.LogStretch(a=1000.0), np.log(1001.0) / np.log(1000.0)),
    "power": (judge.PowerDistStretch(a=1000.0), 999.0 / 1000.0),
    "sqrt": (judge.SqrtStretch(), 1.0),
    "squared": (judge.SquaredStretch(), 1.0),
    "asinh": (judge.AsinhStretch(a=0.1), np.arcsinh(10.0) / 3.0),
    "sinh": (judge.SinhStretch(a=1.0 / 3.0), np.sinh(3.0) / 10.0),
}


@pytest.mark.parametrize("kind", SCALINGS)
def test_scaling_is_astropys_with_ds9s_constant(kind):
    low, high = -20.0, 300.0
    values = np.linspace(low - 50, high + 50, 4001, dtype=np.float32)
    t = np.clip((values.astype(float) - low) / (high - low), 0, 1)
    astropys, factor = JUDGES[kind]
    expected = np.clip(astropys(t) * factor, 0, 1)
    assert np.abs(grey(values, kind, low, high) - expected).max() < 2e-6


def test_every_kind_has_a_label_and_a_judge():
    assert list(LABELS) == list(KINDS)
    assert set(JUDGES) == set(SCALINGS)
    assert KINDS.index("histogram") == len(SCALINGS)


@pytest.mark.parametrize("kind", KINDS)
def test_bad_pixels_pass_and_shape_is_kept(kind):
    table = np.linspace(0, 1, 8, dtype=np.float32)
    values = np.array([[np.nan, np.inf, -np.inf], [0.0, 0.5, 1.0]])
    drawn = grey(values, kind, 0, 1, table)
    assert drawn.shape == values.shape and drawn.dtype == np.float32
    assert np.array_equal(drawn[0], values[0].astype(np.float32), equal_nan=True)
    assert (np.diff(drawn[1]) > 0).all() and drawn[1, 0] == 0.0 and 0.99 < drawn[1, 2] <= 1.0


@pytest.mark.parametrize(
    "values", [np.float64(1e300), np.int16(7), np.zeros((0, 3)), [True, False]]
)
def test_any_real_values_are_taken(values):
    assert grey(values, "asinh", -1e39, 8.0).shape == np.shape(values)


def test_unknown_kind_and_missing_table_are_named():
    with pytest.raises(ValueError, match=r"loglog.*linear, log"):
        grey([1.0], "loglog", 0, 1)
    with pytest.raises(ValueError, match="table"):
        grey([1.0], "histogram", 0, 1)


def test_glsl_returns_each_formula_under_its_number():
    text = glsl()
    cases = dict(re.findall(r"if \(kind == (\d+)\) return (.*);", text))
    assert cases == {str(KINDS.index(kind)): formula for kind, formula in SCALINGS.items()}
    assert text.startswith("float scale(float t, int kind) {") and text.count("{") == 1
    assert "log10" not in text and "**" not in text  # GLSL 3.30 knows neither
    assert not re.findall(r"(?<![\w.])\d+(?![\w.])(?!\))", re.sub(r"kind == \d+", "", text))


@pytest.mark.parametrize(
    ("contrast", "bias", "black", "white"),
    [(1.0, 0.5, 0.0, 1.0), (2.0, 0.5, 0.25, 0.75), (1.0, 0.2, -0.3, 0.7), (10.0, 0.9, 0.85, 0.95)],
)
def test_contrast_and_bias_place_black_and_white(contrast, bias, black, white):
    t = np.linspace(0, 1, 1001)
    expected = np.clip((t - black) / (white - black), 0, 1)
    np.testing.assert_allclose(contrast_bias(t, contrast, bias), expected, atol=1e-12)
    assert np.isnan(contrast_bias(np.nan, contrast, bias))


@pytest.mark.parametrize("n", [2, 64, 1024])
def test_table_is_the_share_of_the_sample_below(n):
    sample = np.sort(np.random.default_rng(3).normal(100, 10, 3000).astype(np.float32))
    low, high = 85.0, 130.0
    table = equalised(sample, low, high, n)
    inside = sample[(sample >= low) & (sample <= high)]
    edges = np.linspace(low, high, n)[:-1].astype(np.float32)
    expected = [(inside < edge).mean() for edge in edges]
    np.testing.assert_allclose(table, [*expected, 1.0], atol=1e-6)


def test_histogram_grey_is_astropys_equalisation():
    sample = np.sort(np.random.default_rng(4).gamma(3.0, 20.0, 20_000).astype(np.float32))
    low, high = float(sample[0]), float(sample[-1])
    drawn = grey(sample, "histogram", low, high, equalised(sample, low, high))
    astropys = judge.HistEqStretch(sample.astype(float))
    expected = astropys((sample.astype(float) - low) / (high - low))
    assert np.abs(drawn - expected).max() < 2e-3  # the table has 1024 entries
    assert drawn[0] < 1e-4 and drawn[-1] == 1.0


@pytest.mark.parametrize(
    "sample",
    [[], [5.0], [5.0] * 9, [-9.0, 99.0], [0.0, 10.0], [0.0] * 5 + [10.0], np.arange(-50.0, 50.0)],
)
def test_table_rises_from_0_to_1_whatever_the_sample(sample):
    table = equalised(np.array(sample, np.float32), 0.0, 10.0)
    assert table.dtype == np.float32 and table.shape == (1024,)
    assert table[0] == 0.0 and table[-1] == 1.0 and (np.diff(table) >= 0).all()


def test_equal_settings_are_equal_keys():
    assert stretch.Stretch(low=2) == stretch.Stretch(low=2.0)
    assert len({stretch.Stretch(), stretch.Stretch(), stretch.Stretch(invert=True)}) == 2
