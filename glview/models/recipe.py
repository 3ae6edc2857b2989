"""How a network is laid out, and how its authors feed it.  No torch here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SKIES = ("subtract", "keep", "standard", "ignore")
"""What is done about the sky before the network: the median is taken off; it stays, and is put
back where it was taken off; mean and standard deviation of the frame are divided out; nothing."""


@dataclass(frozen=True)
class Layout:
    """Where a U-Net's tensors are, and their sizes.

    blocks: (key, channels in, channels out) of the pairs of 3x3 convolutions, first those on the
        way down, then those on the way up; `key.0` and `key.3` are the convolutions, `key.1` and
        `key.4` their normalisations; without normalisation the second convolution is `key.2`.
    ups: (key, in, out) of the 2x2 transposed convolutions; head: key and width of the last 1x1.
    norm: "group" (statistics of the image), "batch" (statistics stored in the weights) or "none".
    """

    blocks: tuple[tuple[str, int, int], ...]
    ups: tuple[tuple[str, int, int], ...]
    head: tuple[str, int]
    norm: str
    groups: int = 8

    @property
    def stride(self):
        """Height and width must be multiples of this."""
        return 2 ** len(self.ups)

    def convolutions(self):
        """(convolution key, normalisation key, in, out) in the order of use."""
        second = 2 if self.norm == "none" else 3
        for key, before, after in self.blocks:
            yield f"{key}.0", f"{key}.1", before, after
            yield f"{key}.{second}", f"{key}.4", after, after

    def shapes(self):
        """Name -> shape of every tensor that the network needs."""
        names = {}
        kept = {"batch": ("weight", "bias", "running_mean", "running_var"),
                "group": ("weight", "bias"), "none": ()}[self.norm]
        for conv, norm, before, after in self.convolutions():
            names |= {f"{conv}.weight": (after, before, 3, 3), f"{conv}.bias": (after,)}
            names |= {f"{norm}.{part}": (after,) for part in kept}
        for key, before, after in self.ups:
            names |= {f"{key}.weight": (before, after, 2, 2), f"{key}.bias": (after,)}
        key, width = self.head
        return names | {f"{key}.weight": (1, width, 1, 1), f"{key}.bias": (1,)}


@dataclass(frozen=True)
class Recipe:
    """A network's shape with the way its authors feed it.

    sky: one of SKIES.
    halo: pixels around a tile that make its result equal to the whole frame's.
    stride: what it looks at has sides that are multiples of this; least: and not below this.
    scale: pixels are divided by this, after the sky.
    layout: of a U-Net's tensors; None for networks of another kind.
    whole: whole(network, pixels, stamp) -> (H, W) float32 confidence of new (H, W) float32 pixels
        in one pass, as the authors' package does it; stamp is True for a piece of a frame.  None
        where there is no package to compare with.
    step: `whole` computes multiples of this and leaves the rest 0.
    tile: side of a good tile on the processor, 0 for the usual one.
    """

    sky: str
    halo: int
    stride: int = 1
    least: int = 1
    scale: float = 1.0
    layout: Layout | None = None
    whole: Callable[[Any, Any, bool], Any] | None = None
    step: int = 1
    tile: int = 0


LACOSMIC = {"gain": 1.0, "readnoise": 6.5, "sigclip": 4.5, "sigfrac": 0.3, "objlim": 5.0,
            "satlevel": 65536.0, "niter": 4, "sepmed": True}
"""What L.A.Cosmic can be told, and astroscrappy's own defaults."""
LACOSMIC_RECIPE = Recipe(sky="keep", halo=32, least=32, tile=960)  # less crashes astroscrappy
