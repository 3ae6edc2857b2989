"""The lines round pixels, judged by the definition."""

import numpy as np

from glview.core import outline
from glview.core.outline import edges_of, outline_of


def test_there_is_a_line_where_inside_meets_outside_and_nowhere_else():
    inside = np.random.default_rng(1).random((9, 11)) < 0.4

    def at(y, x):
        return 0 <= y < 9 and 0 <= x < 11 and bool(inside[y, x])

    expected = {(y, x, y, x + 1) for y in range(10) for x in range(11) if at(y, x) != at(y - 1, x)}
    expected |= {(y, x, y + 1, x) for y in range(9) for x in range(12) if at(y, x) != at(y, x - 1)}
    lines = edges_of(inside).tolist()
    assert len(lines) == len(expected) and set(map(tuple, lines)) == expected
    assert not len(edges_of(np.zeros((4, 5), bool)))


def test_of_too_many_lines_the_box_is_drawn(monkeypatch):
    inside = np.array([[1, 0, 1], [0, 1, 0]], bool)
    assert (outline_of((20, 30), inside) == edges_of(inside) + np.array([20, 30, 20, 30])).all()
    monkeypatch.setattr(outline, "MOST", 12)
    assert len(outline_of((20, 30), inside)) == 12
    monkeypatch.setattr(outline, "MOST", 11)
    assert {tuple(line) for line in outline_of((20, 30), inside).tolist()} == {
        (20, 30, 20, 33), (20, 30, 22, 30), (22, 30, 22, 33), (20, 33, 22, 33)}
