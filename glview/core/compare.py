"""What the panes show instead of the picture with its mask, or beside it."""

from dataclasses import dataclass

KINDS = {
    "image": "without the mask",
    "model": "the model's mask, without edits",
    "cleaned": "CR-cleaned preview",
    "previous": "the previous file",
}


@dataclass(frozen=True)
class Compare:
    """held: one of KINDS while its key is held, else ""; both panes show it.
    cleaned: masked pixels are filled from those around them.
    divided: a line at `at`, a share of its width, divides the image pane; right of it is `other`,
    one of KINDS.
    """

    held: str = ""
    cleaned: bool = False
    divided: bool = False
    at: float = 0.5
    other: str = "image"

    @property
    def whole(self):
        """What is shown instead of the picture with its mask: one of KINDS, or ""."""
        return self.held or ("cleaned" if self.cleaned and not self.divided else "")

    @property
    def right(self):
        """What is shown right of the divider: one of KINDS, or "" if there is none."""
        if self.held or not self.divided:
            return ""
        return "cleaned" if self.cleaned else self.other

    def column(self, width):
        """The first column right of the divider in a pane `width` pixels wide; `width` if none."""
        return round(self.at * width) if self.right else width
