"""What the networks with group normalisation ask of a frame first, and the layers' order of pixels.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from glview.models import init_model, look, unet

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def image():
    with np.load(Path(__file__).parent / "data" / "models_165x150.npz") as file:
        return file["image"]


@pytest.mark.parametrize(
    ("shape", "count"),
    [((4096, 4096), 16), ((300, 90000), 16), ((90000, 300), 16), ((3, 9), 1), ((1024, 512), 8)],
)
def test_samples_lie_in_the_frame(shape, count):
    found = look.samples(shape)
    assert len(set(found)) == count
    assert len({(y1 - y0, x1 - x0) for y0, x0, y1, x1 in found}) == 1
    assert all(0 <= y0 < y1 <= shape[0] and 0 <= x0 < x1 <= shape[1] for y0, x0, y1, x1 in found)


@pytest.mark.parametrize(("precision", "times"), [("float32", 0), ("bfloat16", 0), ("float16", 1)])
def test_a_frame_that_the_statistics_are_of_is_searched_once(image, monkeypatch, precision, times):
    model, searched = init_model("NRES", "cpu", precision=precision), []
    exact = init_model("NRES", "cpu").detect_cr(image)
    frozen = model.parts[0].network.frozen

    def counted(*settings):
        run = frozen(*settings)
        return lambda x, box: searched.append(box) or run(x, box)

    monkeypatch.setattr(model.parts[0].network, "frozen", counted)
    found = model.detect_cr(image)
    assert len(searched) == times
    apart = np.abs(found - exact)
    assert apart.max() == 0.0 if precision == "float32" else 0.0 < apart.max() < 0.1


@pytest.mark.parametrize("name", ["ground_imaging", "ACS-WFC"])
def test_no_layer_changes_the_order_of_its_input(name, monkeypatch):
    """It would take as long as half of the first layer."""
    network, orders = init_model(name, "cpu").parts[0].network, []
    plain = torch.nn.functional.conv2d

    def convolved(x, *settings, **more):
        orders.append(x.shape[1] == 1 or x.stride()[1] == 1)
        return plain(x, *settings, **more)

    monkeypatch.setattr("glview.models.unet.F.conv2d", convolved)
    x = torch.zeros(1, 1, 64, 48)
    statistics = network.live([x])[1] if network.needs_statistics else None
    network.frozen(statistics)(x)
    assert len(orders) > 6 and all(orders)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_statistics_alone_are_the_same(image, dtype):
    network = init_model("NRES", "cpu").parts[0].network
    xs = [torch.from_numpy(image[None, None, y : y + 64, :144] - 200) for y in (0, 64)]
    (found, *_), both = network.live(xs, dtype=dtype)
    nothing, alone = network.live(xs, dtype=dtype, wanted=False)
    assert nothing == [] and found.shape == (1, 1, 64, 144)
    assert len(alone) == len(both) == len(list(network.layout.convolutions()))
    for one, other in zip(alone, both, strict=True):
        assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


@pytest.mark.parametrize("shape", [(1, 3, 8, 6), (2, 5, 7, 9), (1, 32, 2, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_halving_is_pooling(shape, dtype):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(3)).to(dtype)
    x[0, 0, 0, 0] = torch.nan
    x = x.contiguous(memory_format=torch.channels_last)
    found, expected = unet._halved(x), torch.nn.functional.max_pool2d(x, 2)
    assert found.isnan().sum() == 1 and found.stride(1) == 1
    assert torch.equal(found.nan_to_num(-9.0), expected.nan_to_num(-9.0))


def test_statistics_by_bfloat16_are_those_of_float32(image):
    network = init_model("NRES", "cpu").parts[0].network
    x = torch.from_numpy(image[None, None, :160, :144] - 200)
    for exact, rough in zip(network.live([x])[1], network.live([x], dtype=torch.bfloat16)[1],
                            strict=True):
        deviation = exact[1].sqrt()
        assert ((rough[0] - exact[0]).abs() < 0.01 * deviation).all()
        assert ((rough[1].sqrt() - deviation).abs() < 0.01 * deviation).all()
