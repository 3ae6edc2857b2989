"""The suggested threshold: near the best F1 of maps whose truth is known; None of what is empty."""

import numpy as np
import pytest

from glview.core.plane import Plane
from glview.core.threshold import suggest_threshold


def simulated(sky, rays, seed=0, shape=(400, 500), share=0.01):
    """(confidence, truth): log odds normal about `sky` and `rays`, each (mean, deviation)."""
    rng = np.random.default_rng(seed)
    truth = rng.random(shape) < share
    odds = np.where(truth, rng.normal(*rays, shape), rng.normal(*sky, shape))
    return (1 / (1 + np.exp(-odds))).astype(np.float32), truth


def f1(confidence, truth, threshold):
    mask = confidence > threshold
    return 2 * (mask & truth).sum() / (mask.sum() + truth.sum())


def best(confidence, truth):
    return max(f1(confidence, truth, t) for t in np.linspace(0.005, 0.995, 199))


@pytest.mark.parametrize(
    ("sky", "rays"),
    [
        ((-9, 2), (5, 2)),  # as it should be
        ((-9, 1.5), (0, 1.5)),  # timid: the best is far below 0.5
        ((-4, 1.5), (6, 1.5)),  # bold: the best is above 0.5
        ((-12, 1), (-2, 1)),
        ((-6, 2.5), (8, 2)),
    ],
)
@pytest.mark.parametrize("share", [0.005, 0.03])
def test_it_is_near_the_best(sky, rays, share):
    confidence, truth = simulated(sky, rays, share=share)
    threshold = suggest_threshold(confidence)
    assert f1(confidence, truth, threshold) > best(confidence, truth) - 0.06


def test_it_beats_the_half_where_the_network_is_bold_or_timid():
    for sky, rays in (((-9, 1.5), (0, 1.5)), ((-2.5, 1.2), (6, 1.5))):
        confidence, truth = simulated(sky, rays)
        found = f1(confidence, truth, suggest_threshold(confidence))
        assert found > f1(confidence, truth, 0.5) + 0.1


def test_without_a_valley_the_confidence_is_a_probability():
    rng = np.random.default_rng(4)
    confidence = np.clip(rng.exponential(0.08, (500, 500)), 0, 0.99).astype(np.float32)
    truth = rng.random((500, 500)) < confidence
    threshold = suggest_threshold(confidence)
    assert f1(confidence, truth, threshold) > best(confidence, truth) - 0.01


@pytest.mark.parametrize(
    "confidence",
    [
        np.zeros((9, 9)),
        np.ones((9, 9)),
        np.full((9, 9), 0.3),
        np.full((9, 9), np.nan),
        np.zeros((0, 9)),
        np.zeros((9, 0)),
        np.full((9, 9), 1e-4),
    ],
)
def test_what_tells_nothing_gets_none(confidence):
    assert suggest_threshold(confidence.astype(np.float32)) is None


def test_of_two_values_it_is_the_middle():
    confidence = np.zeros((20, 20), np.float32)
    confidence[4:6, 3:9] = 1
    assert suggest_threshold(confidence) == 0.5


def test_nan_is_left_out_and_the_map_is_not_written():
    confidence, _ = simulated((-9, 2), (3, 2))
    expected = suggest_threshold(confidence)
    with_nan = np.concatenate([confidence, np.full((50, 500), np.nan, np.float32)])
    with_nan.flags.writeable = False
    assert suggest_threshold(with_nan) == expected
    assert suggest_threshold(confidence[::-1, ::-1]) == expected, "the same pixels, turned"


def test_a_plane_gives_what_its_array_gives():
    confidence, _ = simulated((-12, 2), (4, 2), shape=(700, 600))
    confidence[confidence < 0.01] = 0
    assert suggest_threshold(Plane.from_array(confidence)) == suggest_threshold(confidence)
