"""One row for each model that has a name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelInfo:
    """One row of MODELS.

    module: module of glview.models that knows the network (`RECIPES[recipe]`).
    package: installed package that holds the weights, or that is the model; "" where glview ships
        them.
    weights: file name inside that package or inside glview/models/weights; "" of none.
    sha256: digest of the weights that glview was tested with.
    units: what the pixel values should be, and whether the sky is in; sentence: for the menu.
    camera: what it was made for; frames: FITS keywords, and patterns that all of them match in a
        frame of such a camera; none: any frame.
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
    camera: str = ""
    frames: tuple[tuple[str, str], ...] = ()


SHIPPED = "ACS-WFC"
_DEEPCR = "Zhang & Bloom 2020, ApJ 889, 24"


def _cosmic_conn(name, norm, version, sha256, sentence, camera, frames):
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
        citation="Xu et al. 2023, ApJ 942, 73 (Cosmic-CoNN)",
        sentence=sentence,
        camera=camera,
        frames=frames,
    )


def _deepcr(name, norm, sha256, units, threshold, citation, sentence, camera, frames):
    return ModelInfo(
        name=name,
        title=f"deepCR {name}",
        module="glview.models.deepcr",
        recipe=norm,
        package="",
        weights=f"deepcr_{name.lower().replace('-', '_')}.safetensors",
        sha256=sha256,
        units=units,
        threshold=threshold,
        licence="BSD-3-Clause (comes with glview)",
        citation=citation,
        sentence=sentence,
        aliases=(f"deepCR_{name.replace('-', '_')}", f"deepCR {name}",
                 *(("deepCR",) if name == SHIPPED else ())),
        camera=camera,
        frames=frames,
    )


ROWS = (
    _cosmic_conn(
        "ground_imaging",
        "group",
        "ground_imaging",
        "f8c4ea75dc9b212b8786a95d583dd9cd0b8ec95a53fd3d4cfbfe40c4c0cf267b",
        "Any ground-based imager; trained on Las Cumbres Observatory frames.",
        "imagers on the ground",
        (("TELESCOP", "^(?!HST|JWST)"),),
    ),
    _cosmic_conn(
        "NRES",
        "group",
        "LCO_NRES",
        "2f676afb81286c0810facf81236e3ef1651a04a2142d6443388ec76313a8a5be",
        "Spectra of the LCO NRES echelle spectrographs.",
        "LCO NRES",
        (("INSTRUME", "NRES"),),
    ),
    _cosmic_conn(
        "HST_ACS_WFC",
        "batch",
        "HST_ACS_WFC",
        "e4bcde26104c9c93548c6d68f2d455e5b9b6af985d62b15cb0157c54bcf4eb00",
        "HST ACS/WFC images in electrons; other units lose rays.",
        "HST ACS",
        (("TELESCOP", "^HST"), ("INSTRUME", "^ACS")),
    ),
    _deepcr(
        SHIPPED,
        "batch",
        "4706048fe2c0bfce5ed1e0b0c4d724c4853d8d46a0d19844d4c4c12f6a63813f",
        "electrons, sky not subtracted",
        0.5,
        f"{_DEEPCR}; Kwon, Zhang & Bloom 2021, RNAAS 5, 98 (deepCR)",
        "HST images in electrons; comes with glview.",
        "HST ACS",
        (("TELESCOP", "^HST"),),  # on STIS it was the best of seven
    ),
    _deepcr(
        "WFC3-UVIS",
        "none",
        "bf2a538e664150c51582638b2f141fa6d7e8f8fc13afc5de8225c3b40df9fd0a",
        "any units, with or without the sky: the frame's mean and deviation are divided out",
        0.15,
        f"{_DEEPCR}; Chen et al. 2024, doi:10.3847/1538-4357/ad1602 (deepCR)",
        "HST WFC3/UVIS images; its confidence is low, so the threshold is 0.15.",
        "HST WFC3",
        (("TELESCOP", "^HST"), ("INSTRUME", "^WFC3")),
    ),
    _deepcr(
        "decam",
        "batch",
        "53db29fcb2a5d8374b6731524e6692492bfb767691cb8eb7b184e73b00e6adda",
        "counts (ADU), sky not subtracted",
        0.5,
        f"{_DEEPCR} (deepCR)",
        "DECam images; its authors call it preliminary.",
        "DECam",
        (("INSTRUME", "^DECam"),),
    ),
    ModelInfo(
        name="lacosmic",
        title="L.A.Cosmic",
        module="",
        recipe="",
        package="astroscrappy",
        weights="",
        sha256="",
        units="electrons, sky not subtracted; read noise 6.5 (a .toml file can say otherwise)",
        threshold=0.5,
        licence="BSD-3-Clause (astroscrappy, installed separately)",
        citation="van Dokkum 2001, PASP 113, 1420; McCully et al. 2018,"
        " doi:10.5281/zenodo.1482019 (astroscrappy)",
        sentence="No network: edges sharper than the optics allow; confidence 0 or 1.",
        aliases=("L.A.Cosmic", "astroscrappy"),
    ),
)
