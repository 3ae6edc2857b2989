"""Detection on a graphics card: how fast, against the bound that its matrix product sets."""

import time
from functools import partial

from bench import report
from bench.frames import repeated
from glview import init_model

MODEL, FLOPS = "ground_imaging", 193_152  # of its layers, for each pixel
SIZES = (4, 16, 256)  # Mpx
SIDE = 8192  # of the matrices that tell what the card can do
AIM = 0.5  # of the bound
REPEATS = 3


def measure(frames, options):
    """One table; without a card it says so."""
    import torch

    table = report.Table(
        f"{MODEL} on a graphics card, from an array to an array, n = {REPEATS}",
        ("precision", "Mpx", "seconds", "Mpx / s", "of the bound", "Mpx / s of the bound"))
    if not torch.cuda.is_available():
        table.notes.append("No CUDA device here: not measured.")
        return [table]
    table.notes.append(torch.cuda.get_device_name())
    fill(table, frames.sky.image, "cuda", SIZES, SIDE)
    return [table]


def fill(table, sky, device, sizes, side):
    """Rows of a table.  sky: an array, repeated to each of the sizes in Mpx; side: as SIDE."""
    for precision in ("float32", "bfloat16"):
        model = init_model(MODEL, device, precision=precision)
        bound = peak(device, precision, side) / FLOPS / 1e6
        for size in sizes:
            image = repeated(sky, size)
            search = partial(model.detect_cr, image)
            search()
            times = [_seconds(search) for _ in range(REPEATS)]
            rate = image.size / 1e6 / report.median(times)
            table.add(precision, size, report.fine(times), f"{rate:.1f}", f"{rate / bound:.0%}",
                      f"{bound:.0f}")
            if precision == "bfloat16":
                table.notes.append(f"{size} Mpx: at least {AIM:.0%} of the bound: "
                                   f"{'met' if rate >= AIM * bound else 'missed'}")


def peak(device, precision, side):
    """FLOP / s of the product of two square matrices, with the precision that models have."""
    import torch

    with torch.inference_mode():
        one = torch.randn(side, side, device=device).to(getattr(torch, precision))

        def product():
            (one @ one)[0, 0].item()  # waits for the card

        product()
        return 2 * side**3 / min(_seconds(product) for _ in range(REPEATS))


def _seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
