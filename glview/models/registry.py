"""Every model in one table, where its weights are, and which one fits a frame.  No torch here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


class ModelError(Exception):
    """A detection that cannot be done: says what was wrong and what would help."""


@dataclass(frozen=True)
class ModelInfo:
    """One row of MODELS.

    module: module of glview.models that knows the network (`RECIPES[recipe]`).
    package: installed package that holds the weights; "" where glview ships them.
    weights: file name inside that package or inside glview/models/weights.
    sha256: digest of the weights that glview was tested with.
    units: what the pixel values should be; sentence: one line for the menu.
    """

    name: str
    title: str
    module: str
    recipe: str
    package: str
    weights: str
    sha256: str
    units: str
    threshold: float
    licence: str
    citation: str
    sentence: str
    aliases: tuple[str, ...] = ()


INSTALL = 'pip install "glview[cosmic-conn]"'
XU = "Xu et al. 2023, ApJ 942, 73 (Cosmic-CoNN)"
SHIPPED = "ACS-WFC"


def _cosmic_conn(name, norm, version, sha256, sentence):
    return ModelInfo(
        name=name,
        title=f"Cosmic-CoNN {name}",
        module="glview.models.cosmic_conn",
        recipe=norm,
        package="cosmic_conn",
        weights=f"trained_models/cosmic-conn_{version}_v0.2.8.pth",
        sha256=sha256,
        units="counts (ADU) or electrons; the sky need not be subtracted",
        threshold=0.5,
        licence="GPL-3.0 (read from the installed package)",
        citation=XU,
        sentence=sentence,
    )


_ROWS = (
    _cosmic_conn(
        "ground_imaging",
        "group",
        "ground_imaging",
        "f8c4ea75dc9b212b8786a95d583dd9cd0b8ec95a53fd3d4cfbfe40c4c0cf267b",
        "Any ground-based imager; trained on Las Cumbres Observatory frames.",
    ),
    _cosmic_conn(
        "NRES",
        "group",
        "LCO_NRES",
        "2f676afb81286c0810facf81236e3ef1651a04a2142d6443388ec76313a8a5be",
        "Spectra of the LCO NRES echelle spectrographs.",
    ),
    _cosmic_conn(
        "HST_ACS_WFC",
        "batch",
        "HST_ACS_WFC",
        "e4bcde26104c9c93548c6d68f2d455e5b9b6af985d62b15cb0157c54bcf4eb00",
        "HST ACS/WFC images in electrons; other units lose rays.",
    ),
    ModelInfo(
        name=SHIPPED,
        title="deepCR ACS-WFC",
        module="glview.models.deepcr",
        recipe="batch",
        package="",
        weights="deepcr_acs_wfc.safetensors",
        sha256="4706048fe2c0bfce5ed1e0b0c4d724c4853d8d46a0d19844d4c4c12f6a63813f",
        units="electrons, sky not subtracted",
        threshold=0.5,
        licence="BSD-3-Clause (comes with glview)",
        citation="Zhang & Bloom 2020, ApJ 889, 24; Kwon, Zhang & Bloom 2021, RNAAS 5, 98 (deepCR)",
        sentence="HST images in electrons; comes with glview.",
        aliases=("deepCR", "deepCR_ACS_WFC", "deepCR ACS-WFC"),
    ),
)
MODELS: Mapping[str, ModelInfo] = {row.name: row for row in _ROWS}


def lookup(name):
    """The row of a name or alias, in any case; raises ModelError listing what is known."""
    wanted = name.casefold()
    for row in MODELS.values():
        if wanted in (known.casefold() for known in (row.name, *row.aliases)):
            return row
    known = ", ".join(MODELS)
    raise ModelError(
        f"there is no model {name!r}; known are {known}, auto, or the path of a .pth or"
        " .safetensors file"
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
    """True if the weights of that model are on this computer."""
    return weights_path(lookup(name)) is not None


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
        SHIPPED,
        (("TELESCOP", "^HST"),),
        "it was trained on HST ACS and was the best of the four on real HST STIS exposures",
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


def _matches(rule, header):
    return all(re.search(pattern, _words(header, key), re.I) for key, pattern in rule.where)


def choose(header):
    """The model that fits a frame: (name, one sentence that says which and why).

    header: mapping of FITS keywords to values; may be empty.
    Falls back to the model that comes with glview where the better one is not installed.
    """
    rule = next((rule for rule in _RULES if _matches(rule, header)), _GENERAL)
    names = (_words(header, "TELESCOP"), _words(header, "INSTRUME"))
    frame = " ".join(name for name in names if name) or "a frame without instrument keywords"
    if installed(rule.model):
        return rule.model, f"{MODELS[rule.model].title} for {frame}: {rule.why}."
    return SHIPPED, (
        f"{MODELS[SHIPPED].title} for {frame}, because it comes with glview;"
        f" {rule.model} would fit better: {INSTALL}."
    )
