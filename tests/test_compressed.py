"""Tile-compressed FITS: every codec and tile shape, judged by astropy, and damaged tiles."""

import os
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy.io import fits

from glview.files import ReadError, fitscomp, open_images
from glview.files.header import FitsError, walk
from glview.files.source import FileChangedError, open_source

H, W = 48, 70
NOISE = np.random.default_rng(11)
SKY = NOISE.normal(100, 3, (H, W))
SKY[10, 10] = SKY[30, 20:26] = 1500
REAL = SKY.astype(np.float32)
REAL[5:9, 3:60:7] = 0
REAL[20, 5:9] = REAL[47, 69] = np.nan
STEEP = REAL.copy()
STEEP[12, 3], STEEP[13] = 1e30, -1e-30  # no step fits both: kept without loss, beside the others
TILES = {"rows": None, "edges": (16, 32), "ragged": (7, 100), "all": (H, W), "columns": (H, 1)}


def opened(path, cache=fitscomp.CACHE):
    """The only compressed image of a file, as a namespace of `open_tiles`'s four."""
    source = open_source(path)
    hdu = scan_of(path)
    names = ("dtype", "read", "fill", "faults")
    four = dict(zip(names, fitscomp.open_tiles(source, hdu, cache), strict=True))
    return types.SimpleNamespace(source=source, **four)


def filled(image, y0, y1, x0, x1, plane=0):
    out = np.full((y1 - y0, x1 - x0), -7, np.float32)
    image.fill(plane, y0, y1, x0, x1, out)
    return out


def write(path, data, codec="RICE_1", **keywords):
    fits.CompImageHDU(data, compression_type=codec, **keywords).writeto(path, overwrite=True)
    return path


def with_cards(path, **cards):
    """Replace cards of the compressed HDU's header, or add them, without touching its data."""
    with open(path, "rb") as file:
        content = file.read()
    start = scan_of(path).header_offset
    end = scan_of(path).data_offset
    text = content[start:end].rstrip()[:-3]
    text += b" " * (-len(text) % 80)
    for key, value in cards.items():
        at, card = text.find(f"{key:<8}=".encode()), fits.Card(key, value).image.encode()
        text = text[:at] + card + text[at + 80 :] if at >= 0 else text + card
    text += b"END"
    text += b" " * (-len(text) % 2880)
    path.write_bytes(content[:start] + text + content[end:])


def scan_of(path):
    return next(hdu for hdu in walk(path) if hdu.kind == "compressed")


def truth_of(path):
    with fits.open(path, memmap=False) as hdus:
        data = hdus[1].data
        return data.astype(data.dtype.newbyteorder("="))


def same(values, truth):
    """Equal to the bit, NaN of any bits being NaN."""
    assert values.dtype == truth.dtype and values.shape == truth.shape
    np.testing.assert_array_equal(values, truth)
    if truth.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(values[truth == 0]), np.signbit(truth[truth == 0]))


def agrees_with_astropy(path):
    """Whole planes and boxes; exact values, and the same as float32."""
    truth, image = truth_of(path), opened(path)
    cube = truth.reshape(-1, *truth.shape[-2:]) if truth.ndim > 1 else truth.reshape(1, 1, -1)
    height, width = cube.shape[1:]
    boxes = [(0, height, 0, width), (height // 2, height, 0, 3), (height - 1, height, 2, width)]
    boxes += [(3, 3, 1, 2), (height // 3, height // 3 + 9, width // 5, width // 2)]
    for plane in range(len(cube)):
        for y0, y1, x0, x1 in boxes:
            part = cube[plane, y0:y1, x0:x1]
            box = min(y0, height), min(y1, height), min(x0, width), min(x1, width)
            same(image.read(plane, *box), part)
            with np.errstate(over="ignore"):
                same(filled(image, *box, plane), part.astype(np.float32))
    assert image.faults == [] and image.dtype == truth.dtype
    return truth


WHOLE = [("RICE_1", kind) for kind in ("u1", "i1", "i2", "u2", "i4", "u4")]
WHOLE += [(codec, kind) for codec in ("GZIP_1", "GZIP_2") for kind in ("u1", "i2", "u2", "i8")]
WHOLE += [("NOCOMPRESS", kind) for kind in ("u1", "i2", "u4")]


@pytest.mark.parametrize("tile", TILES.values(), ids=TILES)
@pytest.mark.parametrize(("codec", "kind"), WHOLE)
def test_whole_numbers(tmp_path, codec, kind, tile):
    info = np.iinfo(kind)
    data = np.clip(SKY, info.min, info.max).astype(kind)
    data[7, :20] = NOISE.integers(info.min, info.max, 20, kind, endpoint=True)
    data[8, 4:6] = info.min, info.max
    if codec == "GZIP_1" and kind == "u2":
        data[:] = NOISE.integers(0, 65536, (H, W))
    path = write(tmp_path / "a.fits", data, codec, tile_shape=tile)
    np.testing.assert_array_equal(agrees_with_astropy(path), data)


@pytest.mark.parametrize("tile", TILES.values(), ids=TILES)
@pytest.mark.parametrize("method", [-1, 1, 2])
@pytest.mark.parametrize("codec", ["RICE_1", "GZIP_1", "GZIP_2"])
@pytest.mark.parametrize("data", [REAL, REAL.astype("f8"), STEEP], ids=["f4", "f8", "steep"])
def test_quantised_floats(tmp_path, codec, method, tile, data):
    path = write(tmp_path / "a.fits", data, codec, tile_shape=tile, quantize_level=16,
                 quantize_method=method, dither_seed=9990)
    truth = agrees_with_astropy(path)
    np.testing.assert_array_equal(np.isnan(truth), np.isnan(data))


@pytest.mark.parametrize("codec", ["GZIP_1", "GZIP_2"])
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_floats_without_loss(tmp_path, codec, kind):
    data = STEEP.astype(kind)
    data[0, :3] = np.inf, -0.0, 3e38
    path = write(tmp_path / "a.fits", data, codec, quantize_level=0)
    np.testing.assert_array_equal(agrees_with_astropy(path), data)


@pytest.mark.parametrize("cards", [
    {"BSCALE": 0.05, "BZERO": 500.0}, {"BLANK": 100}, {"BSCALE": -2.0, "BLANK": 101}
])  # fmt: skip
@pytest.mark.parametrize("codec", ["RICE_1", "GZIP_2"])
@pytest.mark.parametrize("kind", ["i2", "i4"])
def test_scaled_and_blank(tmp_path, codec, kind, cards):
    path = write(tmp_path / "a.fits", SKY.astype(kind) % 103, codec, tile_shape=(9, 30))
    with_cards(path, **cards)
    truth = agrees_with_astropy(path)
    assert truth.dtype.kind == "f" and np.isnan(truth).any() == ("BLANK" in cards)


@pytest.mark.parametrize(
    ("shape", "tile"),
    [((5, 20, 31), (2, 8, 9)), ((2, 3, 8, 9), (2, 2, 3, 4)), ((4, 6, 7), (1, 6, 7)),
     ((3, 20, 30), None), ((50,), (7,)), ((1, 300), (1, 64)), ((300, 1), (64, 1)), ((1, 1), None)],
)  # fmt: skip
@pytest.mark.parametrize("codec", ["RICE_1", "GZIP_1"])
def test_cubes_and_strips(tmp_path, codec, shape, tile):
    data = NOISE.integers(-999, 999, shape).astype(np.int16)
    path = write(tmp_path / "a.fits", data, codec, tile_shape=tile)
    np.testing.assert_array_equal(agrees_with_astropy(path), data)


def test_scaled_quantised_floats_go_the_slow_way(tmp_path):
    path = write(tmp_path / "a.fits", SKY.astype(np.float32), quantize_level=16)
    with_cards(path, BSCALE=2.0, BZERO=5.0)
    same(open_images(path)[0][:, :], truth_of(path))
    assert opened(path).fill is None


def test_long_rows_wrap_round_the_dither(tmp_path):
    data = NOISE.normal(0, 1, (3, 25_000)).astype(np.float32)
    path = write(tmp_path / "a.fits", data, quantize_level=16, quantize_method=1, dither_seed=9999)
    agrees_with_astropy(path)


def handmade(path, data, columns, **cards):
    """A table of row tiles written by hand; columns: name -> (format, arrays or numbers)."""
    table = fits.BinTableHDU.from_columns([
        fits.Column(name, form, array=np.array([*values, None], object)[:-1] if "(" in form
                    else values)
        for name, (form, values) in columns.items()
    ])  # fmt: skip
    height, width = data.shape
    bitpix = {"i2": 16, "f4": -32}[data.dtype.str[1:]]
    structure = {"ZIMAGE": True, "ZBITPIX": bitpix, "ZNAXIS": 2, "ZNAXIS1": width,
                 "ZNAXIS2": height, "ZTILE1": width, "ZTILE2": 1, "ZCMPTYPE": "NOCOMPRESS"}
    table.header.update(structure | cards)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    return path


def raw_bytes(rows, kind):
    return [np.frombuffer(row.astype(kind).tobytes(), np.uint8) for row in rows]


def test_wide_descriptors(tmp_path):
    data = SKY.astype(np.int16)
    tiles = raw_bytes(data, ">i2")
    columns = {"OTHER": ("3E", np.ones((H, 3))), "COMPRESSED_DATA": ("QB()", tiles)}
    path = handmade(tmp_path / "a.fits", data, columns)
    np.testing.assert_array_equal(agrees_with_astropy(path), data)


def test_tiles_left_unpacked(tmp_path):
    data = SKY.astype(np.float32)
    empty = [np.zeros(0, np.uint8)] * H
    columns = {"COMPRESSED_DATA": ("PB()", empty), "UNCOMPRESSED_DATA": ("PE()", list(data))}
    path = handmade(tmp_path / "a.fits", data, columns)
    np.testing.assert_array_equal(agrees_with_astropy(path), data)


def test_scale_and_zero_as_cards_and_blank_as_column(tmp_path):
    steps = NOISE.integers(-50, 50, (H, W))
    columns = {"COMPRESSED_DATA": ("PB()", raw_bytes(steps, ">i4")), "ZBLANK": ("J", np.arange(H))}
    path = handmade(tmp_path / "a.fits", REAL, columns, ZSCALE=0.25, ZZERO=3)
    blank = steps == np.arange(H)[:, None]
    truth = np.where(blank, np.nan, steps * 0.25 + 3).astype(np.float32)
    assert blank.any()
    same(open_images(path)[0][:, :], truth)
    same(filled(opened(path), 0, H, 0, W), truth)


def test_many_threads_and_a_small_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(fitscomp, "BLOCK", 4000)
    data = NOISE.integers(0, 999, (300, 400)).astype(np.int32)
    image = opened(write(tmp_path / "a.fits", data, tile_shape=(7, 100)), cache=50_000)
    with ThreadPoolExecutor(4) as pool:
        read = pool.map(lambda y: filled(image, y, y + 60, y, y + 90), range(0, 240, 11))
        for y, values in zip(range(0, 240, 11), read, strict=True):
            np.testing.assert_array_equal(values, data[y : y + 60, y : y + 90])


def test_a_large_box_is_shared_by_threads(tmp_path, monkeypatch):
    monkeypatch.setattr("glview.files.tilecodecs.PIECE", 3000)
    monkeypatch.setattr("glview.files.tilecodecs.PARALLEL", 1000)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    data = NOISE.integers(0, 999, (300, 400)).astype(np.int16)
    for codec in ("RICE_1", "GZIP_1"):
        path = write(tmp_path / "a.fits", data, codec, tile_shape=(7, 100))
        np.testing.assert_array_equal(agrees_with_astropy(path), data)


class Counted:
    """Counts the bytes that a source is asked for."""

    def __init__(self, source):
        self.asked, self.really = [], source.fill
        source.fill = self

    def __call__(self, view, offset):
        self.asked.append(len(view))
        self.really(view, offset)


def test_only_tiles_that_a_box_touches_are_read_and_kept(tmp_path):
    data = NOISE.integers(-30_000, 30_000, (512, 4096)).astype(np.int16)
    image = opened(write(tmp_path / "a.fits", data))
    counted = Counted(image.source)
    filled(image, 100, 101, 5, 6)
    assert sum(counted.asked) - 512 * 8 < 3 * 4096  # the table, and one row
    filled(image, 100, 140, 0, 512)
    before = len(counted.asked)
    np.testing.assert_array_equal(filled(image, 100, 140, 512, 999), data[100:140, 512:999])
    assert len(counted.asked) == before


def test_all_images_of_a_file_keep_to_the_bytes_of_one_cache(tmp_path):
    data = NOISE.integers(0, 99, (2048, 1024)).astype(np.int16)
    hdus = [fits.PrimaryHDU(), fits.CompImageHDU(data), fits.CompImageHDU(data + 1)]
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    source = open_source(tmp_path / "a.fits")
    fills = [fitscomp.open_tiles(source, hdu, 1 << 20)[2] for hdu in walk(source.fd)[1:]]
    for y in range(0, 2048, 256):
        for more, fill in enumerate(fills):
            out = np.zeros((256, 6), np.float32)
            fill(0, y, y + 256, 3, 9, out)
            np.testing.assert_array_equal(out, data[y : y + 256, 3:9] + more)
    blocks = source.shared["tiles"]
    assert 0 < blocks.held <= 1 << 20
    assert blocks.held == sum(block.values.nbytes for block in blocks.blocks.values())


@pytest.fixture
def damaged(tmp_path):
    """make(codec, damage) -> (path, data): tile 3 (rows 0 to 15, columns 64 to 69) is damaged."""

    def make(codec, damage):
        data = SKY.astype(np.int32)
        path = write(tmp_path / "a.fits", data, codec, tile_shape=(16, 32))
        hdu = scan_of(path)
        content, row = bytearray(path.read_bytes()), hdu.data_offset + 2 * hdu.cards["NAXIS1"]
        size, offset = np.frombuffer(content[row : row + 8], ">i4").tolist()
        damage(content, row, hdu.data_offset + 9 * hdu.cards["NAXIS1"] + offset, size)
        path.write_bytes(content)
        return path, data

    return make


def put(content, place, *numbers):
    content[place : place + 4 * len(numbers)] = np.array(numbers, ">i4").tobytes()


DAMAGE = {
    "code": lambda content, row, at, size: content.__setitem__(
        slice(at + 4, at + size), b"\xff" * (size - 4)),
    "cut": lambda content, row, at, size: put(content, row, size // 2),
    "one byte": lambda content, row, at, size: put(content, row, 1),
    "empty": lambda content, row, at, size: put(content, row, 0),
    "negative": lambda content, row, at, size: put(content, row, -5),
    "beyond": lambda content, row, at, size: put(content, row, size, 1 << 30),
    "too long": lambda content, row, at, size: put(content, row, 1 << 30, 0),
}  # fmt: skip


@pytest.mark.parametrize(("codec", "damage"), [
    (codec, damage) for codec in ("RICE_1", "GZIP_1", "GZIP_2", "NOCOMPRESS") for damage in DAMAGE
    if damage != "code" or codec[:4] == "GZIP"  # to the others nearly any bytes are numbers
])  # fmt: skip
def test_a_damaged_tile_is_nan_and_told_once(damaged, codec, damage):
    path, data = damaged(codec, DAMAGE[damage])
    truth = data.astype(np.float32)
    truth[:16, 64:] = np.nan
    image = opened(path)
    for box in [(0, H, 0, W), (3, 20, 60, 67), (0, 16, 64, 70), (15, 16, 0, W), (0, H, 0, W)]:
        np.testing.assert_array_equal(filled(image, *box), truth[box[0] : box[1], box[2] : box[3]])
    (fault,) = image.faults
    assert (fault.plane, fault.box) == (0, (0, 64, 16, 70))
    assert "a.fits: tile 3 of HDU 1 cannot be unpacked" in fault.why
    for box in [(0, H, 0, W), (3, 20, 60, 67)]:
        with pytest.raises(FitsError, match="tile 3 of HDU 1 cannot be unpacked"):
            image.read(0, *box)
    np.testing.assert_array_equal(image.read(0, 2, H, 0, 64), data[2:, :64])


def test_an_image_knows_its_faults(damaged):
    path, _ = damaged("RICE_1", DAMAGE["cut"])
    (image,) = open_images(path)
    assert np.isnan(image.read32(0, H, 0, W)).sum() == 16 * 6
    assert [fault.box for fault in image.faults] == [(0, 64, 16, 70)]
    with pytest.raises(ReadError, match="tile 3"):
        image[:, :]


def test_a_bad_sector_costs_one_tile(tmp_path):
    data = SKY.astype(np.int32)
    image = opened(write(tmp_path / "a.fits", data, tile_shape=(16, 32)))
    place, table = scan_of(tmp_path / "a.fits").data_offset, np.empty((9, 2), ">i4")
    image.source.fill(memoryview(table).cast("B"), place)
    sector = place + table.nbytes + int(table[4, 1]) + 9
    really = image.source.fill

    def fill(view, offset):
        if offset <= sector < offset + len(view):
            raise ReadError("a.fits cannot be read: Input/output error")
        really(view, offset)

    image.source.fill = fill
    truth = data.astype(np.float32)
    truth[16:32, 32:64] = np.nan
    np.testing.assert_array_equal(filled(image, 0, H, 0, W), truth)
    assert [fault.box for fault in image.faults] == [(16, 32, 32, 64)]
    assert "Input/output error" in image.faults[0].why


@pytest.mark.parametrize("box", [(0, H, 0, W), (3, 5, 3, 5)])
def test_a_file_that_changed_is_no_damaged_tile(tmp_path, box):
    path = write(tmp_path / "a.fits", SKY.astype(np.int32), tile_shape=(16, 32))
    image = opened(path)
    os.truncate(path, path.stat().st_size - 2880)
    with pytest.raises(FileChangedError) as caught:
        filled(image, *box)
    assert caught.value.fatal and not ReadError.fatal and image.faults == []
    assert (filled(opened(write(path, SKY.astype(np.int32))), 0, H, 0, W) > 0).all()


@pytest.mark.parametrize(
    ("cards", "says"),
    [
        ({"TFORM1": "Z"}, "TFORM1"),
        ({"NAXIS1": 12, "THEAP": 0}, "impossible"),
        ({"TFORM1": "8B"}, "COMPRESSED_DATA .*type"),
        ({"TTYPE1": "SOMETHING"}, "no column COMPRESSED_DATA"),
        ({"THEAP": 10**9}, "THEAP = 1000000000"),
        ({"THEAP": 3}, "THEAP = 3"),
        ({"ZVAL2": 8}, "Rice settings"),
        ({"ZVAL1": 0}, "Rice settings"),
        ({"ZVAL1": "32B"}, "Rice settings"),  # no number must be sought in a range of numbers
        ({"ZDITHER0": 1.5}, "ZDITHER0"),
        ({"TFIELDS": 5000}, "TFIELDS = 5000"),
        ({"TFORM1": "8PB(9)"}, "COMPRESSED_DATA .*type"),
    ],
)
def test_headers_that_lie_are_refused(tmp_path, cards, says):
    path = write(tmp_path / "a.fits", SKY.astype(np.int16))
    with_cards(path, **cards)
    with pytest.raises(ReadError, match=says):
        open_images(path)
