"""What a save writes is chosen: confidence rounded or left out, flags, the way; and foreseen."""

import gzip
import os
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from drawing import random_mask, random_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glview import cli, opening, saving, session
from glview.core import plane as planes
from glview.core.mask import EDIT_DELETE, MaskSettings, final_mask
from glview.core.plane import FLOOR, Plane
from glview.core.tiles import Stamps
from glview.document import Detection, Part
from glview.files import append, foresee
from glview.files.header import scan
from glview.files.save import METHODS, SaveError, save_mask
from glview.files.source import open_source
from glview.library import mask_of
from glview.settings import FILE, Settings, folder
from glview.workspace import Saving

SHAPE = (60, 80)
MANY = settings(max_examples=20, deadline=None,
                suppress_health_check=[HealthCheck.function_scoped_fixture])
NONE = Saving("none")


@pytest.fixture
def frame(tmp_path):
    path = tmp_path / "frame.fits"
    fits.writeto(path, np.random.default_rng(2).normal(50, 3, SHAPE).astype(np.float32))
    return path


def save(path, confidence, look, edits=None, **keywords):
    """As the window saves what a model found; returns SaveResult."""
    image = opening.look_into(path).image
    detection = Detection(Stamps(image.shape), confidence, 1.0, provenance={"model": "m"})
    return saving.write(image, detection, look, edits, None, **keywords)


def opened(path):
    """(SavedMask, confidence, MaskSettings, edits) as a window has them that opens the file."""
    saved = saving.read(opening.look_into(path).image)
    return saved, *saving.restored(saved)


def known(look):
    """What of MaskSettings makes the mask."""
    return look.limit, look.dilation, look.shape


def as_array(edits):
    return np.zeros(SHAPE, np.uint8) if edits is None else np.asarray(edits[:, :])


def near(step, rng):
    """(SHAPE) float32 in [0, 1]: steps, the middles between them, and their next numbers."""
    values = rng.integers(0, min(1 / step, 1 << 23) + 1, SHAPE) * step
    values = (values + rng.choice([0.0, 0.5, -0.5, 1.0], SHAPE) * step).astype(np.float32)
    beside = np.nextafter(values, rng.choice(np.float32([-1, 2]), SHAPE))
    values = np.where(rng.random(SHAPE) < 0.5, values, beside).clip(0, 1)
    values[rng.random(SHAPE) < 0.01] = np.nan
    return values.astype(np.float32)


@pytest.mark.parametrize("large", [False, True], ids=["array", "plane"])
@given(bits=st.integers(1, 23), seed=st.integers(0, 1000))
@MANY
def test_a_rounded_confidence_opens_with_the_mask_that_was_saved(frame, monkeypatch, large, bits,
                                                                 seed):
    rng = np.random.default_rng(seed)
    step = 2.0**-bits
    confidence, edits = near(step, rng), random_mask(rng, SHAPE)[1]
    look = MaskSettings(float(np.nan_to_num(near(step, rng)[0, 0])), int(rng.integers(0, 3)))
    if large:
        monkeypatch.setattr(planes, "DENSE_PIXELS", 100)
        confidence = Plane.from_array(np.nan_to_num(confidence), FLOOR)
    shown = final_mask(confidence, look, edits)
    save(frame, confidence, look, edits, choices=Saving("rounded", bits))
    for _ in range(2):  # what was rounded once stays as it is
        saved, found, again, hand = opened(frame)
        assert np.array_equal(fits.getdata(frame, "CR_MASK"), shown)
        assert known(again) == known(look)
        assert np.array_equal(as_array(hand), edits), "no edit made up for it"
        assert np.array_equal(final_mask(found, again, hand), shown)
        exact, kept = confidence[:, :], found[:, :]
        assert not (np.abs(kept - exact) > step).any()
        assert np.array_equal(np.isnan(kept), np.isnan(exact))
        assert saved.provenance["rounded"] == step
        save(frame, found, again, hand, choices=Saving("rounded", bits))


@pytest.mark.parametrize("large", [False, True], ids=["array", "plane"])
@given(seed=st.integers(0, 1000))
@MANY
def test_without_the_confidence_mask_edits_and_settings_come_back(frame, monkeypatch, large, seed):
    rng = np.random.default_rng(seed)
    confidence, edits = random_mask(rng, SHAPE)
    look = random_settings(rng)
    shown = final_mask(confidence, look, edits)
    save(frame, confidence, look, edits, choices=NONE)
    if large:
        monkeypatch.setattr(planes, "DENSE_PIXELS", 100)
        monkeypatch.setattr(planes, "BAND", 8 * SHAPE[1])
    saved, found, again, hand = opened(frame)
    assert saved.probability is None and known(again) == known(look)
    assert np.array_equal(as_array(hand), edits), "the model's pixels are still its own"
    assert np.array_equal(final_mask(found, again, hand), shown)
    assert set(np.unique(found[:, :])) <= {0.0, 1.0}
    monkeypatch.undo()


def test_a_pixel_that_was_added_is_not_the_models_and_one_deleted_is(frame):
    confidence, edits = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.uint8)
    confidence[10:14, 10:14] = confidence[30:33, 30:40] = 0.9
    edits[20:24, 50:60], edits[30:33, 30:40] = 1, EDIT_DELETE
    save(frame, confidence, MaskSettings(), edits, choices=NONE)
    assert np.array_equal(opened(frame)[1], confidence > 0.5)
    save(frame, confidence, MaskSettings(0.5, 2), edits, choices=NONE)
    assert not opened(frame)[1][20:24, 50:60].any()


def document_of(path):
    """A Document that shows what was saved with a file."""
    document = opening.document_of(opening.look_into(path), 1 << 20)
    saved = saving.read(document.image)
    saving.restore(document, saved, saving.restored(saved))
    return document


def test_that_no_other_threshold_can_be_had_is_told_and_saved_on(frame):
    save(frame, np.full(SHAPE, 0.7, np.float32), MaskSettings(0.6), choices=NONE)
    document = document_of(frame)
    assert "another threshold changes nothing" in document.detection.status
    assert not saving.lacking(document.detection, NONE), "nothing more is lost"
    saving.write(document.image, document.detection, document.mask, None, None)
    with fits.open(frame) as hdus:
        assert [hdu.name for hdu in hdus[1:]] == ["CR_MASK"], "no confidence is made up"
        assert hdus[1].header["CRTHRESH"] == 0.6
    again = document_of(frame)
    assert "another threshold changes nothing" in again.detection.status
    assert np.array_equal(mask_of(again), mask_of(document))


def test_what_is_lost_is_told_and_only_once(frame):
    confidence = np.zeros(SHAPE, np.float32)
    detection = Detection(Stamps(SHAPE), confidence, provenance={"model": "m"})
    assert saving.lacking(detection, Saving()) == ""
    assert saving.lacking(detection, Saving("rounded", 9)) == "; confidence rounded to 9 bits"
    assert saving.lacking(detection, NONE) == "; without the confidence"
    part = replace(detection, part=Part("m", "", confidence, ((0, 0, 9, 9),), 0.4))
    assert saving.lacking(part, NONE).endswith("so that the search cannot go on from there")
    assert saving.lacking(part, Saving()) == ""
    detection.provenance["rounded"] = 2.0**-9
    assert saving.lacking(detection, Saving("rounded", 12)) == ""
    assert saving.lacking(detection, Saving("rounded", 8)) != ""
    detection.provenance["regions"] = "[1:9,1:9] other -"  # exact again, there
    assert saving.lacking(detection, Saving("rounded", 12)) != ""


# foreseen


def own_sizes(path):
    source = open_source(path)
    hdus = scan(source.fd).hdus
    return {one.name: one.end - one.header_offset for one in hdus if one.name.startswith("CR_")}


def prepared(path, kind, monkeypatch):
    if kind == "large":
        for module in (append, foresee):
            monkeypatch.setattr(module, "SMALL", 100)
    elif kind == "linked":
        os.link(path, path.with_name("other.fits"))
    elif kind == "packed":
        path = path.with_name("frame.fits.gz")
        path.write_bytes(gzip.compress(path.with_name("frame.fits").read_bytes()))
    elif kind == "followed":
        monkeypatch.setattr(foresee, "SMALL", 100)
        monkeypatch.setattr(append, "SMALL", 100)
        save_mask(path, np.ones(SHAPE, bool))
        fits.append(path, np.zeros((3, 3)), fits.Header({"EXTNAME": "OTHER"}))
    elif kind == "second":  # whose mask is the last, though another program's lies behind the first
        fits.append(path, np.zeros(SHAPE), fits.Header({"EXTNAME": "SCI"}))
        save_mask(path, np.ones(SHAPE, bool), method="append")
        fits.append(path, np.zeros((3, 3)), fits.Header({"EXTNAME": "OTHER"}))
        return path
    elif kind == "named":
        path = path.rename(path.with_name("frame.dat"))
    return path


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["small", "large", "linked", "packed", "followed", "second",
                                  "named"])
def test_what_is_foreseen_happens(frame, monkeypatch, kind, method):
    path, rng = prepared(frame, kind, monkeypatch), np.random.default_rng(3)
    confidence, edits = random_mask(rng, SHAPE)
    detection = Detection(Stamps(SHAPE), confidence, 1.0, provenance={"model": "m"})
    ext = "1" if kind == "second" else None
    image, choices = opening.look_into(path, ext).image, Saving("rounded", 9, "banzai", method)
    how = {"verdicts": {(3, 4): "accepted"}, "dq": "banzai", "choices": choices}
    try:
        found = saving.foresee(image, detection, MaskSettings(), edits, **how)
    except SaveError:
        with pytest.raises(SaveError):
            saving.write(image, detection, MaskSettings(), edits, None, **how)
        return
    result = saving.write(image, detection, MaskSettings(), edits, None, **how)
    assert (found.path, found.method) == (result.path, result.method)
    assert found.why == ("" if result.why == "as asked for" else result.why)
    sizes = own_sizes(result.path)
    assert found.sizes == sizes and sizes.keys() == {
        "CR_MASK", "CR_PROBABILITY", "CR_EDITS", "CR_REVIEW", "CR_DQ"}
    assert "has no BPM" in found.warning


def test_nothing_is_written_to_foresee(frame, tmp_path):
    before = frame.read_bytes(), sorted(tmp_path.iterdir())
    detection = Detection(Stamps(SHAPE), np.ones(SHAPE, np.float32), 1.0)
    found = saving.foresee(opening.look_into(frame).image, detection, MaskSettings(), None,
                           dq="lsst")
    assert "CR_DQ" not in found.sizes and "MP_CR" in found.warning
    assert (frame.read_bytes(), sorted(tmp_path.iterdir())) == before


# remembered, and asked for


def desk_with(choices):
    workspace = SimpleNamespace(document=None, overlay=Settings().overlay, brush=1, saving=choices)
    return SimpleNamespace(workspace=workspace, platform=SimpleNamespace(usual_size=(800, 600)))


def test_the_choices_are_remembered_but_not_those_of_the_command_line(monkeypatch, tmp_path):
    monkeypatch.setenv("GLVIEW_CONFIG", str(tmp_path))
    chosen = Saving("rounded", 12, "hst", "beside")
    Settings().remember(desk_with(chosen))
    held = Settings.load(folder() / FILE)
    assert held.saving == chosen
    held.for_this_run(**session.Options(mask_only=True, dq="plain").saving)
    assert held.saving == Saving("none", 12, "plain", "beside")
    assert session.workspace_for([], held, session.Options()).saving == held.saving
    held.remember(desk_with(held.saving))
    assert Settings.load(folder() / FILE).saving == chosen


@pytest.mark.parametrize(("text", "kept"), [
    ('{"saving": {"confidence": "all", "bits": "9", "dq": "nasa", "method": "cp"}}', Saving()),
    ('{"saving": {"bits": 99, "dq": "jwst"}}', Saving(bits=23, dq="jwst")),
    ('{"saving": {"bits": -1, "confidence": "none"}}', Saving("none", 1)),
    ('{"saving": [1]}', Saving()), ('{"saving": {"bits": true, "dq": null}}', Saving()),
])
def test_choices_that_cannot_be_are_not_taken(tmp_path, text, kept):
    (tmp_path / "settings.json").write_text(text)
    assert Settings.load(tmp_path / "settings.json").saving == kept


@pytest.mark.parametrize(("words", "asked"), [
    (["--bits", "9"], {"confidence": "rounded", "bits": 9}),
    (["--bits", "all"], {"confidence": "exact"}), (["--mask-only"], {"confidence": "none"}),
    (["--method", "beside", "--dq", "hst"], {"method": "beside", "dq": "hst"}), ([], {}),
])
def test_the_command_line_asks_for_them(monkeypatch, frame, words, asked):
    started = []
    monkeypatch.setattr(session, "run_window", lambda entries, options: started.append(options))
    assert cli.main([str(frame), *words]) == 0
    assert {name: value for name, value in started[0].saving.items() if value} == asked


@pytest.mark.parametrize(("words", "told"), [
    (["--bits", "24"], "'all'"), (["--bits", "0"], "from 1 to 23"), (["--method", "cp"], "beside"),
    (["--bits", "9", "--mask-only"], "leave --bits out"),
    (["--bits", "9", "--screenshot", "a.png"], "--bits is for what is saved"),
    (["--mask-only", "--screenshot", "a.png"], "--mask-only is for what is saved"),
])
def test_what_does_not_go_together_is_told(capsys, frame, words, told):
    try:
        code = cli.main([str(frame), *words])
    except SystemExit as end:
        code = end.code
    assert code == 2 and told in capsys.readouterr().err


def test_the_words_of_the_window_are_those_of_the_files():
    from glview import arguments
    from glview.files import content

    assert arguments.METHODS == METHODS
    assert tuple(2.0**-bits for bits in arguments.BITS[::-1]) == content.PRECISIONS
