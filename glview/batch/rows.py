"""What is told about each image: a row of the table and a line of JSON."""

from dataclasses import asdict, dataclass, field

from glview.files.source import path_text

DONE, SKIPPED, KEPT, FAILED = "done", "skipped", "kept", "failed"
"""Written now; found done already; saved by a person, so left alone; see `error`."""
STAGES = ("read", "infer", "write")


@dataclass
class Row:
    """One image of one file.

    name: of the image, with its folder below the one that was named, if any.
    share: of its file's images, so that those of one file sum up to 1. seconds: of each stage.
    objects, masked: connected objects and pixels of the mask. method: where the result was saved:
    "extension", "side file" or "folder". by_hand: the mask there was saved at the window or by a
    script. notes: sentences for the user; warned: one of them is about the file, which is
    truncated, say. error: why it failed.
    """

    file: str
    name: str
    status: str
    share: float = 1.0
    hdu: int | None = None
    plane: int | None = None
    shape: tuple[int, int] | None = None
    model: str = ""
    threshold: float | None = None
    seconds: dict = field(default_factory=dict)
    objects: int | None = None
    masked: int | None = None
    method: str = ""
    by_hand: bool = False
    output: str = ""
    notes: tuple[str, ...] = ()
    warned: bool = False
    error: str = ""

    @property
    def pixels(self):
        """Pixels of the image, 0 where it could not be opened."""
        return self.shape[0] * self.shape[1] if self.shape else 0

    @property
    def speeds(self):
        """Stage -> million pixels a second, of the stages that took place."""
        return {stage: self.pixels / 1e6 / took for stage, took in self.seconds.items() if took}

    def record(self):
        """What a line of JSON says."""
        known = asdict(self) | {"cr_fraction": None, "mpx_per_s": self.speeds}
        if self.masked is not None:
            known["cr_fraction"] = self.masked / self.pixels
        del known["share"]
        return known


def failed(item, error, name="", share=1.0, **known):
    """The Row of an image that could not be done; error: an exception."""
    name = name or item.folder + path_text(item.path.name)
    return Row(item.name, name, FAILED, share, error=words(error), **known)


def words(error):
    """One line about any exception; those that are no sentences get their type in front."""
    from glview.files import ReadError
    from glview.files.commit import ChangedError, SaveError
    from glview.files.source import FileChangedError
    from glview.models.registry import ModelError

    text = " ".join(str(error).split())
    if isinstance(error, FileChangedError) or (isinstance(error, ChangedError)
                                               and not error.removed):
        return f"{text.partition(';')[0]}; run the command again"  # the window opens it again
    if isinstance(error, MemoryError):
        return f"not enough memory: {text or 'use a smaller frame, or fewer --jobs'}"
    if isinstance(error, ReadError | SaveError | ModelError):
        return text
    if isinstance(error, OSError) and error.strerror:
        where = f"{path_text(error.filename)}: " if error.filename else ""
        return f"{where}{error.strerror}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
