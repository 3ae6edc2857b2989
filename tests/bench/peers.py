"""ginga and napari on the same file, where they are installed: their own widgets, one picture."""

import subprocess
import sys
import time
from importlib.util import find_spec

from bench.machine import machine_memory
from bench.programs import SIZE

PATIENCE = 180.0
START = """
import os, resource, sys, time
began, limit, size = float(sys.argv[2]), int(sys.argv[3]), {size}
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
"""
END = """
print(time.monotonic() - began, flush=True)
os._exit(0)
"""
SHOWN = {
    "ginga": """
from astropy.io import fits
from ginga.misc import log
from ginga.qtw.ImageViewQt import CanvasView
from ginga.qtw.QtHelp import QApplication
from ginga.AstroImage import AstroImage
application = QApplication([])
view = CanvasView(log.get_logger("bench", null=True), render="widget")
view.enable_autocuts("on")
view.set_autocut_params("zscale")
view.enable_autozoom("on")
widget = view.get_widget()
widget.resize(*size)
widget.show()
application.processEvents()
with fits.open(sys.argv[1], memmap=True) as hdus:
    image = AstroImage(logger=view.get_logger())
    image.load_hdu(hdus[0])
    view.set_image(image)
    view.redraw_now()
    application.processEvents()
""",
    "napari": """
from astropy.io import fits
import napari
viewer = napari.Viewer(show=True)
viewer.window.resize(*size)
with fits.open(sys.argv[1], memmap=True) as hdus:
    viewer.add_image(hdus[0].data)
    for _ in range(10):
        napari.qt.get_qapp().processEvents()
    viewer.screenshot(canvas_only=True, flash=False)
""",
}


def words(stage, name, path):
    """Sentences on what each peer took for a warm file, or why it is not measured."""
    return [f"{peer} with {name}, warm: {_words(stage, peer, path)}" for peer in SHOWN
            if find_spec(peer)]


def missing():
    """A sentence on the peers that are not installed, if any."""
    names = [peer for peer in SHOWN if not find_spec(peer)]
    return [f"Not measured, for they are not installed: {', '.join(names)}."] if names else []


def _words(stage, peer, path):
    script = START.format(size=SIZE) + SHOWN[peer] + END
    limit = machine_memory() // 2  # or napari takes the machine down with a gigapixel
    line = [sys.executable, "-c", script, str(path), str(time.monotonic()), str(limit)]
    try:
        done = subprocess.run(line, text=True, env=stage.environment, capture_output=True,
                              timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return f"no picture after {PATIENCE:.0f} s"
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        return f"failed with exit code {done.returncode}: {last[0][:120]}"
    return f"{float(done.stdout.split()[-1]):.2f} s to the first picture"
