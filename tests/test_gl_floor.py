"""OpenGL 3.3 and no more: what runs here must run on macOS, whose OpenGL ends at 4.1."""

import os
import subprocess
import sys
from pathlib import Path

import moderngl
import numpy as np
import pytest

SHADERS = Path(__file__).parent.parent / "shaders"
NEWER = "#version 420 core\nvoid main() { gl_Position = vec4(0.0); }"
TRY_NEWER = f"""
import moderngl
ctx = moderngl.create_context(standalone=True, backend="egl", require=330)
try:
    ctx.program(vertex_shader={NEWER!r})
    print("accepted")
except moderngl.Error:
    print("rejected")
"""


def shaders():
    return sorted(path for path in SHADERS.glob("*") if path.suffix in {".vert", ".frag", ".geom"})


def test_there_are_shaders():
    assert shaders()


@pytest.mark.parametrize("path", shaders(), ids=lambda path: path.name)
def test_a_shader_asks_for_glsl_330(path):
    assert path.read_text().startswith(("#version 330\n", "#version 330 core\n"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Mesa can act older")
def test_the_old_gl_of_make_test_rejects_newer_shaders(gl):
    old = {"MESA_GL_VERSION_OVERRIDE": "4.1", "MESA_GLSL_VERSION_OVERRIDE": "410"}
    answer = subprocess.run(
        [sys.executable, "-c", TRY_NEWER],
        env={**os.environ, "LIBGL_ALWAYS_SOFTWARE": "1", **old},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.stdout.strip() == "rejected", answer.stderr


def test_a_run_at_an_older_gl_is_one(gl):
    wanted = os.environ.get("MESA_GL_VERSION_OVERRIDE")
    if wanted is None:
        assert gl.version_code >= 330
        return
    assert gl.version_code == int(wanted.replace(".", "")) * 10
    with pytest.raises(moderngl.Error):
        gl.program(vertex_shader=NEWER)


def test_float_textures_keep_nan_and_infinity(gl):
    values = np.array([[0.0, np.nan, np.inf, -np.inf, 1e-30, 3e38]], np.float32)
    target = gl.framebuffer([gl.texture((6, 1), 1, values, dtype="f4")])
    read = np.frombuffer(target.read(components=1, dtype="f4"), np.float32)
    assert np.array_equal(read, values[0], equal_nan=True)
