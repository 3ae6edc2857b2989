"""Colour maps: 256 colours from a grey level.

grey, red, green, blue, a, b, bb, he, heat, cool and rainbow are DS9's, drawn as straight lines
between the points (level, intensity) that define them.  viridis, cividis, inferno, magma and plasma
are the public-domain (CC0) maps of those names: every fifth of their 256 colours, straight lines
between.  To add a colour map, add a row to `COLORMAPS`.
"""

from functools import partial

import numpy as np

_VIRIDIS = (
    "44015446085c471063481769481d6f482475472a7a46307e453781433d844142873f48893d4e8a"
    "3a538b38598c355e8d33638d31688e2e6d8e2c718e2a768e297b8e27808e25848e23898e218e8d"
    "20928c1f978b1e9c891fa18821a58524aa8328ae802eb37c35b7793dbc7446c06f50c46a5ac864"
    "65cb5e70cf577cd25089d54895d840a2da37b0dd2fbddf26cae11fd8e219e5e419f1e51dfde725"
)
_CIVIDIS = (
    "00224e002656002a5f002d68003070083370163770203a6f273e6e2e416d34456c3a486c3f4c6c"
    "444f6c49536c4e566c535a6d575d6d5c616e60646f656870696b716d6f727272747676767a7a78"
    "7e7d788381798885788d8878928c789690779b9476a09875a59c74aaa073afa471b5a86fbaac6d"
    "bfb06bc4b468c9b965cfbd62d4c15fdac65bdfca57e5cf52ead34cf0d846f6dd3ffce236fee838"
)
_INFERNO = (
    "00000402020c0504170a072210092d160b391e0c45260c512f0a5b380962400a67490b6a510e6c"
    "59106e61136e69166e71196e781c6d801f6c88226a902568982766a02a63a82e5fb0315bb73557"
    "bf3952c63d4dcc4248d34743d94d3ddf5337e45a31e9612bed6925f1711ff47918f78212f98b0b"
    "fa9407fb9d07fca60cfcb014fbba1ffac42af8cd37f6d746f4e156f2ea69f2f27df5f992fcffa4"
)
_MAGMA = (
    "00000402020b0504160907200e0b2b140e361a104221114e29115a311165390f6e420f754a1079"
    "52137c5a167e6219806a1c81721f81792282812581892881912b81992d80a1307eaa337db2357b"
    "ba3878c23b75ca3e72d2426fd9466be04c67e75263ec5860f1605df4695cf7725cf97b5dfb8560"
    "fc8e64fd9869fea16efeaa74feb47bfebd82fec68afecf92fed89afde2a3fdebacfcf4b6fcfdbf"
)
_PLASMA = (
    "0d08871b068d2605912f059638049a41049d4903a05102a35901a56100a76900a87100a87801a8"
    "8004a88707a68e0ca49511a19c179ea21d9aa82296ae2892b42e8dba3388bf3984c43e7fc9447a"
    "cd4a76d24f71d6556dda5b69de6164e26660e66c5ce97257ed7953f07f4ff3854bf58c46f79342"
    "f99a3efba139fca835fdaf31feb72dfebe2afdc627fcce25fbd724f8df25f6e826f3f027f0f921"
)

_ZERO = ((0, 0), (1, 0))
_RISE = ((0, 0), (1, 1))


def _ramps(red, green, blue):
    """(256, 3) uint8 from three curves, each a tuple of points (level, intensity) in [0, 1]."""
    level = np.arange(256) / 255
    curves = [np.interp(level, *np.transpose(points)) for points in (red, green, blue)]
    return np.rint(255 * np.stack(curves, axis=1)).astype(np.uint8)


def _packed(text):
    """(256, 3) uint8 from evenly spaced colours written as hexadecimal rrggbb."""
    colours = np.frombuffer(bytes.fromhex(text), np.uint8).reshape(-1, 3) / 255
    level = np.linspace(0, 1, len(colours))
    return _ramps(*(np.stack((level, channel), axis=1) for channel in colours.T))


COLORMAPS = {
    "grey": partial(_ramps, _RISE, _RISE, _RISE),
    "viridis": partial(_packed, _VIRIDIS),
    "cividis": partial(_packed, _CIVIDIS),
    "inferno": partial(_packed, _INFERNO),
    "magma": partial(_packed, _MAGMA),
    "plasma": partial(_packed, _PLASMA),
    "heat": partial(
        _ramps,
        ((0, 0), (0.34, 1), (1, 1)),
        _RISE,
        ((0, 0), (0.65, 0), (0.98, 1), (1, 1)),
    ),
    "cool": partial(
        _ramps,
        ((0, 0), (0.29, 0), (0.76, 0.1), (1, 1)),
        ((0, 0), (0.22, 0), (0.96, 1), (1, 1)),
        ((0, 0), (0.53, 1), (1, 1)),
    ),
    "rainbow": partial(
        _ramps,
        ((0, 1), (0.2, 0), (0.6, 0), (0.8, 1), (1, 1)),
        ((0, 0), (0.2, 0), (0.4, 1), (0.8, 1), (1, 0)),
        ((0, 1), (0.4, 1), (0.6, 0), (1, 0)),
    ),
    "a": partial(
        _ramps,
        ((0, 0), (0.25, 0), (0.5, 1), (1, 1)),
        ((0, 0), (0.25, 1), (0.5, 0), (0.77, 0), (1, 1)),
        ((0, 0), (0.125, 0), (0.5, 1), (0.64, 0.5), (0.77, 0), (1, 0)),
    ),
    "b": partial(
        _ramps,
        ((0, 0), (0.25, 0), (0.5, 1), (1, 1)),
        ((0, 0), (0.5, 0), (0.75, 1), (1, 1)),
        ((0, 0), (0.25, 1), (0.5, 0), (0.75, 0), (1, 1)),
    ),
    "bb": partial(
        _ramps,
        ((0, 0), (0.5, 1), (1, 1)),
        ((0, 0), (0.25, 0), (0.75, 1), (1, 1)),
        ((0, 0), (0.5, 0), (1, 1)),
    ),
    "he": partial(
        _ramps,
        ((0, 0), (0.015, 0.5), (0.25, 0.5), (0.5, 0.75), (1, 1)),
        ((0, 0), (0.065, 0), (0.125, 0.5), (0.25, 0.75), (0.5, 0.81), (1, 1)),
        ((0, 0), (0.015, 0.125), (0.03, 0.375), (0.065, 0.625), (0.25, 0.25), (1, 1)),
    ),
    "red": partial(_ramps, _RISE, _ZERO, _ZERO),
    "green": partial(_ramps, _ZERO, _RISE, _ZERO),
    "blue": partial(_ramps, _ZERO, _ZERO, _RISE),
}


def table(name, invert=False):
    """The colours of a map, darkest level first.

    name: a key of `COLORMAPS`.  invert: True to turn the map round.
    Returns (256, 4) uint8, red, green, blue and an opaque alpha of 255.
    Raises ValueError for a name that is not there.
    """
    if name not in COLORMAPS:
        raise ValueError(f"no colour map {name!r}; there are {', '.join(COLORMAPS)}")
    colours = COLORMAPS[name]()
    opaque = np.full((256, 1), 255, np.uint8)
    return np.hstack((colours[::-1] if invert else colours, opaque))
