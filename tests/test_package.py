"""What a user installs: the wheel holds everything, and versions and pins agree."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from inspect import signature
from pathlib import Path

import numpy as np
import pytest

import glview

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from this tree with the installed hatchling: nothing is fetched."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("glview-*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory):
    """A folder that holds the package as installed, away from the repository."""
    folder = tmp_path_factory.mktemp("site")
    wheel.extractall(folder)
    return folder


def run_installed(unpacked, *arguments):
    """The finished `python -m glview ...` of the unpacked wheel, started in another folder."""
    return subprocess.run(
        [sys.executable, "-m", "glview", *map(str, arguments)],
        cwd=unpacked.parent,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pins():
    """Name -> version of every line in .ci/constraints.txt."""
    lines = (ROOT / ".ci" / "constraints.txt").read_text().splitlines()
    rows = [line for line in lines if line.strip() and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", row) for row in rows), "one exact version a line"
    return {normal(name): version for name, version in (row.split("==") for row in rows)}


def test_the_wheel_holds_every_file_of_the_package(wheel):
    skipped = {"__pycache__", ".DS_Store"}
    wanted = {path for path in (ROOT / "glview").rglob("*") if path.is_file()}
    wanted = {path for path in wanted if not skipped & set(path.parts)}
    for path in wanted:
        assert wheel.read(path.relative_to(ROOT).as_posix()) == path.read_bytes()


def test_the_wheel_holds_the_shaders(wheel):
    shaders = [path for path in (ROOT / "shaders").rglob("*") if path.is_file()]
    assert shaders
    for path in shaders:
        inside = f"glview/{path.relative_to(ROOT).as_posix()}"
        assert wheel.read(inside) == path.read_bytes()


def test_the_wheel_holds_weights_with_their_notice_and_a_frame(wheel):
    names = wheel.namelist()
    folders = {name.rpartition("/")[0] for name in names if name.endswith(".safetensors")}
    assert folders
    for folder in folders:
        notice = wheel.read(f"{folder}/NOTICE.md")
        assert b"Copyright" in notice and b"Redistribution and use" in notice
    assert any(re.search(r"\.fits(\.gz|\.fz)?$", name) for name in names)


def test_the_wheel_holds_nothing_else(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"glview", f"glview-{glview.__version__}.dist-info"}
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())
    entry = wheel.read(f"glview-{glview.__version__}.dist-info/entry_points.txt").decode()
    assert "glview = glview.cli:main" in entry


def test_the_installed_program_runs_away_from_the_repository(unpacked):
    done = run_installed(unpacked, "--version")
    assert done.returncode == 0, done.stderr
    assert glview.__version__ in done.stdout


def test_the_installed_program_finds_its_shaders_and_its_frame(unpacked, tmp_path, gl):
    out = tmp_path / "demo.png"
    done = run_installed(unpacked, "--demo", "--screenshot", out, "--size", "640x400")
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(b"\x89PNG")


def test_scripts_find_objects_with_plain_arguments():
    words = {name: list(signature(getattr(glview, name)).parameters) for name in (
        "find_objects", "final_mask")}
    assert words["find_objects"][:7] == [
        "confidence", "threshold", "dilate", "image", "added", "deleted", "connectivity"]
    assert words["final_mask"][:5] == ["confidence", "threshold", "dilate", "added", "deleted"]
    confidence = np.zeros((9, 9), np.float32)
    confidence[4, 4] = 0.8
    (one,) = glview.find_objects(confidence, dilate=1)
    assert (one["area"], one["y0"], one["cx"]) == (9, 3, 4.0)
    assert np.array_equal(np.argwhere(glview.final_mask(confidence, 0.7)), [[4, 4]])


def test_versions_agree():
    changes = (ROOT / "CHANGELOG.md").read_text()
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.search(r"^## (\S+)", changes, re.M)[1] == glview.__version__
    assert re.search(r"^version: (\S+)$", citation, re.M)[1] == glview.__version__


def test_no_dependency_is_idle():
    modules = {"pillow": "PIL"}
    text = "\n".join(path.read_text() for path in (ROOT / "glview").rglob("*.py"))
    for row in PROJECT["dependencies"]:
        name = re.match(r"[\w.-]+", row)[0]
        module = modules.get(name, name.replace("-", "_"))
        assert re.search(rf"^\s*(import|from) {module}\b", text, re.M), name


def test_the_readme_names_every_extra():
    text = (ROOT / "README.md").read_text()
    assert not [name for name in PROJECT["optional-dependencies"] if f"`{name}`" not in text]


def test_everything_that_is_asked_for_is_pinned():
    extras = PROJECT["optional-dependencies"]
    asked = [*PROJECT["dependencies"], *(row for rows in extras.values() for row in rows)]
    names = {normal(re.match(r"[\w.-]+", row)[0]) for row in asked} - {"glview"}
    assert names <= set(pins())


def test_everything_that_is_installed_with_it_is_pinned():
    """pip's own answer for this environment, so that a new indirect dependency is noticed."""
    command = [sys.executable, "-m", "pip", "freeze", "--exclude-editable"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    if not (ROOT / ".venv" / ".test").exists() or Path(sys.prefix).resolve() != ROOT / ".venv":
        pytest.skip("not the environment that make builds; any package may be in this one")
    rows = [row.split("==") for row in done.stdout.splitlines() if "==" in row]
    assert rows
    installed = {normal(name): version.split("+")[0] for name, version in rows}
    unpinned = dict(installed.items() - pins().items())
    # torch's builds for GPUs ask for their libraries, each at one version, by themselves.
    assert not [name for name in unpinned if not name.startswith(("nvidia", "cuda", "triton"))]
