"""What is saved comes back: mask, confidence, edits and settings, pixel for pixel."""

from dataclasses import replace

import fitsio
import numpy as np
import pytest
import tifffile
from astropy.io import fits
from PIL import Image

import glview
from glview import opening, saving
from glview.core import mask
from glview.core.coverage import Coverage, to_text
from glview.core.mask import EDIT_ADD, EDIT_DELETE, MaskSettings
from glview.core.shares import percent
from glview.core.tiles import Stamps
from glview.document import Detection, Part
from glview.files import ReadError, content
from glview.files.load import SavedMask
from glview.files.save import stamp

SHAPE = (50, 70)
KNOWN = {"model": "ACS-WFC", "weights_sha256": "ab" * 32, "tiling": "256+32"}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "frame.fits"
    fits.writeto(path, np.random.default_rng(1).normal(100, 9, SHAPE).astype(np.float32))
    return path


def confidence_map(seed=2, nan=True):
    random = np.random.default_rng(seed)
    made = random.random(SHAPE, np.float32) ** 8
    made[0, 0] = np.float32(0.5)
    made[0, 1] = np.nextafter(np.float32(0.5), np.float32(1))
    if nan:
        made[5, :9] = np.nan
    return made


def edits_plane(seed=3):
    random = np.random.default_rng(seed)
    return random.choice(np.array([0, 1, 2], np.uint8), SHAPE, p=[0.9, 0.06, 0.04])


def write(image, confidence, settings, edits, known=KNOWN, since=None):
    detection = Detection(Stamps(image.shape), confidence, provenance=dict(known))
    return saving.write(image, detection, settings, edits, since)


def open_again(path, plane=0, ext=None):
    """(document, SavedMask) as the program has them after opening the file anew."""
    opened = opening.look_into(path, ext)
    image = replace(opened.image, plane=plane)
    document = opening.document_of(opening.look_at(opened.images, image))
    saved = saving.read(image)
    if saved is not None:
        saving.restore(document, saved, saving.restored(saved))
    return document, saved


def mask_of(document):
    return mask.final_mask(document.detection.confidence, document.mask, document.edits.plane)


def same_bits(one, other):
    return one.dtype == other.dtype and one.tobytes() == other.tobytes()


@pytest.mark.parametrize("settings", [MaskSettings(), MaskSettings(0.1, 3, "disk"),
                                      MaskSettings(0.30000001192092896, 16, "diamond"),
                                      MaskSettings(0.0), MaskSettings(1.0, 1)])
@pytest.mark.parametrize("edits", [None, edits_plane()], ids=["model", "edited"])
def test_saving_and_opening_again_changes_nothing(path, settings, edits):
    confidence = confidence_map()
    shown = mask.final_mask(confidence, settings, edits)
    image = opening.look_into(path).image
    result = write(image, confidence, settings, edits, since=stamp(path))
    assert (result.path, result.place) == (path, "extension")
    document, saved = open_again(path)
    assert same_bits(document.detection.confidence, confidence)
    assert document.mask.limit == settings.limit
    assert replace(document.mask, threshold=0.5) == replace(settings, threshold=0.5)
    assert document.edits.any == (edits is not None)
    assert edits is None or same_bits(document.edits.plane[:, :], edits)
    assert same_bits(mask_of(document), shown) and (saved.mask == shown).all()
    assert not document.changed and document.has_mask
    assert {name: document.detection.provenance[name] for name in KNOWN} == KNOWN


def test_going_on_and_saving_again_keeps_where_the_confidence_came_from(path):
    image = opening.look_into(path).image
    write(image, confidence_map(), MaskSettings(), None)
    document, _ = open_again(path)
    document.change(threshold=0.25)
    document.edits.draw((3, 3), (3, 9), 2, EDIT_ADD)
    shown = mask_of(document)
    saving.write(document.image, document.detection, document.mask, document.edits.plane, None)
    again, saved = open_again(path)
    assert (mask_of(again) == shown).all() and again.mask.threshold == 0.25
    assert {name: saved.provenance[name] for name in KNOWN} == KNOWN
    assert saved.provenance["added"] == document.edits.added == 16
    assert saved.provenance["deleted"] == 0
    assert saved.provenance["version"] == glview.__version__
    with fits.open(path) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "CR_MASK", "CR_PROBABILITY", "CR_EDITS"]
        assert (hdus["CR_MASK"].data == shown).all()


def test_a_mask_by_hand_alone(path):
    edits = np.zeros(SHAPE, np.uint8)
    edits[4:6, 7:9], edits[20, 20] = EDIT_ADD, EDIT_DELETE
    write(opening.look_into(path).image, None, MaskSettings(0.25, 2), edits, {})
    document, saved = open_again(path)
    assert document.detection.confidence is None and "model" not in saved.provenance
    assert same_bits(document.edits.plane[:, :], edits)
    assert document.mask == MaskSettings(0.25, 2)
    assert np.argwhere(mask_of(document)).tolist() == [[4, 7], [4, 8], [5, 7], [5, 8]]


def test_edits_that_were_all_taken_back_leave_no_trace(path):
    write(opening.look_into(path).image, confidence_map(), MaskSettings(), np.zeros(SHAPE, "u1"))
    document, _ = open_again(path)
    assert not document.edits.any


def append_foreign(path, found, probability=None, **cards):
    with fits.open(path, mode="append") as hdus:
        hdus.append(fits.ImageHDU(found.astype(np.uint8), fits.Header(cards), "CR_MASK"))
        if probability is not None:
            hdus.append(fits.ImageHDU(probability, name="CR_PROBABILITY"))


@pytest.mark.parametrize("with_probability", [True, False])
def test_the_mask_of_another_program_is_reproduced_exactly(path, with_probability):
    probability = confidence_map(nan=False)
    found = np.roll(probability, 3, 0) > 0.3
    assert (found != (probability > 0.5)).any()
    append_foreign(path, found, probability if with_probability else None)
    document, saved = open_again(path)
    assert (saved.mask == found).all() and (mask_of(document) == found).all()
    assert document.mask == MaskSettings() and not document.changed
    if with_probability:
        assert same_bits(document.detection.confidence, probability)
        added = found & ~(probability > np.float32(0.5))
        assert document.edits.added == added.sum() > 0
    else:
        assert not document.edits.any


def test_settings_in_a_header_that_cannot_be_true_still_give_the_saved_mask():
    probability = confidence_map()
    found = probability > 0.3
    for known in ({"threshold": 7.0}, {"threshold": "high"}, {"threshold": float("nan")},
                  {"dilation": 99}, {"dilation": 1.5}, {"dilation": "x"}, {"shape": "star"},
                  {"shape": 3}, {"threshold": True}):
        confidence, settings, edits = saving.restored(SavedMask(found, probability, None, known))
        assert (mask.final_mask(confidence, settings, edits) == found).all()
    _, settings, _ = saving.restored(SavedMask(found, probability, None, {"threshold": 7.0}))
    assert settings == MaskSettings()


def test_restoring_does_not_write_into_what_was_read():
    found, edits = np.ones(SHAPE, bool), np.zeros(SHAPE, np.uint8)
    saved = SavedMask(found, np.zeros(SHAPE, np.float32), edits, {})
    assert saving.restored(saved)[2][:, :].all() and not edits.any()


def test_mask_and_probability_are_of_the_same_moment(path, monkeypatch):
    image = opening.look_into(path).image
    first, second = confidence_map(5, nan=False), confidence_map(6, nan=False)
    for how in ("replaced", "still filled by a model"):
        detection = Detection(Stamps(SHAPE), first.copy(), running=how != "replaced")

        def interrupted(*arguments, detection=detection):
            if detection.running:
                detection.confidence[:] = second
            else:
                detection.confidence = second
            return mask.FinalMask(*arguments)

        monkeypatch.setattr(saving, "FinalMask", interrupted)
        saving.write(image, detection, MaskSettings(), None, None)
        saved = saving.read(image)
        assert same_bits(saved.probability, first)
        assert (saved.mask == (first > 0.5)).all()


def test_a_file_that_another_program_changed_is_not_written(path):
    image, since = opening.look_into(path).image, stamp(path)
    with fits.open(path, mode="append") as hdus:
        hdus.append(fits.ImageHDU(np.zeros((2, 2)), name="OTHER"))
    before = path.read_bytes()
    result = write(image, confidence_map(), MaskSettings(), None, since=since)
    assert result.method == "beside" and "changed by another program" in result.why
    assert path.read_bytes() == before


def test_a_mask_of_another_size_is_an_error_in_words(path):
    append_foreign(path, np.zeros(SHAPE, bool))
    with fits.open(path, mode="append") as hdus:
        own = fits.ImageHDU(np.zeros((3, 3), np.uint8), name="CR_MASK")
        own.header["GLVVERS"], own.header["CREXT"], own.header["DATE"] = "0", 0, "2099"
        hdus.append(own)
    with pytest.raises(ReadError, match="belongs to another image"):
        saving.read(opening.look_into(path).image)


def test_an_array_and_a_bare_file_have_nothing_saved(path):
    assert saving.read(opening.look_into(path).image) is None
    image = glview.core.image.from_array(np.zeros(SHAPE))
    assert saving.read(image) is None


@pytest.mark.parametrize("suffix", [".npy", ".png", ".tif", ".fits.gz"])
def test_what_cannot_hold_a_mask_has_it_in_a_file_beside_it(tmp_path, suffix):
    path, pixels = tmp_path / f"frame{suffix}", np.arange(3500, dtype=np.uint16).reshape(SHAPE)
    writers = {".npy": np.save, ".tif": tifffile.imwrite,
               ".png": lambda path, values: Image.fromarray(values).save(path),
               ".fits.gz": lambda path, values: fits.writeto(path, values.astype(np.int16))}
    writers[suffix](path, pixels)
    before, edits = path.read_bytes(), edits_plane()
    assert open_again(path)[1] is None
    shown = mask.final_mask(confidence_map(), MaskSettings(0.25, 1), edits)
    result = write(opening.look_into(path).image, confidence_map(), MaskSettings(0.25, 1), edits,
                   since=stamp(path))
    assert result.place == "side file" and path.read_bytes() == before
    document, _ = open_again(path)
    assert same_bits(mask_of(document), shown) and document.mask == MaskSettings(0.25, 1)


def test_every_extension_has_a_mask_of_its_own(tmp_path):
    path = tmp_path / "two.fits"
    frames = [fits.ImageHDU(np.full(SHAPE, n, np.float32), name=f"SCI{n}") for n in (1, 2)]
    fits.HDUList([fits.PrimaryHDU(), *frames]).writeto(path)
    maps = [confidence_map(n) for n in (1, 2)]
    for image, confidence, threshold in zip(opening.look_into(path).images, maps, (0.2, 0.8),
                                            strict=True):
        write(image, confidence, MaskSettings(threshold), None)
    for n in (1, 2):
        document, _ = open_again(path, ext=f"SCI{n}")
        assert same_bits(document.detection.confidence, maps[n - 1])
        assert document.mask.threshold == (0.2, 0.8)[n - 1]


@pytest.mark.parametrize("suffix", [".fits", ".npy"])
def test_every_plane_of_a_cube_has_a_mask_of_its_own(tmp_path, suffix):
    path, cube = tmp_path / f"cube{suffix}", np.zeros((3, *SHAPE), np.float32)
    if suffix == ".fits":
        fits.writeto(path, cube)
    else:
        np.save(path, cube)
    maps = {plane: confidence_map(plane) for plane in (0, 2)}
    for plane, confidence in maps.items():
        image = replace(opening.look_into(path).image, plane=plane)
        write(image, confidence, MaskSettings((1 + plane) / 10), None)
    for plane, confidence in maps.items():
        document, saved = open_again(path, plane)
        assert saved is not None
        assert same_bits(document.detection.confidence, confidence)
        assert document.mask.limit == np.float32((1 + plane) / 10)
    assert open_again(path, plane=1)[1] is None


def test_confidences_beyond_one_are_not_taken_for_edits(tmp_path):
    path = tmp_path / "percent.fits"
    percent = np.random.default_rng(1).random((20, 30), np.float32) * 100
    fits.HDUList([fits.PrimaryHDU(np.zeros((20, 30), np.float32)),
                  fits.ImageHDU(percent, name="CR_PROBABILITY"),
                  fits.ImageHDU((percent > 50).astype(np.uint8), name="CR_MASK")]).writeto(path)
    image = glview.open_images(path)[0]
    saved = saving.read(image)
    confidence, settings, edits = saving.restored(saved)
    assert confidence.max() <= 1 and confidence.min() >= 0
    assert (mask.final_mask(confidence, settings, edits) == (percent > 50)).all()


@pytest.mark.parametrize("covered", [0.07, 0.999, 1.0])
def test_how_much_was_searched_is_saved_and_known_again(path, covered):
    image = opening.look_into(path).image
    detection = Detection(Stamps(image.shape), confidence_map(), covered, provenance=dict(KNOWN))
    told = saving.unfinished(detection)
    assert (told == "") == (covered == 1.0) and (percent(covered) in told or covered == 1.0)
    saving.write(image, detection, MaskSettings(), None, None)
    document, saved = open_again(path)
    assert document.detection.covered == covered
    assert ("covered" in saved.provenance) == (covered < 1.0)
    document.detection.covered = 1.0  # it was gone on with
    saving.write(image, document.detection, MaskSettings(), None, None)
    document, saved = open_again(path)
    assert document.detection.covered == 1.0 and "covered" not in saved.provenance


def test_a_part_that_goes_on_while_it_is_saved_does_not_come_in_between(path, monkeypatch):
    """Continue fills the very array in which the first part lies."""
    image = opening.look_into(path).image
    detection = Detection(Stamps(SHAPE), np.zeros(SHAPE, np.float32), covered=0.5)
    detection.part = Part("a", "b", detection.confidence, (), 0.5)
    real = content.extension

    def extension(name, *arguments):
        made = real(name, *arguments)
        if name == "CR_MASK":
            detection.confidence[:] = 0.9
        return made

    monkeypatch.setattr(content, "extension", extension)
    saving.write(image, detection, MaskSettings(), edits_plane(), stamp(path))
    saved = saving.read(image)
    shown = mask.final_mask(saved.probability, MaskSettings(), edits_plane())
    assert not saved.probability.any() and (shown == saved.mask).all()


@pytest.mark.parametrize("count", [1, 60, 1001])
def test_where_a_part_was_searched_is_saved_and_read_by_others(path, count, monkeypatch):
    """Of more boxes than a header should hold, only the share is told."""
    boxes = [(y, x, y + 1, x + 1) for y in range(0, 50, 2) for x in range(y % 4, 70, 2)][:count]
    monkeypatch.setattr(saving, "MOST_BOXES", 60)
    image, coverage = opening.look_into(path).image, Coverage.of(SHAPE, boxes)
    detection = Detection(Stamps(SHAPE), confidence_map(), coverage.share, coverage=coverage,
                          provenance=dict(KNOWN))
    assert ("too many places" in saving.unfinished(detection)) == (count > 60)
    saving.write(image, detection, MaskSettings(), None, None)
    header = fits.getheader(path, "CR_MASK")
    told = to_text(boxes) if count <= 60 else None
    assert header.get("CRBOXES") == told and header["CRCOVER"] == round(coverage.share, 6)
    assert fitsio.read_header(path, "CR_PROBABILITY").get("CRBOXES") == told
    assert same_bits(fitsio.read(path, "CR_PROBABILITY").astype(np.float32), confidence_map())
    document, _ = open_again(path)
    found = document.detection
    assert (found.gaps and found.gaps.boxes) == (boxes if told else None)
    assert (found.part and found.part.boxes) == (tuple(boxes) if told else None)
