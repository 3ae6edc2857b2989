"""The log of what the user did to one picture: lines that each carry their own checksum.

A line is `crc32 json` and holds an entry, a dict of one of these forms:

head    {"glview": FORMAT, "path", "shape", "hdu", "plane", "stamp"}: the first one
line    {"line": [step, ...], "place": n}: the history as it was when the picture was saved
step    {"at": i, "step": step}: the steps from place i on are forgotten, and this one is done
more    {"at": i, "more": stroke}: the stroke at place i, the last one in line, went on
place   {"place": n}: n steps of the line are done, by undo or redo
saved   {"saved": e, "whole": bool, "stamp"}: the picture on disk is what it was after entry e;
        whole: and so is the confidence
saving  {"saving": e, "whole": bool, "save"}: the same, if the file holds a mask of that save
found   {"found": {"file", "covered", "provenance"}}: a model was at work, and its confidence is in
        that file, see `files.confidence`; "-" for a file: that is shown no more
look    {"look": text}: how it is displayed, see `core.looks`; of these the last one counts, and
        entries are numbered as if there were none

In Python a step is one of `core.history`, on disk a dict that holds its pixels packed.  A Searched
has numbers here in the place of what it brings back: of files, 0 for no confidence, None if lost.
"""

import base64
import json
import zlib
from dataclasses import asdict

import numpy as np

from glview.core.edits import Patch
from glview.core.history import Searched, Set, Stroke, Together, Verdict
from glview.core.mask import MaskSettings
from glview.core.plane import Plane
from glview.core.tiles import SIZE
from glview.core.verdicts import STATES
from glview.files.entrycheck import check, check_form, check_settings, whole
from glview.files.source import path_text

FORMAT = 1
SETTINGS = {"mask": MaskSettings}  # attributes of a document that are dataclasses
LEVEL = 1  # of zlib: edits are nearly all zeros
MOST_CODE = 2  # of an edited pixel, see `core.edits`
MOST_PIXELS = 2 << 30  # of all patches of a log; a few bytes may claim to be as many as you like


class LogError(Exception):
    """A log cannot be used; the message says why."""


def head_of(image, stamp):
    """The first entry of the log of an Image; stamp: of its file, None if unknown."""
    return {"glview": FORMAT, "path": path_text(image.path), "shape": list(image.shape),
            "hdu": image.hdu, "plane": image.plane, "stamp": stamp}


def line_of(entry):
    """The bytes of an entry, with its checksum and its end."""
    text = json.dumps({name: _written(name, value) for name, value in entry.items()},
                      separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def entries_of(data, shape):
    """(entries, sizes): those of a log's bytes up to the first line that is not whole or not true.

    shape: of the picture, inside of which all steps must lie.  sizes: of the lines in bytes.
    """
    entries, sizes, room = [], [], Room()
    for line in data.splitlines(keepends=True):
        try:
            entries.append(_entry(line, shape, room))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError, zlib.error):
            break  # what follows a torn line cannot be trusted: its steps build on this one
        sizes.append(len(line))
    return entries, sizes


def holds_any(data):
    """True if any line of these bytes is whole, wherever it lies."""
    for line in data.splitlines(keepends=True):
        try:
            _text(line)
        except ValueError:
            continue
        return True
    return False


def _text(line):
    checksum, _, text = line[:-1].partition(b" ")
    if line[-1:] != b"\n" or int(checksum, 16) != zlib.crc32(text):
        raise ValueError("the line is not whole")
    return text


class Room:
    """For the pixels of a log, of which there may be so many."""

    def __init__(self):
        self.left = MOST_PIXELS

    def take(self, count):
        """So many more are there; raises ValueError if that is too much."""
        self.left -= count
        if self.left < 0:
            raise ValueError("it has more pixels than there is room for")


def _entry(line, shape, room):
    held = json.loads(_text(line))
    check_form(held)
    return {name: _read(name, value, shape, room) for name, value in held.items()}


def _written(name, value):
    if name in ("step", "more"):
        return packed(value)
    return [packed(step) for step in value] if name == "line" else value


def _read(name, value, shape, room):
    check(name, value)
    if name in ("step", "more"):
        return unpacked(value, shape, room)
    return [unpacked(step, shape, room) for step in value] if name == "line" else value


def packed(step):
    """A step of the history as a dict that JSON can hold.  Raises LogError for an unknown kind."""
    for kind, (name, pack, _) in KINDS.items():
        if type(step) is kind:
            return {name: pack(step)}
    raise LogError(f"a {type(step).__name__} cannot be written to the log")


def unpacked(held, shape, room=None):
    """The step that `packed` made a dict of; raises ValueError, TypeError or LookupError for
    what cannot be true, such as pixels outside `shape`, or more than the Room is for."""
    (name, value), = held.items()
    return _READERS[name](value, shape, room or Room())


def _pack_set(step):
    if step.name not in SETTINGS:
        raise LogError(f"the setting {step.name} cannot be written to the log")
    return [step.name, asdict(step.before), asdict(step.after)]


def _unpack_set(held, shape, room):
    name, *values = held
    made = [SETTINGS[name](**value) for value in values]
    for one, value in zip(made, values, strict=True):
        check_settings(one, value)
    return Set(name, *made)


def _pack_verdict(step):
    return [list(change) for change in step.changes]


def _unpack_verdict(held, shape, room):
    for y, x, before, after in held:
        whole(y), whole(x)
        if y >= shape[0] or x >= shape[1] or before not in STATES or after not in STATES:
            raise ValueError("a verdict that cannot be")
    return Verdict(tuple(map(tuple, held)))


def _pack_searched(step):
    return [*step.box, step.before, step.after]


def _unpack_searched(held, shape, room):
    y0, x0, y1, x1, *numbers = held
    if not (0 <= y0 <= y1 <= shape[0] and 0 <= x0 <= x1 <= shape[1]):
        raise ValueError("a searched box lies outside the picture")
    for number in numbers:
        number is None or whole(number)
    before, after = numbers or (None, None)  # a log of an earlier glview has none
    return Searched((y0, x0, y1, x1), before, after)


def _pack_together(step):
    return [packed(one) for one in step.steps]


def _unpack_together(held, shape, room):
    return Together(tuple(unpacked(one, shape, room) for one in held))


# The pixels of a stroke are one packed run of bytes: of each patch what was before, then what came.


def _pack_stroke(step):
    boxes, press, chunks = [], zlib.compressobj(LEVEL), []
    for patch in step.patches:
        tiles = []
        for values in (patch.before, patch.after):
            tiles.append(None if isinstance(values, np.ndarray) else [])
            for (y, x), part in _parts(values):
                chunks.append(press.compress(np.ascontiguousarray(part, np.uint8)))
                if tiles[-1] is not None:
                    tiles[-1].append([y, x])
        boxes.append([patch.y, patch.x, *patch.before.shape, *tiles])
    chunks.append(press.flush())
    return [boxes, base64.b64encode(b"".join(chunks)).decode()]


def _parts(values):
    """((y, x), array) of what an array or a Plane holds."""
    return values.held() if isinstance(values, Plane) else [((0, 0), values)]


def _unpack_stroke(held, shape, room):
    boxes, text = held
    pixels = _Pixels(base64.b64decode(text, validate=True), room)
    stroke = Stroke(tuple(_unpack_patch(box, shape, pixels) for box in boxes))
    pixels.end()
    return stroke


def _unpack_patch(box, shape, pixels):
    y, x, height, width, *tiles = box
    for number in box[:4]:
        whole(number)
    full = (y, x, height, width) == (0, 0, *shape)
    if not (0 <= y <= y + height <= shape[0] and 0 <= x <= x + width <= shape[1]):
        raise ValueError("a patch lies outside the picture")
    before, after = (_unpack_values((height, width), tile, full, pixels) for tile in tiles)
    return Patch(y, x, before, after)


def _unpack_values(shape, tiles, full, pixels):
    if tiles is None:
        return pixels.take(shape)
    if not full:
        raise ValueError("a Plane is the whole picture")
    plane = Plane(shape, np.uint8)
    for y, x in tiles:
        whole(y), whole(x)
        if y % SIZE or x % SIZE:
            raise ValueError("a tile between tiles")
        plane.put(y, x, pixels.take((min(SIZE, shape[0] - y), min(SIZE, shape[1] - x))))
    return plane


class _Pixels:
    """Packed bytes, unpacked only as far as the boxes ask for."""

    def __init__(self, data, room):
        self._press, self._data, self._room = zlib.decompressobj(), data, room

    def take(self, shape):
        """The next (h, w) uint8; raises ValueError if there is less."""
        height, width = shape
        if height <= 0 or width <= 0:
            raise ValueError("a box without pixels")
        self._room.take(height * width)
        parts, left = [], height * width
        while left and (part := self._press.decompress(self._data, left)):
            self._data = self._press.unconsumed_tail
            parts.append(part)
            left -= len(part)
        if left:
            raise ValueError("pixels are missing")
        values = np.frombuffer(b"".join(parts), np.uint8).reshape(shape)
        if values.max() > MOST_CODE:
            raise ValueError("a pixel that is edited as none can be")
        return values

    def end(self):
        """Raise ValueError if more pixels are there than the boxes took."""
        if self._press.decompress(self._data, 1) or not self._press.eof:
            raise ValueError("there are more pixels than boxes")


KINDS = {
    Set: ("set", _pack_set, _unpack_set),
    Stroke: ("stroke", _pack_stroke, _unpack_stroke),
    Verdict: ("verdict", _pack_verdict, _unpack_verdict),
    Searched: ("searched", _pack_searched, _unpack_searched),
    Together: ("together", _pack_together, _unpack_together),
}
"""Step of `core.history` -> its name in the log, and how it is packed and unpacked."""

_READERS = {name: unpack for name, _, unpack in KINDS.values()}
