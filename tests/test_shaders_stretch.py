"""The image shader before and after its 8 bits: against the numpy twin, astropy and the tables."""

import numpy as np
import pytest
from astropy import visualization as judge
from drawing import Theatre, document_of, is_colour, stretched

from glview.core import colormaps, stretch
from glview.core.limits import LIMITS, limits
from glview.core.sample import sample_of
from glview.core.stretch import KINDS, MEAN, SCALINGS, Stretch, contrast_bias, equalised, grey
from glview.core.view import View
from glview.gl import textures
from glview.gl.panes import PALETTE
from glview.gl.program import assign, source
from glview.workspace import Overlay

CLOSE = 2e-6
LOOK_UP = "texelFetch(colours, ivec2(int(grey(value) * 255.0 + 0.5), 0), 0).rgb"
BARE = Overlay(shown=False)
JUDGES = {
    "linear": (judge.LinearStretch(), 1.0),
    "log": (judge.LogStretch(a=1000.0), np.log(1001.0) / np.log(1000.0)),
    "power": (judge.PowerDistStretch(a=1000.0), 0.999),
    "sqrt": (judge.SqrtStretch(), 1.0),
    "squared": (judge.SquaredStretch(), 1.0),
    "asinh": (judge.AsinhStretch(a=0.1), np.arcsinh(10.0) / 3.0),
    "sinh": (judge.SinhStretch(a=1.0 / 3.0), np.sinh(3.0) / 10.0),
}  # astropy ends at 1, DS9 where its rounder constants end


class Greys:
    """image.frag with the grey level itself as its colour, drawn as float32."""

    def __init__(self, ctx):
        text = source("image.frag")
        assert text.count(LOOK_UP) == 1
        self.ctx = ctx
        program = ctx.program(vertex_shader=source("screen.vert"),
                              fragment_shader=text.replace(LOOK_UP, "vec3(grey(value))"))
        self.vao = ctx.vertex_array(program, [])
        self.target, self.table = textures.Buffer(ctx, 4), textures.texture(ctx, (1024, 1))

    def draw(self, values, kind, low_high, table=None, contrast=1.0, bias=0.5):
        """(n,) float32 grey levels of (n,) float32 values."""
        wide = values.reshape(1, -1)
        held = textures.texture(self.ctx, wide.shape[::-1])
        textures.write(held, wide)
        if table is not None:
            textures.write(self.table, table[None])
        self.target.resize(*held.size)
        self.target.use(0.0, 0.0, 0.0, 0.0)
        held.use(0)
        self.table.use(3)
        assign(self.vao.program, values=0, state=1, colours=2, table=3, limits=low_high,
               kind=KINDS.index(kind), contrast=contrast, bias=bias, overlay=(0, 0, 0, 0),
               origin=(0, 0), stride=(1, 1), extent=(0, 0, values.size, 1))
        self.vao.render(vertices=3)
        drawn = self.target.read()[0, :, 0].copy()
        held.release()
        return drawn


@pytest.fixture(scope="module")
def greys(gl):
    with gl:
        return Greys(gl)


@pytest.fixture(scope="module")
def theatre(gl):
    with gl:
        return Theatre(gl)


def sample(seed=1):
    """A skewed sky in float32 with a few very bright and very dark pixels, as a Sample."""
    rng = np.random.default_rng(seed)
    values = np.append(rng.gamma(3.0, 20.0, 6000) - 25.0, [-3000.0, 65000.0, 1e5])
    return sample_of(values.astype(np.float32))


def between(low, high, n=5000):
    """Values from below `low` to above `high`, the two among them, dense near `low`."""
    rise = np.concatenate([np.linspace(-0.2, 1.2, n), np.geomspace(1e-7, 1e-2, n // 5), [0, 1]])
    return np.float32(np.float32(low) + rise * (float(np.float32(high)) - np.float32(low)))


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("name", LIMITS)
def test_every_scaling_is_its_numpy_twin_and_astropys(greys, name, clip):
    known = sample()
    low, high = limits(known, Stretch(limits=name, low=-7.3, high=812.9, clip=clip))
    values, table = between(low, high), equalised(known.values, low, high)
    low, high = float(np.float32(low)), float(np.float32(high))
    t = np.clip((values.astype(float) - low) / (high - low), 0, 1)
    for kind in KINDS:
        drawn = greys.draw(values, kind, (low, high), table)
        assert np.abs(drawn - grey(values, kind, low, high, table)).max() < CLOSE, kind
        if kind in SCALINGS:
            astropys, factor = JUDGES[kind]
            assert np.abs(drawn - np.clip(astropys(t) * factor, 0, 1)).max() < CLOSE, kind
        assert drawn.min() < 1e-6 and drawn.max() > 0.998, kind


def test_equalization_is_astropys(greys):
    known = sample(4)
    low, high = float(known.values[0]), 300.0
    inside = known.values[known.values <= high].astype(float)
    table = equalised(known.values, low, high)
    drawn = greys.draw(inside.astype(np.float32), "histogram", (low, high), table)
    wanted = judge.HistEqStretch(inside)((inside - low) / (inside[-1] - low))
    # A table entry spans 3.2 units of the sky, up to 4 % of its pixels.
    assert np.abs(drawn - wanted).max() < 0.05
    edges = np.linspace(low, high, 1024)
    at_edges = greys.draw(edges.astype(np.float32), "histogram", (low, high), table)
    assert np.abs(at_edges - np.searchsorted(inside, edges.astype(np.float32)) / inside.size
                  ).max() < 2 / 1024


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("contrast, bias", [(1.0, 0.5), (3.3, 0.21), (0.05, 0.9), (10.0, 0.0)])
def test_contrast_and_bias_come_after_the_scaling(greys, kind, contrast, bias):
    table = equalised(sample().values, -20.0, 300.0)
    values = between(-20.0, 300.0)
    drawn = greys.draw(values, kind, (-20.0, 300.0), table, contrast, bias)
    twin = contrast_bias(grey(values, kind, -20.0, 300.0, table), contrast, bias)
    assert np.abs(drawn - twin).max() < CLOSE * max(1.0, contrast)


@pytest.mark.parametrize("low, high", [(-1.7e38, 1.7e38), (1e9, 1e9 + 128), (3e-30, 4e-30)])
def test_extreme_limits_are_drawn_like_the_twin(greys, low, high):
    low, high = float(np.float32(low)), float(np.float32(high))
    values = np.append(between(low, high), np.float32([-3e38, 3e38]))
    for kind in SCALINGS:
        drawn = greys.draw(values, kind, (low, high))
        assert np.isfinite(drawn).all()
        assert np.abs(drawn - grey(values, kind, low, high)).max() < CLOSE, kind


def random_picture(seed, shape=(96, 160)):
    return np.random.default_rng(seed).gamma(2.0, 90.0, shape).astype(np.float32)


def check_colours(theatre, document):
    """The picture at zoom 1 is the colour table at the rounded grey level of each pixel."""
    settings, height = document.stretch, document.image.shape[0]
    picture = theatre.show(document, document.image.shape, overlay=BARE)["image"][::-1]
    values = document.image.read32(0, height, 0, document.image.shape[1])
    drawn = grey(values, settings.kind, *document.limits, document.table_at(MEAN, 0))
    level = 255.0 * contrast_bias(drawn, settings.contrast, settings.bias).astype(np.float64)
    colours = colormaps.table(settings.colormap, settings.invert)[:, :3]
    near = np.abs(level - np.floor(level) - 0.5) < 1e-4 * max(1.0, settings.contrast)
    below, above = (colours[np.clip(np.floor(level + part), 0, 255).astype(int)]
                    for part in (0.499, 0.501))
    exact = colours[np.floor(level + 0.5).astype(int)]
    assert near.mean() < 0.01
    assert np.array_equal(picture[~near], exact[~near])
    assert ((picture == below).all(-1) | (picture == above).all(-1))[near].all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_pixel_has_exactly_the_colour_of_its_grey_level(theatre, kind):
    document = document_of(random_picture(5))
    for name in ("minmax", "zscale", "90"):
        check_colours(theatre, stretched(document, kind=kind, limits=name, colormap="viridis"))
    check_colours(theatre, stretched(document, contrast=2.5, bias=0.3, invert=True))


@pytest.mark.parametrize("colormap", colormaps.COLORMAPS)
def test_every_colour_map_and_its_inverse(theatre, colormap):
    document = stretched(document_of(np.arange(-20, 276, dtype=np.int16).reshape(8, 37)),
                         limits="user", low=0.0, high=255.0, colormap=colormap)
    check_colours(theatre, document)
    check_colours(theatre, stretched(document, invert=True))


BAD = {(40, 40): np.nan, (41, 52): np.inf, (50, 43): -np.inf}


def colour_of(value):
    return PALETTE.nan if np.isnan(value) else PALETTE.infinite


@pytest.mark.parametrize("zoom", [1, 3])
def test_a_bad_pixel_has_its_own_colour_and_leaves_its_neighbours_alone(theatre, zoom):
    good = np.arange(96 * 96, dtype=np.float32).reshape(96, 96) % 251
    spoilt = good.copy()
    for at, value in BAD.items():
        spoilt[at] = value
    size, view = (96 * zoom, 96 * zoom), View(48, 48, float(zoom))
    settings = {"limits": "user", "low": 0.0, "high": 250.0}
    clean, drawn = (theatre.show(stretched(document_of(pixels), **settings), size, view,
                                 BARE)["image"] for pixels in (good, spoilt))
    bad = np.zeros(size, bool)
    for (y, x), value in BAD.items():
        block = np.s_[(95 - y) * zoom : (96 - y) * zoom, x * zoom : (x + 1) * zoom]
        assert is_colour(drawn[block], colour_of(value)).all()
        bad[block] = True
    assert bad.sum() == 3 * zoom**2
    assert np.array_equal(drawn[~bad], clean[~bad])
    assert not is_colour(clean, PALETTE.nan).any() and not is_colour(clean, PALETTE.infinite).any()


@pytest.mark.parametrize("zoom", [0.37, 0.73, 0.11])
def test_a_bad_pixel_spoils_nothing_when_reduced(theatre, zoom):
    pixels = np.full((700, 900), 77.0, np.float32)
    for (y, x), value in BAD.items():
        pixels[y * 5, x * 5] = value
    pixels[400:500, 300:420] = np.nan
    document = stretched(document_of(pixels), limits="user", low=0.0, high=255.0)
    size, view = (300, 400), View(350.0, 450.0, zoom)
    seen = theatre.show(document, size, view, BARE)["image"][::-1]
    y, x = ((np.arange(n) + 0.5 - n / 2) / zoom + c for n, c in zip(size, (350, 450), strict=True))
    margin = 3 / zoom
    inside, block = (((y > y0 + m) & (y < y1 - m))[:, None] & ((x > x0 + m) & (x < x1 - m))
                     for y0, y1, x0, x1, m in ((0, 700, 0, 900, margin),
                                               (400, 500, 300, 420, -margin)))
    assert is_colour(seen[inside & ~block], (77 / 255,) * 3).all()
    deep = ((y > 400 + margin) & (y < 500 - margin))[:, None] & ((x > 300 + margin)
                                                                & (x < 420 - margin))
    assert deep.any() and is_colour(seen[deep], PALETTE.nan).all()


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("zoom", [0.8, 0.4, 0.2])
def test_a_block_of_infinities_never_looks_finite(theatre, zoom, value):
    pixels = np.full((700, 700), 10.0, np.float32)
    pixels[300:400, 300:400] = value
    picture = theatre.show(document_of(pixels), (60, 60), View(350, 350, zoom), BARE)["image"]
    middle = picture[28:32, 28:32]
    infinite, unknown = is_colour(middle, PALETTE.infinite), is_colour(middle, PALETTE.nan)
    # A reduced level knows no more than that a cell has no mean.
    assert (infinite if zoom > 0.5 else infinite | unknown).all()


def test_the_twins_formulas_are_those_of_the_shader():
    assert stretch.glsl() in source("image.frag")
