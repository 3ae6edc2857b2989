"""Logs of edits that lie with true checksums: what is sound before the lie, and nothing else."""

import base64
import zlib

import numpy as np
import pytest

from glview import recovering
from glview.core import looks
from glview.core.image import Image
from glview.core.sample import sample_of
from glview.core.stretch import Stretch
from glview.document import Document
from glview.files import editlog
from glview.files.editlog import LogError, entries_of, head_of, line_of
from glview.files.unsaved import Place

SHAPE = (40, 600)
IMAGE = Image("a", SHAPE, np.dtype(np.float32), None, path="a.fits")
HEAD = line_of(head_of(IMAGE, (1, 2, 3)))
STEP = b'{"at":%d,"step":{"verdict":[[%d,4,"","accepted"]]}}'
SOUND = b'{"at":0,"step":{"verdict":[[3,4,"","accepted"]]}}'
MASK = b'{"threshold":0.5,"dilation":0,"shape":"square"}'


def line(text):
    return b"%08x %s\n" % (zlib.crc32(text), text)


def log_of(folder, *lines):
    place = Place(folder, "log", 0, 0)
    place.log.write_bytes(b"".join(lines))
    return place


LIES = {
    "a setting that is none": b'{"at":1,"step":{"set":["image",1,2]}}',
    "a setting of another kind": b'{"at":1,"step":{"set":["mask",%s,{"dilation":true}]}}' % MASK,
    "a radius that is no number of pixels":
        b'{"at":1,"step":{"set":["mask",%s,{"dilation":2.5}]}}' % MASK,
    "a threshold that is none": b'{"at":1,"step":{"set":["mask",%s,{"threshold":NaN}]}}' % MASK,
    "one value too many": b'{"at":1,"step":{"set":["mask",%s,%s,%s]}}' % (MASK, MASK, MASK),
    "a verdict outside": b'{"at":1,"step":{"verdict":[[40,4,"","accepted"]]}}',
    "a verdict before the first": b'{"at":1,"step":{"verdict":[[-1,4,"","accepted"]]}}',
    "a verdict of other words": b'{"at":1,"step":{"verdict":[[3,4,"","guilty"]]}}',
    "a code that is none": b'{"at":1,"step":{"stroke":[[[0,0,1,1,null,null]],"eJxjZgAAAAgABA=="]}}',
    "a patch at half a pixel":
        b'{"at":1,"step":{"stroke":[[[0.5,0,1,1,null,null]],"eJxjYAAAAAIAAQ=="]}}',
    "a tile outside":
        b'{"at":1,"step":{"stroke":[[[0,0,40,600,[[-512,0]],[]]],"eJwDAAAAAAE="]}}',
    "a tile between tiles":
        b'{"at":1,"step":{"stroke":[[[0,0,40,600,[[1,1]],[]]],"eJwDAAAAAAE="]}}',
    "a place that is text": b'{"at":"1","step":{"verdict":[]}}',
    "a place that is half": b'{"place":0.5}',
    "a line and a step": b'{"line":[],"place":1,"at":0,"step":{"verdict":[]}}',
    "a line in the middle": b'{"line":[{"verdict":[]}],"place":1}',
    "a step and what went on": b'{"at":1,"step":{"verdict":[]},"more":{"verdict":[]}}',
    "nothing": b"{}",
    "a save of nothing": b'{"saved":"all","whole":true,"stamp":null}',
    "a stamp of one number": b'{"saved":1,"whole":true,"stamp":7}',
    "a found file elsewhere": b'{"found":{"file":"../../../dev/zero"}}',
    "a found file that is none": b'{"found":{"file":5}}',
    "found without a file": b'{"found":{}}',
    "found that is a list": b'{"found":[]}',
    "a share that is none": b'{"found":{"file":"a.conf","covered":"x"}}',
    "an origin that is none": b'{"found":{"file":"a.conf","provenance":7}}',
    "a look that is a number": b'{"look":7}',
    "a look that is a list": b'{"look":[]}',
    "a look of no words": b'{"look":""}',
    "a scaling that is none": b'{"look":"{\\"kind\\":\\"none\\"}"}',
    "a limit that is text": b'{"look":"{\\"low\\":\\"1\\"}"}',
    "a limit that is none": b'{"look":"{\\"low\\":NaN}"}',
    "a contrast without end": b'{"look":"{\\"contrast\\":1%s}"}' % (b"0" * 400),
    "a display of other fields": b'{"look":"{\\"zoom\\":1}"}',
    "a look and a place": b'{"look":"{}","place":1}',
    "nested without end": b'{"at":1,"step":' + b'{"together":[' * 3000 + b"]}" * 3000 + b"}",
    "brackets without end": b"[" * 100_000,
    "a number without end": b'{"place":' + b"9" * 5000 + b"}",
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_a_lie_ends_the_log_and_what_came_before_is_restored(tmp_path, name):
    lies = line(LIES[name])
    found = recovering.look(log_of(tmp_path, HEAD, line(SOUND), lies, line(SOUND)), SHAPE)
    assert found.count == 1 and len(found.entries) == 2 and found.sentence("a.fits")
    picture = np.zeros(SHAPE, np.float32)
    document = Document([], IMAGE, (picture, 1), sample_of(picture))
    document.usual = document.stretch
    recovering.restore(document, found)
    assert document.verdicts == {(3, 4): "accepted"} and not document.edits.any
    assert document.stretch is document.usual


@pytest.mark.parametrize("head", [
    b'{"glview":1,"shape":7}', b'{"glview":1,"shape":[40]}', b'{"glview":1,"shape":["a","b"]}',
    b'{"glview":1,"shape":[40,600],"stamp":7}', b'{"glview":1,"shape":null}',
    b'{"glview":1}'])
def test_a_head_that_lies_is_no_log(tmp_path, head):
    try:
        found = recovering.look(log_of(tmp_path, line(head), line(SOUND)), SHAPE)
    except LogError as error:
        assert "another size" in str(error) or "beginning" in str(error)
    else:
        assert found is None


def test_looks_between_the_entries_change_no_number_of_theirs(tmp_path):
    """A line, which is the first entry after the head, may follow one; "saved" counts on."""
    first = line_of({"look": looks.to_text(Stretch("log"))})
    entries = [b'{"line":[{"verdict":[]}],"place":1}', SOUND.replace(b'"at":0', b'"at":1'),
               b'{"saved":2,"whole":true,"stamp":[4,5,6]}', STEP % (2, 7)]
    lines = [HEAD, first, *map(line, entries), line_of({"look": looks.to_text(Stretch("sqrt"))})]
    found = recovering.look(log_of(tmp_path, *lines), SHAPE)
    assert found.look == Stretch("sqrt") and found.size == sum(map(len, lines))
    assert (len(found.entries), found.base, found.count, found.stamp) == (5, 2, 1, (4, 5, 6))


def boxes_of_zeros(count):
    """A stroke that claims the whole picture so many times: few bytes on disk."""
    data = base64.b64encode(zlib.compress(bytes(2 * count * SHAPE[0] * SHAPE[1]))).decode()
    box = f"[0,0,{SHAPE[0]},{SHAPE[1]},null,null]"
    return f'{{"stroke":[[{",".join([box] * count)}],"{data}"]}}'.encode()


@pytest.mark.parametrize("form", ["one stroke", "together", "nested", "many lines"])
def test_a_log_of_more_pixels_than_there_is_room_for_ends_before_them(tmp_path, monkeypatch, form):
    monkeypatch.setattr(editlog, "MOST_PIXELS", 20 * SHAPE[0] * SHAPE[1])
    few, many = boxes_of_zeros(4), boxes_of_zeros(11)
    step = {"one stroke": many, "many lines": few, "nested": few,
            "together": b'{"together":[%s]}' % b",".join([few] * 3)}[form]
    for _ in range(3 * (form == "nested")):
        step = b'{"together":[%s,%s]}' % (few, step)
    lines = [line(b'{"at":%d,"step":%s}' % (n + 1, step)) for n in range(3)]
    found = recovering.look(log_of(tmp_path, HEAD, line(SOUND), *lines), SHAPE)
    assert found.count == (3 if form == "many lines" else 1) and found.left is not None
    sound = recovering.look(log_of(tmp_path, HEAD, line(SOUND), line(
        b'{"at":1,"step":%s}' % few)), SHAPE)
    assert sound.count == 2 and sound.left is None


def test_the_pixels_of_these_lies_are_whole():
    """Or they would end the log for another reason than the one that is tried."""
    sound = LIES["a code that is none"].replace(b"eJxjZgAAAAgABA==", b"eJxjZAAAAAQAAg==")
    assert len(entries_of(HEAD + line(sound), SHAPE)[0]) == 2


def steps(count):
    return [line(STEP % (number, number)) for number in range(count)]


def broken(whole):
    return whole[:12] + b"#" + whole[13:]


def test_what_stands_behind_a_damaged_line_is_left_and_told_of(tmp_path):
    """The next entry would be written over it."""
    lines = steps(20)
    place = log_of(tmp_path, HEAD, *lines[:2], broken(lines[2]), *lines[3:])
    data = place.log.read_bytes()
    found = recovering.look(place, SHAPE)
    assert found.count == 2 and found.left.read_bytes() == data
    question = recovering.Question(found, None, None)
    assert any(str(found.left) in one and "damaged" in one for one in question.sentences("a.fits"))


def test_a_torn_end_is_no_damage(tmp_path):
    lines = steps(3)
    place = log_of(tmp_path, HEAD, *lines[:2], lines[2][:-9])
    found = recovering.look(place, SHAPE)
    assert found.count == 2 and not found.damage and len(list(tmp_path.iterdir())) == 1
    assert recovering.look(log_of(tmp_path, HEAD[:30]), SHAPE) is None


def test_a_log_whose_beginning_is_damaged_is_not_taken_for_an_empty_one(tmp_path):
    place = log_of(tmp_path, broken(HEAD), *steps(3))
    with pytest.raises(LogError, match="beginning"):
        recovering.look(place, SHAPE)
