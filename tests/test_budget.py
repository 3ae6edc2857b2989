"""How much memory may be used."""

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from glview import budget
from glview.budget import LEAST_GPU, Budget, parse_size, size_text
from glview.cli import main
from glview.core import tiles
from glview.gl.tilestore import FEWEST, PREVIEWS, count_for
from glview.library import entry_for, fill
from glview.opening import PREVIEW, look_into


@pytest.mark.parametrize(("text", "size"), [
    ("512M", 512 << 20), ("2G", 2 << 30), ("1.5GiB", 3 << 29), ("100 mb", 100 << 20),
    ("16777216", 16 << 20), ("0.5t", 1 << 39), ("65536k", 64 << 20)])
def test_a_size_is_read_as_people_write_it(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "M", "2X", "-1G", "1M", "0", "1e9", "2 G B", "nan"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="no size"):
        parse_size(text)


@pytest.mark.parametrize(("size", "text"), [
    (0, "0 MB"), (312 << 20, "312 MB"), (1 << 30, "1.0 GB"), (6 * (1 << 30) + (1 << 29), "6.5 GB")])
def test_a_size_is_told_in_few_letters(size, text):
    assert size_text(size) == text


def test_a_quarter_of_the_machine_is_the_default(monkeypatch):
    monkeypatch.setattr(budget, "machine_memory", lambda: 8 << 30)
    assert budget.default() == Budget(2 << 30, budget.GPU)
    assert budget.default().pyramid == 1 << 29


def test_a_container_may_have_less_than_its_machine(monkeypatch, tmp_path):
    whole = budget.machine_memory()
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(budget, "_CGROUP", limit)
    limit.write_text("1073741824\n")
    assert budget.machine_memory() == min(1 << 30, whole)
    limit.write_text("max\n")
    unlimited = budget.machine_memory()
    assert unlimited > 1 << 28
    limit.unlink()
    assert budget.machine_memory() == unlimited


@pytest.mark.parametrize(("nbytes", "count"), [
    (0, FEWEST), (64 << 20, 21), (512 << 20, 220), (9 << 30, 4088)])
def test_the_gpu_budget_gives_a_number_of_tiles(nbytes, count):
    assert count_for(nbytes) == count
    preview = 4 * PREVIEW * PREVIEW
    kept = count * tiles.SIZE * tiles.SIZE * 9 + PREVIEWS * preview
    assert kept <= nbytes or nbytes < LEAST_GPU


@pytest.mark.parametrize(("option", "size", "least"), [
    ("--gpu-memory", "16M", "64M"), ("--memory", "10", "16M"), ("--memory", "many", "16M")])
def test_too_small_a_budget_is_refused_with_the_least(capsys, option, size, least):
    with pytest.raises(SystemExit):
        main([option, size, "frame.fits"])
    assert f"{size!r} is no size from {least} on, such as 512M" in capsys.readouterr().err


def test_decoded_pixels_that_readers_keep_are_counted(tmp_path):
    values = np.arange(300 * 200, dtype=np.int16).reshape(300, 200)
    fits.CompImageHDU(values, compression_type="RICE_1", tile_shape=(100, 100)).writeto(
        tmp_path / "a.fz")
    Image.fromarray(values.astype(np.uint8)).save(tmp_path / "b.png")
    for name, least in (("a.fz", 2 * 200 * 100), ("b.png", values.size)):
        entry = entry_for(tmp_path / name)
        fill(entry, look_into(entry.path))
        image = entry.document.image
        image.read(0, 10, 90, 20, 150)
        assert entry.nbytes >= entry.document.nbytes + least and image.kept() >= least
