"""Threshold to bits, bits to runs: against numpy, and never past the end of what they write to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_objects import spiral

from glview.core import blocks, maskkernels, packkernels

VALUES = np.array([-1, 0, 0.3, 0.5, 0.75, 1, np.nan, np.inf, -np.inf], np.float32)


def bits_of(mask):
    """(h, words) uint64 of a bool mask, by numpy."""
    padded = np.pad(mask, ((0, 0), (0, -mask.shape[1] % 64)))
    return np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64)


@settings(max_examples=50, deadline=None)
@given(width=st.integers(1, 300), height=st.integers(1, 4), seed=st.integers(0, 999),
       limit=st.sampled_from([0.0, 0.5, 0.75]))
def test_all_ways_to_pack_are_numpys(width, height, seed, limit):
    rows = np.random.default_rng(seed).choice(VALUES, (height, width))
    limit = np.float32(limit)
    wanted = bits_of(rows > limit)
    swapped = rows.astype(rows.dtype.newbyteorder()).view(np.uint32)
    for kernel, given_rows in ((packkernels.pack, rows), (packkernels.pack, swapped),
                               (packkernels.pack_plain, rows)):
        made = np.full(wanted.shape, 7, np.uint64)
        kernel(blocks.read_only(given_rows), limit, made)
        assert np.array_equal(made, wanted)


def test_vectors_work_here_and_a_machine_without_them_is_noticed(monkeypatch):
    assert blocks.vectors()

    def broken(*arguments):
        raise RuntimeError("no such instruction")

    for pack in (broken, lambda rows, limit, bits: bits.fill(0)):
        blocks.vectors.cache_clear()
        monkeypatch.setattr(packkernels, "pack", pack)
        assert not blocks.vectors()
    monkeypatch.undo()
    blocks.vectors.cache_clear()
    assert blocks.vectors()


def test_a_map_of_a_file_is_read_where_it_lies(tmp_path):
    path = tmp_path / "confidence"
    values = np.random.default_rng(1).random((30, 90), np.float32)
    values.astype(">f4").tofile(path)
    mapped = np.memmap(path, ">f4", "r", shape=values.shape)
    assert np.shares_memory(blocks.words32(np.asarray(mapped)), mapped)
    found = blocks.bits_above(mapped, (3, 0, 9, 90), np.float32(0.5), blocks.Arena())
    assert np.array_equal(found, bits_of(values[3:9] > 0.5))


def runs_by_numpy(mask):
    steps = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    (y, x0), (_, x1) = np.nonzero(steps == 1), np.nonzero(steps == -1)
    return np.stack([y, x0, x1], 1)


@pytest.mark.parametrize("mask", [
    spiral(131), np.indices((70, 129)).sum(0) % 2 == 0, np.ones((9, 128), bool),
    np.random.default_rng(2).random((60, 200)) < 0.5, np.zeros((3, 3), bool),
], ids=["spiral", "chess", "full", "dense", "empty"])
@pytest.mark.parametrize("spare", [0, 1, 40])
def test_runs_end_where_their_room_ends(mask, spare):
    """Any room gives the same runs, in several goes; what lies behind it stays as it was."""
    room = mask.shape[1] // 2 + 1 + spare
    buffer = np.full((room + 9, 3), -5, np.int32)
    found, row = [], 0
    while row < len(mask):
        count, after = maskkernels.mask_runs(bits_of(mask), mask.shape[1], row, buffer[:room])
        assert after > row and count <= room
        found.append(buffer[:count].copy())
        row = after
    assert np.array_equal(np.concatenate(found), runs_by_numpy(mask))
    assert (buffer[room:] == -5).all()


def test_too_little_room_for_a_row_is_refused():
    mask = np.ones((4, 100), bool)
    buffer = np.full((50, 3), -5, np.int32)
    assert maskkernels.mask_runs(bits_of(mask), 100, 0, buffer) == (0, 0)
    assert (buffer == -5).all()


def test_an_arena_is_given_to_one_thread_at_a_time_and_again():
    arenas = blocks.Arenas()
    with arenas.one() as first, arenas.one() as second:
        assert first is not second
        held = first.array("rows", (4, 4), np.uint64)
    with arenas.one() as again:
        assert again in (first, second)
    assert np.shares_memory(held, first.array("rows", (2, 8), np.uint64))
    assert first.array("rows", (9, 9), np.uint64).shape == (9, 9)
