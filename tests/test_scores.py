"""Scores against their definitions, by brute force and by cases worked out by hand."""

import math

import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import mannwhitneyu

from glview.core import tally as tallies
from glview.core.scores import THRESHOLDS, Counts, score_objects
from glview.core.tally import Tally

BOX = np.ones((3, 3), int)


def tallied(confidence, truth, ignored=None, **options):
    made = Tally(confidence.size, **options)
    made.add(np.asarray(confidence), np.asarray(truth), ignored)
    return made


def random_case(seed, ties=True, shape=(60, 70)):
    rng = np.random.default_rng(seed)
    truth = rng.random(shape) < 0.1
    confidence = np.clip(rng.normal(0.35 + 0.3 * truth, 0.2), 0, 1).astype(np.float32)
    if ties:
        confidence = np.round(confidence * 20).astype(np.float32) / np.float32(20)
    return confidence, truth, rng.random(shape) < 0.15


def by_definition(confidence, truth, threshold):
    mask = confidence > np.float32(threshold)
    return [int(np.sum(a & b)) for a, b in
            ((mask, truth), (mask, ~truth), (~mask, truth), (~mask, ~truth))]


@pytest.fixture(params=["sorted", "binned"])
def kind(request, monkeypatch):
    if request.param == "binned":
        monkeypatch.setattr(tallies, "EXACT", 0)
    monkeypatch.setattr(tallies, "_ROWS", 700)  # so that a frame comes in several parts
    return request.param


def test_a_case_worked_out_by_hand(kind):
    confidence = np.array([[0.9, 0.8, 0.8, 0.3, 0.3, 0.1]], np.float32)
    truth = np.array([[True, True, False, True, False, False]])
    made = tallied(confidence, truth)
    assert made.at(0.5) == Counts(0.5, 2, 1, 1, 2)
    assert (made.at(0.5).precision, made.at(0.5).recall) == (2 / 3, 2 / 3)
    assert made.at(0.5).f1 == pytest.approx(2 / 3) and made.at(0.5).false_rate == 1 / 3
    curve = made.curve()
    # pairs won: .9 beats 3; .8 beats 2 and ties 1; .3 beats 1 and ties 1
    assert curve.auc == pytest.approx((3 + 2.5 + 1.5) / 9)
    assert curve.average_precision == pytest.approx((1 / 1 + 2 / 3 + 3 / 5) / 3)
    false, recall = curve.roc
    points = {(round(3 * x), round(3 * y)) for x, y in zip(false, recall, strict=True)}
    assert points == {(0, 0), (0, 1), (1, 2), (2, 3), (3, 3)}
    best = curve.best()
    assert (best.tp, best.fp, best.f1) == (3, 2, 0.75) and 0.1 <= best.threshold < 0.3
    assert curve.recall_at(0) == 1 / 3 and curve.recall_at(0.34) == 2 / 3
    assert curve.precision_at(0.95) == 0.6 and curve.precision_at(0.3) == 1


@pytest.mark.parametrize("seed", range(4))
def test_counts_at_every_threshold_are_those_of_the_mask(kind, seed):
    confidence, truth, ignored = random_case(seed, ties=seed % 2)
    made = tallied(confidence, truth, ignored, extra=(0.123,))
    assert made.exact == (kind == "sorted") and made.ignored == ignored.sum()
    used = ~ignored
    for threshold in (*THRESHOLDS, 0.123, 0.0, 1.0):
        found = made.at(threshold)
        assert [found.tp, found.fp, found.fn, found.tn] == by_definition(
            confidence[used], truth[used], threshold)


@pytest.mark.parametrize("seed", range(4))
def test_the_area_is_the_chance_of_scipys_rank_test(kind, seed):
    confidence, truth, ignored = random_case(seed, ties=seed % 2)
    true, false = confidence[truth & ~ignored], confidence[~truth & ~ignored]
    chance = mannwhitneyu(true, false).statistic / (true.size * false.size)
    curve = tallied(confidence, truth, ignored).curve()
    assert curve.auc == pytest.approx(chance, abs=1e-9 if kind == "sorted" or seed % 2 else 1e-4)
    x, y = curve.roc
    assert np.trapezoid(y, x) == pytest.approx(curve.auc, abs=1e-12)
    assert (np.diff(x) >= 0).all() and (np.diff(y) >= 0).all()
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)


@pytest.mark.parametrize("seed", range(4))
def test_the_best_threshold_is_better_than_any_other(seed):
    confidence, truth, _ = random_case(seed, ties=seed % 2)
    made = tallied(confidence, truth)
    best = made.curve().best()
    for threshold in np.unique(np.append(confidence, 0)):
        assert made.at(threshold).f1 <= best.f1 + 1e-12
    mask = confidence > np.float32(best.threshold)
    assert (best.tp, best.fp) == ((mask & truth).sum(), (mask & ~truth).sum())


def test_average_precision_and_rates_by_their_definitions():
    confidence, truth, _ = random_case(7)
    curve = tallied(confidence, truth).curve()
    total, before, precisions = 0.0, 0.0, []
    for value in np.unique(confidence)[::-1]:
        mask = confidence >= value
        recall = (mask & truth).sum() / truth.sum()
        precisions.append((recall, (mask & truth).sum() / mask.sum(),
                           (mask & ~truth).sum() / (~truth).sum()))
        total += (recall - before) * precisions[-1][1]
        before = recall
    assert curve.average_precision == pytest.approx(total)
    for level in (0.2, 0.5, 0.95):
        assert curve.precision_at(level) == max(p for r, p, _ in precisions if r >= level)
    for rate in (1e-3, 1e-2, 0.3):
        allowed = [r for r, _, f in precisions if f <= rate]
        assert curve.recall_at(rate) == max(allowed, default=0)


def test_bins_are_as_fine_as_they_say(monkeypatch):
    confidence, truth, _ = random_case(3, ties=False)
    whole = tallied(confidence, truth).curve()
    monkeypatch.setattr(tallies, "EXACT", 0)
    binned = tallied(confidence, truth).curve()
    assert binned.best().f1 == pytest.approx(whole.best().f1, abs=2e-3)
    assert binned.average_precision == pytest.approx(whole.average_precision, abs=2e-3)


def test_nan_is_never_predicted_and_counted(kind):
    confidence = np.array([[np.nan, np.nan, 0.0, 0.7]], np.float32)
    truth = np.array([[True, False, False, True]])
    made = tallied(confidence, truth)
    assert made.unknown == 2
    assert made.at(0.0) == Counts(0.0, 1, 0, 1, 2)
    assert made.curve().auc == pytest.approx((2 + 0.5) / 4)
    assert made.curve().best().tp == 1


def test_frames_with_nothing_true_or_nothing_else(kind):
    confidence = np.linspace(0, 1, 6, dtype=np.float32)[None]
    none, every = np.zeros((1, 6), bool), np.ones((1, 6), bool)
    curve = tallied(confidence, none).curve()
    assert math.isnan(curve.auc) and math.isnan(curve.average_precision)
    assert curve.best() is None and math.isnan(curve.recall_at(0.1))
    assert math.isnan(tallied(confidence, none).at(0.5).recall)
    assert tallied(confidence, every).curve().best().recall == 5 / 6  # 0 is above no threshold
    ignored = tallied(confidence, every, every)
    assert ignored.ignored == 6 and math.isnan(ignored.at(0.5).f1)
    assert math.isnan(tallied(np.zeros((1, 6), np.float32), every).at(0.5).precision)


@pytest.mark.parametrize("value", [1.5, -0.2, np.inf, 40000.0])
def test_what_is_no_confidence_is_refused(kind, value):
    confidence = np.array([[0.1, value]], np.float32)
    with pytest.raises(ValueError, match="from 0 to 1; this map holds"):
        tallied(confidence, np.zeros((1, 2), bool))
    tallied(confidence, np.zeros((1, 2), bool), np.array([[False, True]]))  # nobody looks at it


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="its truth"):
        tallied(np.zeros((2, 2), np.float32), np.zeros((2, 3), bool))


def test_objects_worked_out_by_hand():
    truth, confidence = np.zeros((30, 40), bool), np.zeros((30, 40), np.float32)
    ignored = np.zeros_like(truth)
    truth[1, 1] = confidence[1, 1] = 1  # one pixel, found
    truth[1, 5] = True  # one pixel, missed
    truth[5, 1] = truth[6, 2] = True  # two pixels, touching by a corner
    confidence[6, 2] = 0.6
    truth[10, 5:45] = True  # 35 pixels
    truth[20:22, 0:2] = True  # four, of which three are ignored
    ignored[20:22, 0:2] = [[True, True], [True, False]]
    truth[25, 5] = ignored[25, 5] = True  # left out
    confidence[20, 20:23] = 0.9  # false
    confidence[22, 30] = 0.9  # it touches what is ignored: nobody knows
    ignored[23, 31] = True
    confidence[23, 31] = 0.9
    found = score_objects(confidence, truth, ignored, 0.5)
    assert found.sizes == ((1, 1, 3, 1), (2, 3, 1, 1), (4, 8, 0, 0), (9, 30, 0, 0),
                           (31, None, 1, 0))
    assert (found.false, found.predicted) == (1, 4)
    assert found.megapixels == (1200 - 5) / 1e6
    assert found.false_per_megapixel == pytest.approx(1e6 / 1195)
    assert score_objects(confidence, truth, ignored, 0.7).sizes[1] == (2, 3, 1, 0)


@pytest.mark.parametrize("seed", range(3))
def test_objects_are_those_of_scipy(seed):
    rng = np.random.default_rng(seed)
    truth = ndimage.binary_dilation(rng.random((200, 160)) < 0.004, iterations=2)
    truth |= rng.random(truth.shape) < 0.01
    ignored = rng.random(truth.shape) < 0.1
    confidence = np.where(truth, rng.random(truth.shape), 0.3 * rng.random(truth.shape))
    confidence[rng.random(truth.shape) < 0.003] = 0.95
    confidence = confidence.astype(np.float32)
    found = score_objects(confidence, truth, ignored, 0.8)
    mask = confidence > np.float32(0.8)
    labels, count = ndimage.label(truth, BOX)
    index = np.arange(1, count + 1)
    size = ndimage.sum_labels(~ignored, labels, index)
    hit = ndimage.sum_labels(mask & ~ignored, labels, index) > 0
    for fewest, most, total, hits in found.sizes:
        chosen = (size >= fewest) & (size <= (most or 1e9))
        assert (total, hits) == (chosen.sum(), (chosen & hit).sum()) and total > 0
    labels, count = ndimage.label(mask, BOX)
    known = ndimage.sum_labels(truth | ignored, labels, np.arange(1, count + 1))
    assert (found.predicted, found.false) == (count, (known == 0).sum()) and found.false > 0
