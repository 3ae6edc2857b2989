"""`python -m glview.gl.probe`: does a tile that another process put on the card get to a texture?

It takes the way of the window and of the detector's process, with an OpenGL context and processes
of its own, and compares every bit: what a driver breaks then is not the window.  Prints a line of
JSON: ok; why, a sentence; place, what draws; device, the card's ordinal; memory_ms and ms, what a
whole tile takes through memory and on the card.
"""

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import moderngl
import numpy as np

from glview.core import tiles
from glview.cuda import HOST, Borrowed, CudaError, Driver
from glview.gl import textures
from glview.gl.lent import Lent, cut, held
from glview.gl.sharing import command, environment, place

SHAPE = (700, 1291)  # ragged, with rows that no driver would choose
OTHER = "other"  # the word that makes it the other process
REPEATS = 50


def pattern():
    """(H, W) float32 in [0, 1] like a confidence, with some that are easily lost."""
    values = np.random.default_rng(7).random(SHAPE, np.float32)
    values[::7, ::5] = np.float32(1e-42)
    values[::11], values[:, ::13] = 0.0, 1.0
    return values


def computes():
    """True if the network can be on a card: torch is here, and built for CUDA."""
    torch = find_spec("torch")
    return torch is not None and any(Path(torch.origin).parent.glob("lib/*torch_cuda*"))


def look(found):
    """Take the whole way; what becomes known goes into the dict `found`.  Raises CudaError."""
    kind = {} if os.environ.get("DISPLAY") else {"backend": "egl"}  # as the window has
    ctx = moderngl.create_context(standalone=True, require=330, **kind)
    found["place"], values = place(ctx), pattern()
    page = textures.layers(ctx, (tiles.SIZE, tiles.SIZE), 2)
    found["memory_ms"] = _milliseconds(
        ctx, lambda: textures.write(page, cut(values, SHAPE, 0, 0)(), layer=1))
    driver = Driver()
    found["device"] = next(iter(driver.drawing()), None)
    if found["device"] is None:
        raise CudaError("no card of CUDA draws here")
    if not computes():
        raise CudaError("torch is not built for CUDA")
    driver.use(found["device"])
    troubles = []
    lent = Lent(driver, found["device"], SHAPE, troubles.append)
    _have_it_put(lent.ticket)
    lent.add((0, 0, *SHAPE), values)
    for place_of_tile in tiles.visible(SHAPE, 0, (0, 0, *SHAPE)):
        piece = cut(values, SHAPE, *place_of_tile, lent)()
        if not lent.write(page, 1, piece):
            raise CudaError(troubles[0])
        if held(page, 1, piece.pixels().shape).tobytes() != piece.pixels().tobytes():
            raise CudaError("what came was not what was put")
    whole = cut(values, SHAPE, 0, 0, lent)()
    found["ms"] = _milliseconds(ctx, lambda: whole.write(page, 1))
    lent.close(ctx)


def _have_it_put(ticket):
    done = subprocess.run(command(OTHER), input=json.dumps(ticket), text=True, capture_output=True,
                          env=environment())
    if done.returncode:
        why = done.stderr.strip() or f"exit code {done.returncode}"
        raise CudaError(f"the other process: {why[-200:]}")


def put(ticket):
    """The other process: put the pattern there, in boxes, from its own memory on the card."""
    values, (height, width) = pattern(), SHAPE
    frame, driver = Borrowed(ticket, width), Driver()
    driver.use(ticket["device"])
    mine = driver.take(values.nbytes)
    driver.copy(height, 4 * width, (values.ctypes.data, 4 * width), (mine, 4 * width), HOST)
    for y0, x0, y1, x1 in ((0, 0, 256, 800), (256, 0, height, 800), (0, 800, height, width)):
        frame.put((y0, x0, y1, x1), mine + 4 * (y0 * width + x0), 4 * width)
    driver.free(mine)


def _milliseconds(ctx, write):
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        write()
        ctx.finish()
        times.append(1e3 * (time.perf_counter() - began))
    return round(float(np.median(times)), 4)


def main():
    """Print what was found; nothing that went wrong is raised, but a driver may end the process."""
    found = {"ok": False, "why": ""}
    try:
        look(found)
        found["ok"] = True
    except CudaError as error:
        found["why"] = str(error)
    except Exception as error:  # moderngl raises the bare class
        found["why"] = f"a trial failed ({error!r})"
    print(json.dumps(found))


if __name__ == "__main__":
    if OTHER not in sys.argv:
        sys.exit(main())
    try:
        put(json.loads(sys.stdin.read()))
    except CudaError as error:
        sys.exit(str(error))
