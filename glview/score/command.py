"""`glview score`: its options, what it reads, and what it prints."""

import json
import math
import sys

import numpy as np

from glview import arguments
from glview.arguments import UsageError, named
from glview.core.scores import THRESHOLDS, score_objects
from glview.core.shares import percent
from glview.files import ReadError, locate, open_images

WORDS = """
MAP is a confidence map or a mask: the CR_PROBABILITY of a file if there is one, else its CR_MASK,
else its first image; MAP[EXT] chooses.  TRUTH is a mask, true where it is not 0: the extension
TRUTH if there is one, else CR_MASK, else the first image; TRUTH[EXT] chooses.  A mask of which
more than half is not 0 is refused: it is rather a picture.

A pixel is predicted where its confidence is above the threshold.  An object is found if one of its
pixels is predicted; a predicted object without a true pixel is a false one.  Up to 64 megapixels
every confidence is sorted; of larger maps the curves are made of 65536 bins, while the counts at
the listed thresholds are exact.

examples:
  glview score masks/frame.fits.glview.fits truth.fits
  glview score map.fits truth.fits --ignore 'dq.fits[DQ]' --ignore-bits 6 --plot roc.png
"""
RATES = (1e-4, 1e-3, 1e-2)
MOST_TRUE = 0.5  # share of the pixels above which it is rather a picture than a mask


def parser():
    """The argument parser."""
    made = arguments.parser("score", "Compare a confidence map or mask with the truth.", WORDS)
    add = made.add_argument
    add("map", metavar="MAP", help="file with the confidence or the mask")
    add("truth", metavar="TRUTH", help="file with the true mask")
    add("--ignore", metavar="MASK", help="file whose pixels other than 0 count nowhere")
    add("--ignore-bits", type=named(arguments.count, "whole number from 1"), metavar="BITS",
        help="sum of the bits that mean 'ignore', in MASK or else in TRUTH: 6 is 2 and 4")
    add("--threshold", type=named(arguments.share, "number from 0 to 1"), metavar="T",
        help="of the objects (default: the one that the map was saved with, else 0.5)")
    arguments.add_json(add, "all numbers as JSON")
    add("--plot", metavar="OUT.png", help="draw the curves; needs glview[plot]")
    return made


def main(words):
    """Run `glview score`; returns the exit code: 0, or 2 for bad input."""
    options = parser().parse_args(words)
    try:
        _check_name(options.plot)
        found = _scores(options)
        _tell(found, options.json)
        if options.plot is not None:
            _drawer()(found, options.plot)
    except (OSError, ReadError, UsageError, ValueError) as error:
        arguments.say(f"glview score: {error}", sys.stderr)
        return 2
    except MemoryError:
        arguments.say("glview score: not enough memory: it takes 10 bytes a pixel", sys.stderr)
        return 2
    return 0


def _check_name(name):
    if name is not None and not name.lower().endswith(".png"):
        raise UsageError(f"--plot writes PNG: give it a name that ends in .png, not {name!r}")


def _drawer():
    """The function that draws; the table is there before it is looked for."""
    try:
        from glview.score.plot import draw
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        raise UsageError(f"--plot needs the package {package}: pip install 'glview[plot]'") \
            from error
    return draw


def _scores(options):
    """Everything that is told, as a dict that JSON takes; the curve itself under "curve"."""
    from glview.core.tally import Tally

    image = _image(options.map, ("CR_PROBABILITY", "CR_MASK"))
    truth_image = _image(options.truth, ("TRUTH", "CR_MASK"))
    _check_shape(image, truth_image)
    notes = _left_out(image, options.map)
    confidence = _confidence(image, options.map, notes)
    truth, ignored = _masks(truth_image, options, notes)
    threshold = options.threshold
    if threshold is None:
        threshold = float(image.header.get("CRTHRESH", 0.5))
    tally = Tally(confidence.size, (threshold,))
    tally.add(confidence, truth, ignored)
    curve, objects = tally.curve(), score_objects(confidence, truth, ignored, threshold)
    return {
        "map": image.name, "truth": truth_image.name, "notes": notes,
        "pixels": confidence.size, "ignored": tally.ignored, "nan": tally.unknown,
        "true_pixels": curve.positives, "exact": tally.exact,
        "is_mask": bool(((confidence == 0) | (confidence == 1) | np.isnan(confidence)).all()),
        "auc": curve.auc, "average_precision": curve.average_precision,
        "recall_at_false_positive_rate": {str(rate): curve.recall_at(rate) for rate in RATES},
        "precision_at_recall_0.95": curve.precision_at(0.95),
        "thresholds": [_line(tally.at(threshold)) for threshold in THRESHOLDS],
        "best": _line(curve.best()), "chosen": _line(tally.at(threshold)),
        "objects": _objects(objects), "curve": curve,
    }


def _left_out(image, name):
    """Notes on what the mask in the same file has and the confidence has not that is scored; none
    for who has chosen by the name, as it was typed."""
    if locate(name)[1] is not None or image.header.get("EXTNAME") != "CR_PROBABILITY":
        return []
    try:
        header = open_images(name, "CR_MASK")[0].header
    except ReadError:
        return []
    added, deleted, grown = (header.get(key, 0) for key in ("CRNADD", "CRNDEL", "CRDILATE"))
    by_hand = f"the {added} pixels added and {deleted} deleted by hand"
    growth = f"the growth by {grown} pixel{'s' * (grown != 1)}"
    found = [by_hand] * bool(added or deleted) + [growth] * bool(grown)
    if not found:
        return []
    verb = "do" if found[0] == by_hand else "does"
    return [f"{' and '.join(found)} {verb} not count; {name}[CR_MASK] scores the mask as saved"]


def _check_shape(image, other):
    if image.shape != other.shape:
        sizes = ["{1} x {0}".format(*one.shape) for one in (image, other)]
        raise UsageError(f"{image.name} is {sizes[0]} pixels, {other.name} {sizes[1]}: they are "
                         "not of one frame")


def _line(counts):
    if counts is None:
        return None
    return {"threshold": counts.threshold, "precision": counts.precision, "recall": counts.recall,
            "f1": counts.f1, "false_positive_rate": counts.false_rate, "tp": counts.tp,
            "fp": counts.fp, "fn": counts.fn, "tn": counts.tn}


def _objects(objects):
    sizes = [{"pixels": _size_text(fewest, most), "objects": count, "found": found,
              "recall": found / count if count else math.nan}
             for fewest, most, count, found in objects.sizes]
    return {"threshold": objects.threshold, "by_size": sizes, "predicted": objects.predicted,
            "false": objects.false, "false_per_mpx": objects.false_per_megapixel}


def _size_text(fewest, most):
    if most is None:
        return f"> {fewest - 1}"
    return str(fewest) if fewest == most else f"{fewest} to {most}"


def _image(name, extensions):
    """The image that a file name stands for: the first of these extensions that the file has."""
    images = open_images(name)
    if locate(name)[1] is None:
        for ext in extensions:
            try:
                images = open_images(name, ext)
                break
            except ReadError:
                continue
    if len(images) > 1:
        names = ", ".join(image.name for image in images)
        raise UsageError(f"{name} holds several images ({names}): choose one by its number, "
                         f"{name}[{images[0].hdu}]")
    if images[0].planes > 1:
        raise UsageError(f"{images[0].name} is a cube: give a file with one plane of it")
    return images[0]


def _confidence(image, name, notes):
    """(H, W) float32; a map of whole numbers is a mask."""
    height, width = image.shape
    if image.dtype.kind in "iu":
        return _true(image, image[:, :], name, notes).astype(np.float32)
    return image.read32(0, height, 0, width)


def _true(image, values, name, notes):
    """(H, W) bool: where a mask is not 0.

    values: of the image, perhaps without some bits; name: as it was typed; notes: list that gets
    what the user should know of them.  Raises UsageError for what is rather a picture.
    """
    true = values != 0
    share, ends = np.count_nonzero(true) / values.size, (int(values.min()), int(values.max()))
    held = f"values from {ends[0]} to {ends[1]}"
    if share > MOST_TRUE:
        raise UsageError(f"{image.name} is no mask: {percent(share)} of its pixels are not 0 "
                         f"({held}), and a mask is 0 where there is no ray; {name}[EXT] chooses "
                         "another extension")
    if ends not in ((0, 0), (0, 1), (1, 1)):
        notes.append(f"{image.name} holds {held}: each that is not 0 counts as a ray")
    return true


def _masks(image, options, notes):
    """(truth, ignored), both (H, W) bool."""
    truth, bits = image[:, :], options.ignore_bits
    if truth.dtype.kind == "f" and not np.array_equal(truth, np.rint(truth)):
        raise UsageError(f"{image.name} is no mask, for it holds fractions or NaN: a truth is 0 "
                         f"where there is no ray; {options.truth}[EXT] chooses an extension")
    if options.ignore is not None:
        other = _image(options.ignore, ("IGNORE", "DQ"))
        _check_shape(image, other)
        ignored = other[:, :]
        ignored = ignored != 0 if bits is None else _whole(ignored) & bits != 0
        return _true(image, truth, options.truth, notes), ignored
    if bits is None:
        return _true(image, truth, options.truth, notes), np.zeros(truth.shape, bool)
    truth = _whole(truth)
    return _true(image, truth & ~bits, options.truth, []), truth & bits != 0


def _whole(values):
    """Whole numbers, whose bits mean something; raises UsageError for others."""
    if values.dtype.kind not in "iu" and not np.array_equal(values, np.floor(values)):
        raise UsageError("--ignore-bits needs a mask of whole numbers")
    return values.astype(np.int64)


def _tell(found, where):
    """Print the table, and JSON where it is asked for."""
    if where is not None:
        known = {key: value for key, value in found.items() if key != "curve"}
        text = json.dumps(_finite(known), indent=1)
        if where == "-":
            arguments.say(text, sys.stdout)
            return
        with open(where, "w", encoding="utf-8") as file:
            print(text, file=file)
    arguments.say("\n".join(table(found)), sys.stdout)


def _finite(value):
    """JSON knows no NaN: None in its place."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def table(found):
    """The lines that people read."""
    yield f"{found['map']} against {found['truth']}"
    yield (f"{found['pixels']} pixels, {found['ignored']} ignored, {found['true_pixels']} true"
           + (f", {found['nan']} NaN count as not predicted" if found["nan"] else ""))
    yield from found["notes"]
    how = "every confidence" if found["exact"] else "65536 bins"
    yield f"ROC: area {_share(found['auc'], 5)} (from {how}); average precision " \
          f"{_share(found['average_precision'])}"
    rates = found["recall_at_false_positive_rate"]
    yield "recall at a false positive rate of " + ", ".join(
        f"{float(rate):.0e}: {_share(value)}" for rate, value in rates.items())
    yield f"precision at a recall of 0.95: {_share(found['precision_at_recall_0.95'])}"
    yield ""
    yield "threshold  precision  recall      F1   false positive rate"
    if found["is_mask"]:
        yield _row(found["chosen"]) + "   the map is 0 and 1"
    else:
        for line in found["thresholds"]:
            yield _row(line)
        if found["best"]:
            yield _row(found["best"]) + "   the best F1"
    yield from _objects_table(found["objects"])


def _row(line):
    rate = line["false_positive_rate"]
    return (f"{line['threshold']:9.4f}  {_share(line['precision']):>9}  {_share(line['recall']):>6}"
            f"  {_share(line['f1']):>6}   {rate:.3e}")


def _objects_table(objects):
    yield ""
    yield f"objects at threshold {objects['threshold']:g}"
    yield f"{'pixels':>9}  {'objects':>9}  {'found':>6}  {'recall':>6}"
    for size in objects["by_size"]:
        yield (f"{size['pixels']:>9}  {size['objects']:>9}  {size['found']:>6}  "
               f"{_share(size['recall']):>6}")
    yield (f"{objects['false']} of {objects['predicted']} predicted objects are false: "
           f"{objects['false_per_mpx']:.1f} per megapixel")


def _share(value, digits=4):
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
