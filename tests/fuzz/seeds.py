"""Sound small files to begin with, and words that headers are made of."""

import gzip
import io

import numpy as np
from astropy.io import fits
from PIL import Image

from glview.files.save import save_mask

WORDS = (
    "SIMPLE  =", "XTENSION=", "BITPIX  =", "NAXIS   =", "NAXIS1  =", "NAXIS2  =", "NAXIS3  =",
    "PCOUNT  =", "GCOUNT  =", "TFIELDS =", "TFORM1  =", "TTYPE1  =", "ZBITPIX =", "ZNAXIS  =",
    "ZNAXIS1 =", "ZTILE1  =", "ZCMPTYPE=", "ZQUANTIZ=", "ZBLANK  =", "ZSCALE  =", "THEAP   =",
    "BSCALE  =", "BZERO   =", "BLANK   =", "EXTNAME =", "INHERIT =", "END     ", "'IMAGE   '",
    "'BINTABLE'", "'RICE_1  '", "'GZIP_1  '", "'GZIP_2  '", "'PLIO_1  '", "'1PB(9)  '",
    "'1QB(9)  '", "-2147483648", "99999999999999999999", "1E308", "NaN", "T / ", "CONTINUE  '",
    "HIERARCH ", "CR_MASK", "CR_EDITS", "CREXT   =", "GLVSIDE =",
)  # fmt: skip


def seeds(folder):
    """Byte strings of files as other programs write them; folder: for those saved by glview."""
    sky = np.random.default_rng(0).normal(100, 5, (24, 30))
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


def _bytes(hdu):
    out = io.BytesIO()
    hdu.writeto(out)
    return out.getvalue()
