"""A model of the user's own, described by a small TOML file.  No torch here."""

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

from glview.models.modelfile import digest_of, text_of
from glview.models.recipe import LACOSMIC, LACOSMIC_RECIPE, SKIES, Layout, Recipe
from glview.models.registry import ModelError
from glview.models.rows import ModelInfo

LARGEST = 1e30  # of any number; beyond it float32 ends
MOST_ITERATIONS = 1000
DEEPEST = 8  # ups of a U-Net: each doubles what a pixel sees, here 1792 pixels on each side
KINDS = ("unet", "torchscript", "onnx", "lacosmic")
_PLAIN = {  # key -> type, what it must be, test
    "architecture": (str, f"one of {', '.join(KINDS)}", KINDS.__contains__),
    "name": (str, "a name without +", lambda v: bool(v.strip()) and "+" not in v),
    "weights": (str, "the name of a file", lambda v: bool(v.strip())),
    "sha256": (str, "64 hexadecimal digits",
               lambda v: len(v) == 64 and not set(v.lower()) - set("0123456789abcdef")),
    "units": (str, "words", bool),
    "sky": (str, f"one of {', '.join(SKIES)}", SKIES.__contains__),
    "scale": (float, "a number above 0", lambda v: 0 < v < LARGEST),
    "output": (str, "confidence or logits", ("confidence", "logits").__contains__),
    "threshold": (float, "a number from 0 to 1", lambda v: 0 <= v <= 1),
    "halo": (int, "pixels, 0 to 1024", lambda v: 0 <= v <= 1024),
    "stride": (int, "pixels, 1 to 256", lambda v: 1 <= v <= 256),
    "tile": (int, "pixels, 0 or more", lambda v: 0 <= v < 1 << 31),
    "licence": (str, "words", lambda v: True),
    "citation": (str, "words", lambda v: True),
    "sentence": (str, "words", lambda v: True),
}
_TABLES = {"unet": dict, "lacosmic": dict}
_NEEDED = {"unet": ("weights", "units", "sky", "unet"), "lacosmic": (),
           "torchscript": ("weights", "units", "sky", "halo", "stride"),
           "onnx": ("weights", "units", "sky", "halo", "stride")}
_ABOUT = {"blocks", "ups", "head", "norm", "groups"}


@dataclass(frozen=True)
class Own:
    """kind: one of KINDS; weights: the file, None of L.A.Cosmic; logits: True if the network's
    output is no confidence yet; settings: of L.A.Cosmic."""

    info: ModelInfo
    kind: str
    recipe: Recipe
    weights: Path | None
    logits: bool
    settings: dict


def read_own(path):
    """The Own of a .toml file.  Raises ModelError naming the file, the key and what it should be.

    The name carries the first digits of the file's sha256, so that results of other settings are
    told apart.
    """
    path = _at_home(path)
    text = text_of(path)
    try:
        said = tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:  # ValueError also of a number too long
        raise ModelError(f"{path} is no TOML: {error}") from error
    try:
        return _own(path, said, hashlib.sha256(text).hexdigest()[:8])
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def _own(path, said, digest):
    _check(said)
    kind = said["architecture"]
    weights = path.parent / _at_home(said["weights"]) if "weights" in said else None
    settings = _lacosmic(said.get("lacosmic", {})) if kind == "lacosmic" else {}
    info = ModelInfo(
        name=f"{said.get('name', path.stem)}@{digest}",
        title=said.get("name", path.stem),
        module="",
        recipe="",
        package="",
        weights=str(weights or ""),
        sha256=_checked_digest(weights, said.get("sha256")) if weights else "",
        units=said.get("units", "electrons, sky not subtracted"),
        threshold=float(said.get("threshold", 0.5)),
        licence=said.get("licence", "your own"),
        citation=said.get("citation", ""),
        sentence=said.get("sentence", f"Your own model in {path.name}."),
    )
    return Own(info, kind, _recipe(kind, said), weights, said.get("output") == "logits", settings)


def _check(said):
    """Every key is known, of its type, and all that are needed are there."""
    for key, value in said.items():
        if key not in _PLAIN | _TABLES:
            raise ModelError(f"unknown key {key}; known are {', '.join(_PLAIN | _TABLES)}")
        if key in _TABLES:
            if not isinstance(value, dict):
                raise ModelError(f"{key} must be a table, [{key}]")
            continue
        kind, words, good = _PLAIN[key]
        if not _is(value, kind) or not good(value):
            raise ModelError(f"{key} must be {words}; it is {value!r}")
    missing = [key for key in ("architecture", *_NEEDED.get(said.get("architecture"), ()))
               if key not in said]
    if missing:
        raise ModelError(f"it lacks {', '.join(missing)}")
    idle = _idle(said)
    if idle:
        raise ModelError(f"{', '.join(idle)} cannot be chosen for {said['architecture']}")


def _idle(said):
    """Keys that would have no effect: better refused than believed."""
    never = {"unet": ("lacosmic", "halo", "stride", "output"),
             "torchscript": ("lacosmic", "unet"), "onnx": ("lacosmic", "unet"),
             "lacosmic": ("weights", "sha256", "unet", "halo", "stride", "output", "scale", "sky")}
    return [key for key in never[said["architecture"]] if key in said]


def _is(value, kind):
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, int | float if kind is float else kind)


def _recipe(kind, said):
    if kind == "lacosmic":
        return LACOSMIC_RECIPE
    common = {"sky": said["sky"], "scale": float(said.get("scale", 1.0)),
              "tile": said.get("tile", 0)}
    if kind != "unet":
        if said["halo"] % said["stride"]:
            raise ModelError("halo must be a multiple of stride, or tiles do not fit together;"
                             f" they are {said['halo']} and {said['stride']}")
        return Recipe(halo=said["halo"], stride=said["stride"], **common)
    layout = _layout(said["unet"])
    return Recipe(halo=_reach(len(layout.ups)), stride=layout.stride, layout=layout, **common)


def _reach(depth):
    """Pixels that a U-Net with so many ups sees on each side, up to a multiple of its stride."""
    return 7 * 2**depth


def _layout(table):
    unknown = set(table) - _ABOUT
    if unknown:
        raise ModelError(f"[unet] has an unknown key {min(unknown)}; known are"
                         f" {', '.join(sorted(_ABOUT))}")
    norm = table.get("norm")
    if norm not in ("group", "batch", "none"):
        raise ModelError(f"[unet] norm must be group, batch or none; it is {norm!r}")
    blocks, ups = (_triples(table.get(key), key) for key in ("blocks", "ups"))
    head, groups = table.get("head"), table.get("groups", 8)
    if not (isinstance(head, list) and len(head) == 2 and _is(head[0], str) and _is(head[1], int)):
        raise ModelError(f'[unet] head must be ["key", channels]; it is {head!r}')
    if not _is(groups, int) or groups < 1 or (
            norm == "group" and any(after % groups for _, _, after in blocks)):
        raise ModelError(f"[unet] groups must divide the channels of every block; it is {groups!r}")
    layout = Layout(blocks, ups, tuple(head), norm, groups)
    _check_chain(layout)
    return layout


def _triples(rows, key):
    good = isinstance(rows, list) and all(
        isinstance(row, list) and len(row) == 3 and _is(row[0], str)
        and all(_is(n, int) and 1 <= n <= 4096 for n in row[1:]) for row in rows)
    if not good or not rows:
        raise ModelError(f'[unet] {key} must be rows of ["key", channels in, channels out]')
    return tuple(map(tuple, rows))


def _check_chain(layout):
    """Each part takes the channels that those before it give."""
    depth, blocks = len(layout.ups), layout.blocks
    if depth > DEEPEST:
        raise ModelError(f"[unet] may have at most {DEEPEST} ups; there are {depth}")
    if len(blocks) != 2 * depth + 1:
        raise ModelError(f"[unet] {depth} ups need {2 * depth + 1} blocks: one for each level on"
                         f" the way down, and on the way up; there are {len(blocks)}")
    width, skips = 1, []
    for i, (key, before, after) in enumerate(blocks):
        if i > depth:
            up, taken, given = layout.ups[i - depth - 1]
            if taken != width:
                raise ModelError(f"[unet] {up} takes {taken} channels, but gets {width}")
            width = given + skips.pop()
        if before != width:
            raise ModelError(f"[unet] {key} takes {before} channels, but gets {width}")
        width = after
        if i < depth:
            skips.append(width)
    if layout.head[1] != width:
        raise ModelError(f"[unet] head takes {layout.head[1]} channels, but gets {width}")


def _lacosmic(table):
    for key, value in table.items():
        if key not in LACOSMIC:
            known = ", ".join(LACOSMIC)
            raise ModelError(f"[lacosmic] has an unknown key {key}; known are {known}")
        kind = type(LACOSMIC[key])
        most = MOST_ITERATIONS if kind is int else LARGEST
        if not _is(value, kind) or (kind is not bool and not 0 < value <= most):
            words = "true or false" if kind is bool else f"a {kind.__name__} above 0, up to {most}"
            raise ModelError(f"[lacosmic] {key} must be {words}; it is {value!r}")
    return dict(table)


def _checked_digest(path, wanted):
    """sha256 of the weights; raises ModelError if they are not there, or not the wanted ones."""
    digest = digest_of(path)
    if wanted and digest != wanted.lower():
        raise ModelError(f"the sha256 of {path} is {digest}, not {wanted.lower()}")
    return digest


def _at_home(name):
    """A path, with what ~ stands for; a user that is not known is a name like any other."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)
