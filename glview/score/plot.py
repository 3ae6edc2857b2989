"""The curves of `glview score` as a picture; imported only for `--plot`."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

MOST = 4000  # corners of a curve that are drawn


def draw(found, path):
    """Write the PNG; found: what `command` tells.  Raises OSError."""
    figure = Figure(figsize=(10, 8), layout="constrained")
    FigureCanvasAgg(figure)  # no window is ever asked for
    (roc, precision), (thresholds, objects) = figure.subplots(2, 2)
    _roc(roc, found["curve"])
    _precision(precision, found)
    _thresholds(thresholds, found)
    _objects(objects, found["objects"])
    figure.suptitle(f"{found['map']} against {found['truth']}", parse_math=False)
    figure.savefig(path, dpi=120, format="png")


def _roc(axes, curve):
    false, recall = (thinned(values) for values in curve.roc)
    least = 0.3 / max(1, curve.negatives)
    axes.plot(np.maximum(false, least), recall)
    axes.set(xscale="log", xlim=(least, 1), ylim=(0, 1.02), xlabel="false positive rate",
             ylabel="recall", title=f"ROC, area {curve.auc:.4f}")


def _precision(axes, found):
    curve = found["curve"]
    recall, precision = curve.tp / max(1, curve.positives), curve.tp / (curve.tp + curve.fp)
    axes.plot(thinned(recall), thinned(precision))
    best = found["best"]
    if best:
        axes.plot(best["recall"], best["precision"], "o",
                  label=f"best F1 {best['f1']:.3f} at {best['threshold']:.3f}")
        axes.legend(loc="lower left")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="recall", ylabel="precision",
             title=f"average precision {found['average_precision']:.4f}")


def _thresholds(axes, found):
    lines = found["thresholds"]
    at = [line["threshold"] for line in lines]
    for key, name in (("precision", "precision"), ("recall", "recall"), ("f1", "F1")):
        axes.plot(at, [line[key] for line in lines], label=name)
    axes.legend()
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="threshold")


def _objects(axes, objects):
    sizes = objects["by_size"]
    bars = axes.bar([size["pixels"] for size in sizes],
                    [size["found"] / size["objects"] if size["objects"] else 0 for size in sizes])
    axes.bar_label(bars, [f"{size['found']} of {size['objects']}" for size in sizes])
    axes.set(ylim=(0, 1.1), xlabel="pixels of the object", ylabel="found",
             title=f"threshold {objects['threshold']:g}; "
                   f"{objects['false_per_mpx']:.1f} false objects per megapixel")


def thinned(values):
    """At most MOST of the values, the first and the last among them."""
    if len(values) <= MOST:
        return values
    return values[np.linspace(0, len(values) - 1, MOST).astype(int)]
