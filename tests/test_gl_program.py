"""Shaders as text: includes, generated parts, uniforms that become constants."""

import pytest

from glview.gl.program import source


def test_a_uniform_becomes_a_constant_and_the_lines_stay():
    plain, fixed = source("image.frag"), source("image.frag", kind=3, any_mask=True)
    assert plain.count("\n") == fixed.count("\n")
    changed = [(before, after) for before, after in
               zip(plain.splitlines(), fixed.splitlines(), strict=True) if before != after]
    assert [before.split(";")[0] for before, _ in changed] == ["uniform bool any_mask",
                                                               "uniform int kind"]
    assert [after.split(";")[0] for _, after in changed] == ["const bool any_mask = bool(1)",
                                                             "const int kind = int(3)"]


def test_a_uniform_that_there_is_not_is_refused():
    with pytest.raises(AssertionError, match="kinds in image"):
        source("image.frag", kinds=3)
