"""What a save keeps up of an earlier one, and what it says of the rest."""

import numpy as np
import pytest
from astropy.io import fits
from headless import SHAPE, Desk, paint, work_on

from glview.core.tiles import Stamps
from glview.document import Detection
from glview.files.save import load_mask, save_mask
from glview.workspace import Saving

SCENE = np.random.default_rng(4).normal(50, 3, SHAPE).astype(np.float32)
MASK = SCENE > 54


@pytest.fixture
def frame(tmp_path):
    path = tmp_path / "frame.fits"
    fits.writeto(path, SCENE, fits.Header({"BUNIT": "electron/s"}))
    return path


@pytest.fixture
def desk(frame):
    made = Desk(frame)
    yield made
    made.jobs.close()


def names(path):
    with fits.open(path) as hdus:
        return [hdu.name for hdu in hdus]


def detect(document, seed):
    """A model was here: another confidence, and nothing of what was known of the last."""
    document.detection = Detection(Stamps(SHAPE), provenance={"model": f"m{seed}"}, covered=1.0)
    work_on(document, seed)


def save(desk, **how):
    desk.library.save(**how)
    desk.settle()
    return desk.workspace.told


def test_flags_are_kept_up_after_another_detection(desk, frame):
    save_mask(frame, MASK, MASK.astype(np.float32), dq="banzai")
    document = desk.show(0)
    for seed in (1, 2):
        detect(document, seed)
        save(desk)
        assert "CR_DQ" in names(frame) and load_mask(frame).provenance["model"] == f"m{seed}"
    desk.workspace.saving = Saving(dq="plain")
    save(desk)
    desk.workspace.saving = Saving()
    detect(document, 3)
    save(desk)
    assert "CR_DQ" not in names(frame)


def test_flags_asked_for_in_this_run_are_kept_up_too(desk, frame):
    document = desk.show(0)
    work_on(document)
    desk.workspace.saving = Saving(dq="banzai")
    save(desk)
    desk.workspace.saving = Saving()
    detect(document, 2)
    save(desk)
    assert "CR_DQ" in names(frame)


def test_a_cleaned_image_that_a_save_leaves_out_is_told_once(desk, frame):
    document = desk.show(0)
    work_on(document)
    assert "CR_CLEANED" not in save(desk, clean=True)
    paint(document, 20)
    assert "without the CR-cleaned image" in save(desk)
    assert "CR_CLEANED" not in names(frame)
    paint(document, 25)
    assert "without the CR-cleaned image" not in save(desk)


def test_a_cleaned_image_that_stays_in_the_file_is_not_told_gone(desk, frame):
    save_mask(frame, MASK, cleaned=SCENE, provenance={"cleaning": "medians"})
    document = desk.show(0)
    paint(document, 20)
    assert "without the CR-cleaned image" not in save(desk, beside=True)
    assert "CR_CLEANED" in names(frame)
    paint(document, 25)
    assert "without the CR-cleaned image" in save(desk)


def test_a_cleaned_image_has_the_unit_of_the_image(frame):
    save_mask(frame, MASK, cleaned=SCENE)
    with fits.open(frame) as hdus:
        assert hdus["CR_CLEANED"].header["BUNIT"] == "electron/s"
        assert "BUNIT" not in hdus["CR_MASK"].header
