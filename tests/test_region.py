"""A search of a region: as in a search of the whole frame, at the cost of the region alone."""

import numpy as np
import pytest
from detections import frame

from glview.models import ModelError, init_model, look
from glview.models.tiling import Watch

REGION = (31, 33, 150, 121)


@pytest.mark.parametrize("name", ["ACS-WFC", "ground_imaging", "lacosmic", "ACS-WFC+decam:vote"])
def test_a_region_comes_out_as_in_a_search_of_the_whole_frame(monkeypatch, name):
    monkeypatch.setattr(look, "WHOLE", 1000)
    image = frame((200, 180))
    image[70, 40] = np.nan
    model, found, shares = init_model(name, "cpu", tile=64), np.full(image.shape, np.nan), []

    def take(y0, x0, y1, x1, values):
        assert values.flags.c_contiguous and np.isnan(found[y0:y1, x0:x1]).all()
        found[y0:y1, x0:x1] = values

    result = model.stream(image, Watch(on_tile=take, progress=shares.append), region=REGION)
    y0, x0, y1, x1 = REGION
    inside = np.zeros(image.shape, bool)
    inside[y0:y1, x0:x1] = True
    assert np.array_equal(~np.isnan(found), inside), "nothing else is handed out, and all of it"
    wanted = model.detect_cr(image)
    assert np.abs(found[inside] - wanted[inside]).max() < 2e-6 and wanted[inside].max() > 0.4
    assert result.bad == 1 and f"1 of {inside.sum()} pixels" in result.notes[0]
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_a_region_costs_only_itself(monkeypatch):
    deepcr = init_model("ACS-WFC", "cpu")
    seen, network = [], deepcr.parts[0].network.frozen()

    def counting(x, box):
        seen.append(x.shape[-1] * x.shape[-2])
        return network(x, box)

    monkeypatch.setattr(deepcr.parts[0].network, "frozen", lambda *_: counting)
    deepcr.stream(np.ones((2000, 2000)), Watch(), region=(500, 500, 600, 600))
    assert sum(seen) <= 160 * 160


@pytest.mark.parametrize(("region", "tiling", "words"), [
    ((0, 0, 9, 8), "seamless", "does not lie in a frame"),
    ((4, 0, 4, 8), "seamless", "does not lie in a frame"),
    ((0, 0, 4, 8), "full", "use 'seamless'"),
])
def test_a_region_that_cannot_be_searched_is_told(region, tiling, words):
    with pytest.raises(ModelError, match=words):
        init_model("ACS-WFC", "cpu", tiling).stream(np.ones((8, 8)), Watch(), region=region)
