"""`python -m glview.models.child`: one detection in a process of its own.

Reads one line of JSON from standard input: image and out (files of `blocks`), shape, model, and
perhaps device, tiling, crop, tile, centre.  Writes one line of JSON for each event; see
`glview.models.remote.Detection.poll`.  Whatever libraries print goes to standard error.
"""

import json
import os
import sys

from glview.core.cancel import Cancelled
from glview.models.blocks import attach
from glview.models.registry import ModelError

_NICE = 5
_SETTINGS = ("device", "tiling", "crop", "tile")


def main():
    """Run the request; the exit code is 0 if it was done, else 1."""
    say = _speaker()
    if hasattr(os, "nice"):
        os.nice(_NICE)
    try:
        say(_run(json.loads(sys.stdin.readline()), say))
    except (ModelError, OSError, MemoryError) as error:
        say({"error": str(error) or "not enough memory for this frame"})
        return 1
    except Cancelled:
        return 1
    return 0


def _speaker():
    """A function that writes one event, and standard output made harmless."""
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(event):
        lines.write(json.dumps(event) + "\n")
        lines.flush()

    return say


def _run(request, say):
    """Load the model, search the frame, tell every step; returns the last event."""
    say({"loading": request["model"]})
    image = attach(request["image"], request["shape"])
    out = attach(request["out"], request["shape"])

    from glview.models.detector import load_model
    from glview.models.tiling import Watch

    settings = {key: request[key] for key in _SETTINGS if key in request}
    model = load_model(request["model"], **settings)
    info = model.info
    say(
        {
            "ready": info.name,
            "sha256": model.sha256,
            "threshold": info.threshold,
            "notes": [f"Expects {info.units}."],
            "provenance": model.provenance,
        }
    )
    centre = request.get("centre")
    watch = Watch(
        progress=lambda fraction: say({"progress": fraction}),
        cancel=_orphaned(),
        on_tile=lambda *box: say({"tile": box[:4]}),
        centre=None if centre is None else tuple(centre),
    )
    result = model.detect(image, watch, out)
    return {"done": True, "notes": list(result.notes), "seconds": round(result.seconds, 3)}


def _orphaned():
    """A function that tells whether the process that asked is gone, so that nobody waits."""
    parent = os.getppid()
    return lambda: os.getppid() != parent


if __name__ == "__main__":
    sys.exit(main())
