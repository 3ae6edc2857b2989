"""Who may import whom.  A layer may import what its row names, and itself."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "glview"
LAYERS = {  # a folder, or a module beside them -> what it may import of glview; lowest first
    "core": set(),
    "files": {"core"},
    "models": {"core"},
    "cuda": set(),
    "gl": {"core", "cuda"},
    "tools": {"core"},
    "jobs": {"core"},
    "budget": set(),
    "arguments": set(),
    "batch": {"arguments", "budget", "core", "files", "models"},
    "score": {"arguments", "core", "files"},
    "document": {"core"},
    "workspace": {"budget", "core", "document"},
    "settings": {"arguments", "core", "workspace"},
    "readout": {"core", "workspace"},
    "renewing": {"files", "gl"},
    "measuring": {"core", "workspace"},
    "statefile": set(),
    "reviewing": {"core", "document", "workspace"},
    "judging": {"core"},
    "listing": {"core", "judging"},
    "deciding": {"core", "judging"},
    "opening": {"core", "document", "files", "workspace"},
    "compiling": {"core", "rehearsal"},
    "rehearsal": {"core", "opening"},
    "finishing": {"compiling", "core", "files", "opening", "saving", "watching", "workspace"},
    "remaking": {"core"},
    "saving": {"core", "document", "files", "remaking", "workspace"},
    "watching": {"files"},
    "foreseeing": {"files", "saving"},
    "keeping": {"document", "files", "saving", "watching"},
    "logwriter": {"core", "files"},
    "editmirror": {"core"},
    "findings": {"core", "document", "files"},
    "snapshot": {"document"},
    "recording": {"core", "document", "files", "findings"},
    "recovering": {"core", "files", "findings", "recording", "snapshot"},
    "filing": {"files", "findings", "recording"},
    "autosave": {"editmirror", "files", "filing", "findings", "logwriter", "recovering",
                 "snapshot"},
    "loop": set(),
    "library": {"budget", "core", "files", "keeping", "opening", "workspace"},
    "detecting": {"core", "document", "models", "workspace"},
    "detectchild": {"core", "cuda", "files", "models"},
    "comparing": {"core", "document", "workspace"},
    "scene": {"comparing", "core", "gl", "workspace"},
    "ui": {"arguments", "budget", "comparing", "core", "gl", "judging", "settings", "tools",
           "workspace"},
}
LAYERS["app"] = set(LAYERS)
LAYERS["session"] = set(LAYERS)
LAYERS["screenshot"] = set(LAYERS)
LAYERS["cli"] = LAYERS["__init__"] = set(LAYERS)
LAYERS["__main__"] = {"cli"}
LAZY = {  # imported inside functions only, so that the window is up before them
    "detecting": {"models"},
    "app": {"files", "models"},
    "batch": {"models"},
    "cli": {"app", "files", "models", "gl", "ui"},
    "__init__": LAYERS["__init__"],
}
LIGHT = ("glview.models.registry",)  # a table: needs no network
PACKAGES = {  # a package from outside -> the layers that may import it
    "astropy": {"files"},
    "astroscrappy": {"models"},
    "distributed": {"batch"},
    "glfw": {"gl"},
    "imgui_bundle": {"gl", "ui"},
    "isal": {"files"},
    "llvmlite": {"core"},
    "matplotlib": {"score"},
    "moderngl": {"gl"},
    "numba": {"core"},
    "onnxruntime": {"models"},
    "numpy": set(LAYERS),
    "PIL": {"files", "screenshot"},
    "platformdirs": {"files", "settings"},
    "safetensors": {"models"},
    "tifffile": {"files"},
    "torch": {"models"},
    "tqdm": {"batch"},
}
SLOW = ("astropy", "numba", "torch", "scipy", "PIL")  # never before the first picture


def imports(tree):
    """(name, lazy) of every import; lazy where a function holds it.  Relative ones have no name."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    inside = {id(node) for function in functions for node in ast.walk(function)}
    for node in ast.walk(tree):
        lazy = id(node) in inside
        if isinstance(node, ast.Import):
            yield from ((alias.name, lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "" if node.level else node.module
            yield from ((f"{base}.{alias.name}", lazy) for alias in node.names)


def layer_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def faults(layer, tree):
    """Sentences about the imports of `tree` that a module of `layer` must not have."""
    for name, lazy in imports(tree):
        root, *rest = name.split(".")
        if root == "glview":
            target = rest[0] if rest else "__version__"
            if target in {"__version__", layer}:
                continue
            if target not in LAYERS[layer]:
                yield f"{layer} must not import {name}"
            elif target in LAZY.get(layer, ()) and not lazy and not name.startswith(LIGHT):
                yield f"{layer} may import {name} inside functions only"
        elif not root:
            yield "write absolute imports"
        elif root in PACKAGES:
            if layer not in PACKAGES[root]:
                yield f"{layer} must not import {root}"
        elif root not in sys.stdlib_module_names:
            yield f"{root} is not in the table of packages"


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_imports_point_down(path):
    layer = layer_of(path)
    assert layer in LAYERS, f"say in LAYERS what glview/{layer} may import"
    assert not list(faults(layer, ast.parse(path.read_text())))


def test_the_map_shows_every_layer():
    layers = (PACKAGE / "README.md").read_text().split("```")[1]
    assert set(LAYERS) - {"__init__"} <= set(re.findall(r"\w+", layers))


def test_choosing_a_model_does_not_load_torch():
    tree = ast.parse((PACKAGE / "models" / "__init__.py").read_text())
    assert not [name for name, lazy in imports(tree) if name.startswith("torch") and not lazy]


@pytest.mark.parametrize(
    ("layer", "line", "fault"),
    [
        ("core", "import moderngl", "core must not import moderngl"),
        ("core", "from glview.files import fits", "core must not import glview.files.fits"),
        ("gl", "def f():\n  from glview import ui", "gl must not import glview.ui"),
        ("ui", "import glview.app", "ui must not import glview.app"),
        ("app", "from glview import models", "app may import glview.models inside functions only"),
        ("detecting", "import glview.gl.panes", "detecting must not import glview.gl.panes"),
        ("workspace", "import glview.jobs", "workspace must not import glview.jobs"),
        ("core", "from . import mask", "write absolute imports"),
        ("core", "import requests", "requests is not in the table of packages"),
    ],
)
def test_a_climbing_import_is_seen(layer, line, fault):
    assert list(faults(layer, ast.parse(line))) == [fault]


@pytest.mark.parametrize(
    ("layer", "line"),
    [
        ("core", "import os, numpy\nfrom glview.core import mask"),
        ("app", "def f():\n  from glview.models import init_model"),
        ("ui", "from imgui_bundle import imgui"),
        ("cli", "from glview import __version__"),
        ("files", "import glview"),
        ("detecting", "from glview.models import registry"),
    ],
)
def test_a_falling_import_is_allowed(layer, line):
    assert not list(faults(layer, ast.parse(line)))


def in_fresh_process(code, *arguments):
    """What the last line printed; the process has nothing imported that `code` does not import."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


LOADED = f"print(*sorted(set({SLOW!r}) & set(sys.modules)))"


def test_the_program_starts_without_the_slow_packages():
    assert in_fresh_process(f"import sys, glview.cli, glview.app\n{LOADED}") == ""


def test_a_plain_fits_opens_without_the_slow_packages(tmp_path):
    path = tmp_path / "frame.fits"
    fits.writeto(path, np.arange(12, dtype=np.int16).reshape(3, 4))
    code = "import sys, glview.cli, glview.app, glview.files\n"
    code += "image = glview.files.open_images(sys.argv[1])[0]\n"
    code += "assert image.shape == (3, 4) and image[1:2, 2:3].item() == 6\n"
    assert in_fresh_process(code + LOADED, path) == ""


def test_the_package_itself_is_light():
    code = "import sys, glview\nprint(*sorted({'numpy', 'moderngl', 'glfw'} & set(sys.modules)))"
    assert in_fresh_process(code) == ""
