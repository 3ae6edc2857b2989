"""Every model in one table, where its weights are, and which one fits a frame.  No torch here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from glview.models.rows import ROWS, SHIPPED, ModelInfo


class ModelError(Exception):
    """A detection that cannot be done: says what was wrong and what would help."""


INSTALL = 'pip install "glview[cosmic-conn]"'
MODELS: Mapping[str, ModelInfo] = {row.name: row for row in ROWS}


PRECISIONS = ("float32", "bfloat16", "float16")
"""Of the sums in a network."""

RULES = ("mean", "vote")
"""How several models are made one: the mean of their confidences, or the share of them whose
confidence is above the threshold that goes with each."""


def split(name):
    """(names, rule) of "a", "a+b" (their mean) or "a+b:vote"; raises ModelError."""
    text = str(name)
    if Path(text).is_file():  # a path may hold any of these signs
        return (text,), "mean"
    text, colon, rule = text.rpartition(":") if text.endswith(tuple(f":{r}" for r in RULES)) else (
        text, "", "mean")
    names = tuple(one.strip() for one in text.split("+"))
    if len(names) == 1 and colon:
        raise ModelError(f"{name!r} is one model; a mean or vote is of several, such as"
                         f" {names[0]}+{SHIPPED}:{rule}")
    if "" in names:
        raise ModelError(f"{name!r} lacks a model before or after a +")
    if len(set(map(str.casefold, names))) < len(names):
        raise ModelError(f"{name!r} names a model twice")
    return names, rule


def first(name):
    """The first model of a name; the name itself if it makes no sense."""
    try:
        return split(name)[0][0]
    except ModelError:
        return name


def partners(name):
    """Name -> words: a model alone, and with each other one that is installed; {} of "auto"."""
    names = {} if name == "auto" else {name: "alone"}
    for other, info in MODELS.items():
        if names and other != name and installed(other):
            names[f"{name}+{other}"] = f"mean with {info.title}"
            names[f"{name}+{other}:vote"] = f"both it and {info.title}"
    return names


def lookup(name):
    """The row of a name or alias, in any case, of a .toml file, or of several joined by +.

    Raises ModelError: a name that is not known, with those that are; a .toml file that is wrong.
    """
    names, rule = split(name)
    rows = tuple(_one(one) for one in names)
    return rows[0] if len(rows) == 1 else joined(rows, rule)


def _one(name):
    if name.lower().endswith(".toml"):
        from glview.models.own import read_own

        return read_own(name).info
    wanted = name.casefold()
    for row in MODELS.values():
        if wanted in (known.casefold() for known in (row.name, *row.aliases)):
            return row
    known = ", ".join(MODELS)
    raise ModelError(
        f"there is no model {name!r}; known are {known}, auto, several of them as a+b, or the path"
        " of a .toml, .pth or .safetensors file"
    )


def joined(rows, rule):
    """The row of several models together; rule: one of RULES."""
    vote = rule == "vote"
    threshold = 0.5 if vote else sum(row.threshold for row in rows) / len(rows)
    parts = {key: "; ".join(dict.fromkeys(getattr(row, key) for row in rows))
             for key in ("units", "licence", "citation")}
    how = "the share of them that see a ray" if vote else "the mean of their confidences"
    return replace(
        rows[0],
        name="+".join(row.name for row in rows) + (":vote" if vote else ""),
        title=" + ".join(row.title for row in rows) + (", vote" if vote else ""),
        sha256="+".join(row.sha256 or "none" for row in rows),
        threshold=round(threshold, 3),
        sentence=f"{len(rows)} models together: {how}.",
        module="", recipe="", package="", weights="", aliases=(),
        **parts,
    )


def weights_path(info):
    """The file of a row's weights, or None where its package is not installed.

    The package is found, never imported.
    """
    if not info.package:
        return Path(__file__).parent / "weights" / info.weights
    spec = find_spec(info.package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / info.weights
        if path.is_file():
            return path
    return None


def installed(name):
    """True if all that the models of that name need is on this computer."""
    rows = [_one(one) for one in split(name)[0]]
    return all(find_spec(row.package) is not None if row.package and not row.weights
               else weights_path(row) is not None for row in rows)


@dataclass(frozen=True)
class _Rule:
    """If every (keyword, pattern) is found in the header: that model, and why."""

    model: str
    where: tuple[tuple[str, str], ...]
    why: str


_LCO = r"LCO|Las Cumbres"
_RULES = (
    _Rule("NRES", (("INSTRUME", "NRES"),), "it was trained on the NRES spectrographs"),
    _Rule(
        SHIPPED,
        (("TELESCOP", "^HST"), ("INSTRUME", "^ACS")),
        "it was trained on HST ACS and finds more rays at fewer false ones than HST_ACS_WFC"
        " (94 % of ray pixels at 83 % precision, not 73 % at 28 %, on a real HST exposure)",
    ),
    _Rule(
        "WFC3-UVIS",
        (("TELESCOP", "^HST"), ("INSTRUME", "^WFC3"), ("DETECTOR", "^UVIS")),
        "it was trained on WFC3/UVIS; mind its threshold of 0.15",
    ),
    _Rule(
        SHIPPED,
        (("TELESCOP", "^HST"),),
        "it was trained on HST ACS and was the best of seven on real HST STIS exposures",
    ),
    _Rule("ground_imaging", (("ORIGIN", _LCO),), "it was trained on LCO imagers"),
    _Rule("ground_imaging", (("SITE", _LCO),), "it was trained on LCO imagers"),
    _Rule(
        "ground_imaging",
        (("INSTRUME", "^GMOS"),),
        "its authors tested it on Gemini GMOS-N and GMOS-S",
    ),
)
_GENERAL = _Rule("ground_imaging", (), "no model was made for it, and this one is the most general")


def _words(header, keyword):
    value = header.get(keyword, "")
    return value.strip() if isinstance(value, str) else ""


def _matches(where, header):
    return all(re.search(pattern, _words(header, key), re.I) for key, pattern in where)


def _frame(header):
    """A frame's telescope and instrument, as far as the header names them."""
    return " ".join(filter(None, (_words(header, "TELESCOP"), _words(header, "INSTRUME"))))


def misfit(name, header):
    """A sentence if a model, or one of several, was made for another camera than a frame's; ""
    where it was not, or nobody knows."""
    try:
        rows = [_one(one) for one in split(name)[0]]
    except ModelError:
        return ""
    frame = _frame(header)
    wrong = [row for row in rows if frame and not _matches(row.frames, header)]
    return f"{wrong[0].title} was made for {wrong[0].camera}; this is {frame}." if wrong else ""


def choose(header):
    """The model that fits a frame: (name, one sentence that says which and why).

    header: mapping of FITS keywords to values; may be empty.
    Falls back to the model that comes with glview where the better one is not installed.
    """
    rule = next((rule for rule in _RULES if _matches(rule.where, header)), _GENERAL)
    frame = _frame(header) or "a frame without instrument keywords"
    if installed(rule.model):
        return rule.model, f"{MODELS[rule.model].title} for {frame}: {rule.why}."
    return SHIPPED, (
        f"{MODELS[SHIPPED].title} for {frame}, because it comes with glview;"
        f" {rule.model} would fit better: {INSTALL}."
    )
