"""The log's lines: every step there and back, torn at every byte, and hostile ones."""

import json
import zlib
from dataclasses import is_dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from glview.core import history, looks
from glview.core.colormaps import COLORMAPS
from glview.core.edits import Edits, Patch
from glview.core.history import Searched, Set, Stroke, Together, Verdict
from glview.core.mask import SHAPES, MaskSettings
from glview.core.plane import Plane
from glview.core.stretch import KINDS, Stretch
from glview.files import confidence, editlog
from glview.files.editlog import LogError, entries_of, line_of, packed, unpacked

SHAPE = (600, 700)
codes = st.integers(0, 2)
masks = st.builds(MaskSettings, st.floats(0, 1), st.integers(0, 16), st.sampled_from(SHAPES))


@st.composite
def patches(draw):
    y, x = draw(st.integers(0, SHAPE[0] - 1)), draw(st.integers(0, SHAPE[1] - 1))
    shape = tuple(draw(st.integers(1, min(30, side - at))) for side, at in zip(SHAPE, (y, x),
                                                                               strict=True))
    return Patch(y, x, *(draw(arrays(np.uint8, shape, elements=codes)) for _ in range(2)))


@st.composite
def whole(draw):
    planes = Plane(SHAPE, np.uint8), Plane(SHAPE, np.uint8)
    for plane in planes:
        for patch in draw(st.lists(patches(), max_size=3)):
            plane.put(patch.y, patch.x, patch.after)
    return Patch(0, 0, *planes)


said = st.sampled_from(["accepted", "rejected", ""])
strokes = st.builds(Stroke, st.lists(patches() | whole(), max_size=4).map(tuple))
changes = st.tuples(st.integers(0, 99), st.integers(0, 99), said, said)
verdicts = st.builds(Verdict, st.lists(changes, max_size=3).map(tuple))
spans = st.tuples(*[st.integers(0, 600)] * 2).map(sorted)
searches = st.builds(lambda rows, columns: Searched((rows[0], columns[0], rows[1], columns[1])),
                     spans, spans)
simple = st.builds(Set, st.just("mask"), masks, masks) | strokes | verdicts | searches
steps = st.recursive(simple, lambda one: st.builds(Together, st.lists(one, max_size=3).map(tuple)),
                     max_leaves=4)


def same(one, other):
    """True if two steps do and undo the same, by their definition, pixel by pixel."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Together):
        return len(one.steps) == len(other.steps) and all(map(same, one.steps, other.steps))
    if isinstance(one, Stroke):
        return len(one.patches) == len(other.patches) and all(
            (a.y, a.x) == (b.y, b.x) and type(a.before) is type(b.before)
            and np.array_equal(a.before[:, :], b.before[:, :])
            and np.array_equal(a.after[:, :], b.after[:, :])
            for a, b in zip(one.patches, other.patches, strict=True))
    return one == other


@settings(deadline=None)  # the first stroke loads its kernels
@given(step=steps)
def test_every_step_comes_back_as_it_was(step):
    assert same(unpacked(json.loads(json.dumps(packed(step))), SHAPE), step)
    (entry,), sizes = entries_of(line_of({"at": 3, "step": step}), SHAPE)
    assert entry["at"] == 3 and same(entry["step"], step)
    assert sizes == [len(line_of({"at": 3, "step": step}))]


@given(look=st.builds(Stretch, st.sampled_from(KINDS), low=st.floats(-looks.MOST, looks.MOST),
                      invert=st.booleans(), colormap=st.sampled_from(list(COLORMAPS))))
def test_every_look_comes_back_as_it_was(look):
    (entry,), _ = entries_of(line_of({"look": looks.to_text(look)}), SHAPE)
    assert looks.from_text(entry["look"]) == look


def test_no_kind_of_step_is_missing():
    """One that is new in the history must be written to the log, too."""
    kinds = {one for one in vars(history).values()
             if is_dataclass(one) and hasattr(one, "undo") and one.__module__ == history.__name__}
    assert kinds == set(editlog.KINDS)


def test_what_is_unknown_is_refused():
    class Wish:
        pass

    with pytest.raises(LogError, match="Wish"):
        line_of({"at": 0, "step": Wish()})


def a_log():
    edits, lines = Edits(SHAPE), []
    for number in range(5):
        stroke = Stroke(edits.draw((number * 9, 3), (number * 9, 300), 2, 1))
        lines.append(line_of({"at": number, "step": stroke}))
    return lines


def test_a_log_that_is_torn_anywhere_holds_the_entries_before():
    lines = a_log()
    data, ends = b"".join(lines), np.cumsum([len(line) for line in lines])
    for cut in range(len(data) + 1):
        entries, sizes = entries_of(data[:cut], SHAPE)
        assert len(entries) == (ends <= cut).sum() == len(sizes)


def test_a_bit_that_flipped_ends_the_log_there():
    lines = a_log()
    data, first = b"".join(lines), len(lines[0])
    for at in range(first, first + len(lines[1])):
        broken = bytearray(data)
        broken[at] ^= 1 << at % 8
        entries, _ = entries_of(bytes(broken), SHAPE)
        assert len(entries) == 1, at


def line(text):
    return b"%08x %s\n" % (zlib.crc32(text), text)


@pytest.mark.parametrize("text", [
    b'{"at":0,"step":{"set":["mask",{"threshold":7.0},{"threshold":0.5}]}}',
    b'{"at":0,"step":{"set":["mask",{"nonsense":1},{}]}}',
    b'{"at":0,"step":{"magic":[]}}', b'{"at":0,"step":[]}', b"[]", b"7", b"{", b"\xff",
    b'{"at":0,"step":{"stroke":[[[0,0,4,4,null,null]],"eJwDAAAAAAE="]}}',
    b'{"at":0,"step":{"stroke":[[[0,0,4,4,null,null]],"!!"]}}',
    b'{"at":0,"step":{"stroke":[[[599,0,4,4,null,null]],""]}}',
    b'{"at":0,"step":{"stroke":[[[0,0,-4,4,null,null]],""]}}',
    b'{"at":0,"step":{"stroke":[[[0,0,4000000000,4000000000,null,null]],""]}}',
    b'{"at":0,"step":{"stroke":[[[0,0,4,4,[],[]]],"eJwDAAAAAAE="]}}',
    b'{"at":0,"step":{"verdict":[[1]]}}',
    b'{"line":5,"place":0}',
])
def test_a_line_that_lies_with_a_true_checksum_ends_the_log(text):
    assert entries_of(line(text) + a_log()[0], SHAPE) == ([], [])


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error(data):
    entries_of(data, SHAPE)
    entries_of(line(data), SHAPE)


def test_taking_back_every_edit_is_packed_small():
    edits = Edits((16384, 16384))
    for y in range(0, 16000, 200):
        edits.draw((y, 0), (y, 4000), 1, 1)
    step = Stroke(tuple(edits.cleared()))
    data = line_of({"at": 0, "step": step})
    assert len(data) < 1 << 20
    (entry,), _ = entries_of(data, edits.shape)
    held = entry["step"].patches[0]
    assert not list(held.after.held())
    before = step.patches[0].before
    assert [place for place, _ in held.before.held()] == [place for place, _ in before.held()]
    assert all((a == b).all() for (_, a), (_, b) in zip(held.before.held(), before.held(),
                                                       strict=True))


# the confidence, in a file of its own


def some_confidence(shape=(1100, 700)):
    values = np.random.default_rng(3).random(shape, np.float32) ** 9
    values[:520] = 0.0
    values[600, 3:9] = np.nan
    return values


@pytest.mark.parametrize("sparse", [False, True])
def test_a_confidence_comes_back_bit_for_bit(tmp_path, sparse, monkeypatch):
    values = some_confidence()
    kept = values
    if sparse:
        monkeypatch.setattr("glview.core.plane.DENSE_PIXELS", 1000)
        kept = Plane.from_array(values, 2.0**-10)
    size = confidence.write(tmp_path / "a.conf", kept)
    assert size == (tmp_path / "a.conf").stat().st_size and len(list(tmp_path.iterdir())) == 1
    back, _ = confidence.read(tmp_path / "a.conf", values.shape)
    assert type(back) is type(kept)
    assert back[:, :].tobytes() == kept[:, :].tobytes()


def test_a_damaged_confidence_is_told_wherever_it_is_torn_or_changed(tmp_path):
    path = tmp_path / "a.conf"
    confidence.write(path, some_confidence()[600:660, :40] + np.float32(0.1))
    data = path.read_bytes()
    for cut in range(0, len(data), 97):
        path.write_bytes(data[:cut])
        with pytest.raises(LogError, match="damaged"):
            confidence.read(path, (60, 40))
    for at in range(0, len(data), 61):
        broken = bytearray(data)
        broken[at] ^= 4
        path.write_bytes(bytes(broken))
        with pytest.raises(LogError):
            confidence.read(path, (60, 40))
    path.write_bytes(data)
    with pytest.raises(LogError, match="another picture"):
        confidence.read(path, (40, 60))


def test_a_confidence_that_is_too_large_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(confidence, "MOST_BYTES", 10_000)
    with pytest.raises(confidence.TooLargeError):
        confidence.write(tmp_path / "a.conf", some_confidence())
    assert not list(tmp_path.iterdir())
