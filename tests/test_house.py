"""The sizes and the words that the code keeps to.  Raising a number here is a visible line."""

import ast
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = sorted((ROOT / "glview").rglob("*.py"))
TESTS = sorted((ROOT / "tests").glob("*.py"))
LONGEST_FUNCTION = 60
USUAL_FUNCTION = 25  # nine of ten functions
PLAIN_METHOD = 3  # lines; its class says what it does
LONGEST_FILE = 300
LONGEST_TEST_FILE = 400


def name_of(path):
    return str(path.relative_to(ROOT))


def tree_of(path):
    return ast.parse(path.read_text(), path.name)


def functions(path):
    """(name, lines) of every function and method, its docstring counted."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{name_of(path)}:{node.name}", node.end_lineno - node.lineno + 1


def undocumented(body, prefix=""):
    """Names of the public functions, classes and methods in `body` without a docstring."""
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        plain = prefix and node.end_lineno - node.lineno < PLAIN_METHOD
        if not plain and not ast.get_docstring(node):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from undocumented(node.body, f"{prefix}{node.name}.")


def test_functions_are_short():
    sizes = dict(pair for path in PACKAGE for pair in functions(path))
    assert sizes
    too_long = {name: lines for name, lines in sizes.items() if lines > LONGEST_FUNCTION}
    assert not too_long
    assert np.percentile(list(sizes.values()), 90) <= USUAL_FUNCTION


@pytest.mark.parametrize("path", PACKAGE, ids=name_of)
def test_a_file_is_short(path):
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_a_test_file_is_short(path):
    assert len(path.read_text().splitlines()) <= LONGEST_TEST_FILE


@pytest.mark.parametrize("path", PACKAGE, ids=name_of)
def test_every_module_says_what_it_is(path):
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(tree_of(path))


@pytest.mark.parametrize("path", sorted((ROOT / "glview" / "core").glob("*.py")), ids=name_of)
def test_what_is_public_in_core_is_documented(path):
    assert not list(undocumented(tree_of(path).body))


def test_no_module_is_a_drawer_for_everything():
    assert not {path.stem for path in PACKAGE} & {"utils", "util", "helpers", "common", "misc"}


def test_the_checks_see_what_they_look_for():
    long = "\n    x = 1" * 3
    body = ast.parse(f"class A:\n  def b(self): pass\n  def c(self):{long}").body
    assert list(undocumented(body)) == ["A", "A.c"]
    assert not list(undocumented(ast.parse("def _c(): pass\ndef d():\n  'said'").body))
    path = ROOT / "tests" / "test_house.py"
    assert dict(functions(path))["tests/test_house.py:name_of"] == 2
