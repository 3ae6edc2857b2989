"""How a detection's child tells its events: lines of JSON, and behind a tile's line its pixels.

{"tile": [y0, x0, y1, x1]} is followed by the box's float32 values, in the machine's byte order;
"shared" is true in it if they were put into the asker's memory on the graphics card as well.
"""

import json

import numpy as np

from glview.models.registry import ModelError


def send(file, event, values=None):
    """Write one event; values: the (h, w) float32 array of a tile, C-contiguous."""
    file.write(json.dumps(event).encode() + b"\n")
    if values is not None:
        file.write(values.data)
    file.flush()


def receive(file):
    """Each event from a buffered binary file; those with a tile get "values", (h, w) float32.

    Ends with the stream, without a word if that breaks off in the middle of an event.
    Raises ModelError where it is none of ours.
    """
    while line := file.readline():
        if not line.endswith(b"\n"):
            return
        event = _event(line)
        if "tile" in event:
            values = np.empty(_shape(event["tile"]), np.float32)
            if file.readinto(values.data.cast("B")) < values.nbytes:
                return
            event["values"] = values
        yield event


def _event(line):
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise ModelError(f"the detector said something without sense: {line[:60]!r}")
    return event


def _shape(box):
    y0, x0, y1, x1 = box
    return y1 - y0, x1 - x0
