"""Twins of a document: another picture, and everything else is shared."""

import gc
import weakref

import numpy as np
import pytest
from drawing import document_of, random_mask

from glview.comparing import Sides
from glview.core.compare import KINDS, Compare
from glview.workspace import Entry, Workspace


def workspace_of(document, **compare):
    entry = Entry(None, "test", documents={(0, 0): document}, shown=(0, 0))
    return Workspace([entry], compare=Compare(**compare))


def document():
    rng = np.random.default_rng(1)
    return document_of(rng.normal(9, 1, (40, 50)).astype(np.float32), *random_mask(rng, (40, 50)))


def test_a_twin_shares_what_is_slow_to_make_and_changes_nothing():
    shown, sides = document(), Sides()
    before = dict(vars(shown))
    for kind, differs in (("model", {"edits", "pools", "twin"}), ("cleaned", {"image", "twin"})):
        twin, right = sides.of(workspace_of(shown, held=kind))
        assert right is None and twin.document.twin == kind
        kept = vars(twin.document)
        assert {name for name in kept if kept[name] is not before.get(name)} == differs
    assert vars(shown) == before and shown.twin == ""


def test_what_the_models_mask_is_made_from_is_kept_from_frame_to_frame():
    shown, sides = document(), Sides()
    twins = [sides.of(workspace_of(shown, held="model"))[0].document for _ in range(2)]
    assert twins[0].pools is twins[1].pools is not shown.pools
    other = sides.of(workspace_of(document(), held="model"))[0].document
    assert other.pools is not twins[0].pools


def test_nothing_of_a_closed_document_is_kept():
    shown, sides = document(), Sides()
    pools = weakref.ref(sides.of(workspace_of(shown, held="model"))[0].document.pools)
    assert pools() is not None
    del shown
    gc.collect()
    assert pools() is None


@pytest.mark.parametrize("kind", KINDS)
def test_where_nothing_differs_the_document_itself_is_drawn(kind):
    bare = document_of(np.zeros((9, 9), np.float32))
    left, right = Sides().of(workspace_of(bare, divided=True, other=kind))
    assert left.document is right.document is bare


def test_the_divider_is_where_its_share_says_and_nowhere_else():
    assert Compare().column(100) == 100 and Compare(cleaned=True).column(100) == 100
    assert Compare(divided=True, at=0.3).column(100) == 30
    assert Compare("image", divided=True, at=0.3).column(100) == 100, "a held key fills the pane"
