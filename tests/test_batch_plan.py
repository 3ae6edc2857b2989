"""Which files a batch takes, in which order, and where the results go."""

import os

import pytest

from glview.arguments import UsageError
from glview.batch.plan import plan


@pytest.fixture
def night(tmp_path, monkeypatch):
    """A folder with files of all kinds, which is also where the test works."""
    for name in ("b.fits", "a.fits", "c.fit.gz", "d.FZ", "e.npy", "f.tiff", "deep/g.fits",
                 "deep/er/h.fts", "deep/.hidden.fits", ".secret/i.fits", "view.png", "list.txt",
                 "b.fits.glview.fits", "deep/g.fits.glview.fits"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(items, folder):
    return [os.path.relpath(item.path, folder) for item in items]


def test_a_folder_gives_every_image_below_it_in_sorted_order(night):
    found = names(plan([night]), night)
    assert found == ["a.fits", "b.fits", "c.fit.gz", "d.FZ", "deep/er/h.fts", "deep/g.fits",
                     "e.npy", "f.tiff"]
    assert names(plan(["."]), night) == found


def test_patterns_files_and_folders_are_sorted_together_and_each_is_taken_once(night):
    os.symlink(night / "a.fits", night / "z.fits")
    found = plan(["z.fits", "deep", "*.fits", "b.fits", "./b.fits"])
    assert [os.path.realpath(item.path) for item in found] == [
        str(night / name) for name in ("b.fits", "deep/er/h.fts", "deep/g.fits", "a.fits")]
    assert names(plan(["**/*.fts"]), night) == ["deep/er/h.fts"]
    assert names(plan(["[ab].fits"]), night) == ["a.fits", "b.fits"]


def test_a_preview_is_taken_if_it_is_named(night):
    assert names(plan(["view.png"]), night) == ["view.png"]


def test_a_file_that_is_not_there_is_left_to_be_told_later(night):
    assert names(plan(["none.fits", "a.fits"]), night) == ["a.fits", "none.fits"]


@pytest.mark.parametrize(("asked", "exts"), [
    (["a.fits"], (None,)), (["a.fits[SCI]"], ("SCI",)), (["a.fits[2]", "a.fits[1]"], ("1", "2")),
    (["a.fits[2]", "a.fits"], (None,)), (["?.fits[SCI]"], ("SCI",)),
])
def test_extensions_behind_names_and_patterns(night, asked, exts):
    first = plan(asked)[0]
    assert (first.path, first.exts) == (night / "a.fits", exts)


def test_the_option_for_the_extension_is_for_all(night):
    assert {item.exts for item in plan([night], ext="3")} == {("3",)}


@pytest.mark.parametrize(("asked", "words"), [
    (["none*.fits"], "no file matches none\\*.fits"),
    (["a.fits", "x[12].fits"], "no file matches x"),
    (["empty"], "no image in the folder empty"),
    (["b.fits.glview.fits"], "glview's own"),
    (["b.fits", ""], r"a name is empty.*\. for this one"),
])
def test_what_stands_for_nothing_is_a_usage_error_that_names_it(night, asked, words):
    (night / "empty").mkdir()
    with pytest.raises(UsageError, match=words):
        plan(asked)


def test_results_lie_beside_the_image_or_in_a_folder(night):
    beside, apart = plan(["deep/g.fits"])[0], plan(["deep/g.fits"], folder="out")[0]
    assert beside.output == night / "deep" / "g.fits.glview.fits"
    assert apart.output == night / "out" / "g.fits.glview.fits"


def test_results_of_one_name_keep_their_folders_in_every_shard(night):
    (night / "deep" / "a.fits").touch()
    for named in ([night], ["a.fits", "deep/a.fits", "deep/g.fits"]):
        whole = plan(named, folder="out")
        found = {os.path.relpath(item.output, night / "out") for item in whole}
        wanted = {f"{name}.glview.fits" for name in ("a.fits", "deep/a.fits", "deep/g.fits")}
        assert wanted <= found and len(found) == len(whole)
        parts = [item for n in (1, 2, 3) for item in plan(named, None, "out", (n, 3))]
        assert whole == sorted(parts, key=lambda item: os.fspath(item.path))


def test_the_shards_are_a_partition_whatever_the_order_of_the_arguments(night):
    whole = names(plan([night]), night)
    parts = [names(plan(["f.tiff", "deep", "*.fit*", "d.FZ", "e.npy"], shard=(i, 3)), night)
             for i in (1, 2, 3)]
    assert sorted(name for part in parts for name in part) == whole
    assert parts[0] == whole[::3] and max(map(len, parts)) - min(map(len, parts)) <= 1
    assert plan(["a.fits"], shard=(2, 2)) == []


def test_a_folder_that_may_not_be_listed_is_told(night, monkeypatch):
    scan = os.scandir

    def refuse(path):
        if os.fspath(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UsageError, match="deep cannot be listed: Permission denied"):
        plan([night])
