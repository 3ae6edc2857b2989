"""Shares in words."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glview.core.shares import percent, progress


@pytest.mark.parametrize(("share", "words"), [
    (0, "0 %"), (1, "100 %"), (0.5, "50 %"), (0.04, "4.0 %"), (0.0004, "0.040 %"),
    (0.96, "96 %"), (0.996, "99.6 %"), (0.99992, "99.992 %"), (1 / 3, "33 %")])
def test_a_share_has_two_digits_or_more_if_it_is_nearly_all(share, words):
    assert percent(share) == words


@given(st.integers(1, 1 << 32), st.data())
def test_nothing_and_all_are_said_of_nothing_and_all_alone(total, data):
    some = data.draw(st.sampled_from([1, total - 1]) | st.integers(0, total))
    said = Fraction(percent(some / total).removesuffix(" %"))
    assert (said == 0) == (some == 0) and (said == 100) == (some == total)
    exact = Fraction(100 * some, total)
    near = exact / 19 if 2 * some < total else (100 - exact) / Fraction(19, 10)
    assert abs(said - exact) <= near


@given(st.integers(1, 10**6), st.data())
def test_progress_ends_at_the_end_and_not_before(total, data):
    done = data.draw(st.integers(0, total))
    whole = int(progress(done / total).removesuffix(" %"))
    assert whole == 100 * done // total
