"""Sound small files to begin with, and words that headers are made of."""

import gzip
import io
import json
import struct

import numpy as np
from astropy.io import fits
from PIL import Image

from glview.core.edits import Edits
from glview.core.history import Searched, Set, Stroke, Together, Verdict
from glview.core.looks import to_text
from glview.core.mask import MaskSettings
from glview.core.stretch import Stretch
from glview.files.editlog import line_of
from glview.files.save import save_mask

WORDS = (
    "SIMPLE  =", "XTENSION=", "BITPIX  =", "NAXIS   =", "NAXIS1  =", "NAXIS2  =", "NAXIS3  =",
    "PCOUNT  =", "GCOUNT  =", "TFIELDS =", "TFORM1  =", "TTYPE1  =", "ZBITPIX =", "ZNAXIS  =",
    "ZNAXIS1 =", "ZTILE1  =", "ZCMPTYPE=", "ZQUANTIZ=", "ZBLANK  =", "ZSCALE  =", "THEAP   =",
    "BSCALE  =", "BZERO   =", "BLANK   =", "EXTNAME =", "INHERIT =", "END     ", "'IMAGE   '",
    "'BINTABLE'", "'RICE_1  '", "'GZIP_1  '", "'GZIP_2  '", "'PLIO_1  '", "'1PB(9)  '",
    "'1QB(9)  '", "-2147483648", "99999999999999999999", "1E308", "NaN", "T / ", "CONTINUE  '",
    "HIERARCH ", "CR_MASK", "CR_EDITS", "CREXT   =", "GLVSIDE =",
    '\\"stamp\\":[', '\\"place\\":', '\\"verdict\\":', '\\"together\\":', '\\"saved\\":', "INODE",
    '\\"look\\":\\"{', '\\\\\\"contrast\\\\\\":', '\\\\\\"kind\\\\\\":', '\\\\\\"user\\\\\\"',
    "architecture", "lacosmic", "data_offsets", "null", "1e999", "-1", "[[[[[[",
    "9223372036854775808",
)  # fmt: skip
LOG_SHAPE = (40, 600)  # of the picture that logs are read for
SKY = np.random.default_rng(0).normal(100, 5, (24, 30))


def seeds(name, folder):
    """Byte strings to begin with for a target; folder: for what has to be made there."""
    return {"edits": _logs, "journals": _plans, "models": _models}.get(name, _files)(folder)


def _files(folder):
    """Byte strings of files as other programs write them; folder: for those saved by glview."""
    sky = SKY
    real = sky.astype(np.float32)
    real[2, 3] = np.nan
    plain = [sky.astype(kind) for kind in ("u1", "i2", "u2", "i4", "f4", "f8")]
    found = [_bytes(fits.PrimaryHDU(one)) for one in (*plain, np.stack([sky, sky]))]
    for codec in ("RICE_1", "GZIP_1", "GZIP_2", "NOCOMPRESS"):
        found.append(_bytes(fits.CompImageHDU(plain[1], compression_type=codec)))
    dithered = {"compression_type": "RICE_1", "quantize_level": 16, "quantize_method": 2}
    found.append(_bytes(fits.CompImageHDU(real, dither_seed=5, **dithered)))
    found.append(_bytes(fits.CompImageHDU(real, compression_type="GZIP_2", quantize_level=0)))
    found.append(gzip.compress(found[0]))
    array, picture = io.BytesIO(), io.BytesIO()
    np.save(array, real)
    Image.fromarray(plain[0]).save(picture, "PNG")
    path = folder / "saved.fits"
    path.write_bytes(found[4])
    edits = np.zeros(real.shape, np.uint8)
    edits[1, 1], edits[2, 2] = 1, 2
    save_mask(path, real > 105, np.clip(real / 200, 0, 1), edits, {"model": "a", "threshold": 0.5})
    return [*found, array.getvalue(), picture.getvalue(), path.read_bytes()]


def _logs(folder):
    """Logs, whole and without their checksums."""
    drawn = Edits(LOG_SHAPE)
    strokes = [Stroke(drawn.draw((9 * k, 3), (9 * k, 300), 2, 1 + k % 2)) for k in range(3)]
    mask = [MaskSettings(), MaskSettings(0.3, 2, "disk")]
    step = Together((Set("mask", *mask), Verdict(((3, 4, "", "accepted"),)), strokes[2]))
    head = {"glview": 1, "path": "a.fits", "shape": list(LOG_SHAPE), "hdu": 0, "plane": 0,
            "stamp": [1, 2, 3]}
    entries = [head, {"line": strokes[:1], "place": 1}, {"at": 1, "step": strokes[1]},
               {"at": 1, "more": strokes[2]}, {"place": 1},
               {"saved": 3, "whole": True, "stamp": [1, 2, 4]}, {"at": 1, "step": step},
               {"at": 2, "step": Searched((0, 0, 40, 600))},
               {"at": 3, "step": Stroke(tuple(drawn.cleared()))},
               {"look": to_text(Stretch("asinh", "user", 300.0, 1500.0, colormap="heat"))},
               {"found": {"file": "x.conf", "covered": 0.5, "provenance": {"model": "a"}}}]
    lines = [line_of(entry) for entry in entries]
    bare = [line[9:] for line in lines]
    short = [bare[0] + line for line in bare[2:]]
    logs = [b"\0" + text for text in (b"".join(bare), b"".join(bare[:3]), *short)]
    return [b"\x80" + b"".join(lines), *logs]


def _plans(folder):
    """Plans of saves that never came to the file, and a whole journal."""
    size = len(USERS_FILE)
    plans = [{"stamp": [0, size, 1], "at": at, "end": size + more, "token": "0a" * 16,
              "header": "XTENSION".ljust(2880), "digest": "00" * 32}
             for at, more in ((size, 5760), (size - 2880, 2880), (2880, -2880))]
    texts = [json.dumps(plan).replace("[0,", "[INODE,").encode() for plan in plans]
    return [b"\x80" + texts[0] + struct.pack(">Q", len(texts[0])) + bytes(32),
            *(b"\0" + text for text in texts)]


def _models(folder):
    """Descriptions of models, and weights."""
    said = 'weights = "a.safetensors"\nunits = "counts"\nsky = "keep"\n'
    net = '[unet]\nblocks = [["a", 1, 2]]\nups = []\nhead = ["b", 2]\nnorm = "none"\n'
    header = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    return [f'architecture = "unet"\n{said}{net}'.encode(),
            f'architecture = "onnx"\n{said}halo = 4\nstride = 2\noutput = "logits"'.encode(),
            b'architecture = "lacosmic"\nthreshold = 0.5\n[lacosmic]\ngain = 2.0\nniter = 3\n',
            struct.pack("<Q", len(header)) + header + bytes(8)]


def _bytes(hdu):
    out = io.BytesIO()
    hdu.writeto(out)
    return out.getvalue()


USERS_FILE = _bytes(fits.PrimaryHDU(np.arange(1, 601, dtype=np.int16)))
"""A file that no save of glview's was ever near, with zeros behind its pixels."""
