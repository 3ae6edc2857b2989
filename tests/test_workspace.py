"""The state tree: limits follow the stretch, keys follow the mask, changes are told truly."""

from dataclasses import replace

import numpy as np
import pytest

from glview import opening
from glview.core.image import from_array
from glview.core.mask import EDIT_ADD, MaskSettings
from glview.core.stretch import MEAN, Stretch
from glview.document import Document
from glview.workspace import Entry, Workspace


def new_document(array=None):
    array = np.arange(200.0).reshape(10, 20) if array is None else array
    image = from_array(array)
    return opening.document_of(opening.look_at((image,), image))


def detected(document, confidence=None):
    shape = document.image.shape
    document.detection.confidence = (
        np.full(shape, 0.75, np.float32) if confidence is None else confidence)
    document.detection.stamps.touch((0, 0, *shape))
    return document


def test_limits_follow_the_stretch_and_the_sample():
    document = new_document()
    document.stretch = Stretch(limits="minmax")
    assert document.limits == (0.0, 199.0)
    document.stretch = Stretch(limits="user", low=3.0, high=7.0)
    assert document.limits == (3.0, 7.0)
    document.stretch = Stretch(limits="minmax", kind="log", colormap="heat")
    document.sample = replace(document.sample, low=-5.0, high=500.0)
    assert document.limits == (-5.0, 500.0)


def test_the_table_of_equalization_follows_the_limits():
    document = new_document()
    document.stretch = Stretch("histogram", "minmax")
    first = document.table_at(MEAN, 0)
    assert first[0] == 0 and first[-1] == 1 and document.table_at(MEAN, 0) is first
    document.stretch = Stretch("histogram", "user", 0.0, 20.0)
    assert document.table_at(MEAN, 0) is not first and document.table_at(MEAN, 0)[-1] == 1


def test_there_is_a_mask_once_there_is_a_confidence_or_an_edit():
    assert not new_document().has_mask
    assert detected(new_document()).has_mask
    document = new_document()
    document.edits.draw((1, 1), (1, 1), 1, EDIT_ADD)
    assert document.has_mask


def test_the_mask_key_changes_with_everything_that_makes_the_mask():
    document = new_document()
    seen = [document.mask_key]
    for act in (lambda: detected(document),
                lambda: document.change(threshold=0.2),
                lambda: document.change(dilation=1),
                lambda: document.edits.draw((1, 1), (2, 2), 1, EDIT_ADD),
                lambda: document.detection.stamps.touch((0, 0, 1, 1))):
        act()
        assert document.mask_key not in seen
        seen.append(document.mask_key)
    document.stretch = Stretch("log")
    document.change(dilation=1)
    assert document.mask_key == seen[-1]


def test_changed_is_what_would_be_lost():
    document = new_document()
    assert not document.changed
    detected(document)
    assert document.changed
    document.saved = document.detection.stamps.now
    assert not document.changed
    document.change(threshold=0.3)
    assert document.changed
    document.history.undo(document)
    assert not document.changed


def test_a_detection_that_still_runs_is_not_yet_a_result():
    document = detected(new_document())
    document.detection.running = True
    assert not document.changed
    document.detection.running = False
    assert document.changed


def test_settings_of_a_mask_that_is_not_there_are_nothing_to_lose():
    document = new_document()
    document.change(threshold=0.3)
    assert not document.changed
    document.edits.draw((1, 1), (1, 1), 1, EDIT_ADD)
    assert document.changed


def test_changing_to_the_same_is_no_step_and_wrong_values_are_refused():
    document = new_document()
    document.change(threshold=0.5, dilation=0)
    assert document.history.last is None
    with pytest.raises(ValueError, match="threshold"):
        document.change(threshold=2.0)
    assert document.mask == MaskSettings() and document.history.last is None


def test_an_empty_list_has_no_document():
    assert Workspace([]).document is None
    entry = Entry(None, "a")
    assert Workspace([entry]).document is None
    document = new_document()
    entry.documents[1, 2], entry.shown = document, (1, 2)
    assert isinstance(entry.document, Document) and Workspace([entry]).document is document


def test_a_sentence_is_shown_once():
    workspace = Workspace([])
    for sentence in ("a", "b", "a"):
        workspace.notify(sentence)
    assert workspace.notices == ["a", "b"]
    assert Workspace([]).notices == []
