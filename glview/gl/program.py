"""Shaders: found on disk, their includes pasted in, compiled."""

import re
from pathlib import Path

import moderngl

from glview.core import stretch

_HERE = Path(__file__).resolve().parent.parent
SHADERS = next((p for p in (_HERE / "shaders", _HERE.parent / "shaders") if p.is_dir()), None)


class ShaderError(Exception):
    """A shader is missing or does not compile; the message names the file and the line."""


def _scalings():
    return f"const int SCALINGS = {len(stretch.SCALINGS)};\n{stretch.glsl()}"


GENERATED = {"scalings": _scalings}


def source(name, **fixed):
    """Text of `shaders/name`; each `#include "x"` line becomes the file x or a generated text.

    `#line` keeps the compiler's line numbers those of the file.  fixed: values, int or bool, of
    uniforms that become constants, so that the compiler leaves out what they rule out; software
    OpenGL computes both sides of every branch.
    """
    if SHADERS is None:
        raise ShaderError("glview's shaders folder is missing; install glview again")

    def include(match):
        after = text.count("\n", 0, match.start()) + 2
        wanted = match[1]
        pasted = GENERATED[wanted]() if wanted in GENERATED else (SHADERS / wanted).read_text()
        return f"{pasted}\n#line {after}"

    text = (SHADERS / name).read_text()
    found = re.sub(r'^#include "([\w./]+)"$', include, text, flags=re.M)
    for uniform, value in fixed.items():
        found, count = re.subn(rf"^uniform (int|bool) {uniform};",
                               rf"const \1 {uniform} = \1({int(value)});", found, flags=re.M)
        assert count == 1, f"{uniform} in {name}"
    return found


def build(ctx, fragment, vertex="screen.vert", **fixed):
    """The linked program; raises ShaderError with the compiler's message.  fixed: see `source`."""
    try:
        return ctx.program(vertex_shader=source(vertex), fragment_shader=source(fragment, **fixed))
    except moderngl.Error as error:
        raise ShaderError(f"shaders/{fragment}: {error}") from error


def assign(program, **values):
    """Set the uniforms that the compiler kept; one it dropped as unused is not an error."""
    for name, value in values.items():
        uniform = program.get(name, None)
        if uniform is not None:
            uniform.value = value
