"""A tile of confidence on its way to a texture: through memory, and on the graphics card."""

import os

from bench import report
from bench.programs import ProgramError
from glview.core.tiles import SIZE
from glview.gl.sharing import command, tried

SOFTWARE = "LIBGL_ALWAYS_SOFTWARE"  # what the other sections draw with; this one asks for the card


def measure(frames, options):
    """One table; the card's row only where a trial brings every bit over."""
    software = os.environ.pop(SOFTWARE, None)
    try:
        found = tried(command())
    finally:
        if software is not None:
            os.environ[SOFTWARE] = software
    if "memory_ms" not in found:
        raise ProgramError(f"No OpenGL: {found['why']}")
    table = report.Table(f"A tile of {SIZE} x {SIZE} confidences into a texture, ms: median",
                         ("way", "ms"))
    table.add("through memory", f"{found['memory_ms']:.3f}")
    if found["ok"]:
        table.add("from the detector's process, on the card", f"{found['ms']:.3f}")
    else:
        table.notes.append(f"Through memory only: {found['why']}.")
    table.notes.append(f"Drawn by {found['place']}.")
    return [table]
