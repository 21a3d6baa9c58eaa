"""Small images and files for the tests of reading."""

import struct
import zlib

import numpy as np
import tifffile
from PIL import Image

from napari_vslp.raster.contract import open_raster

RGB = np.random.default_rng(0).integers(0, 256, (12, 17, 3), dtype=np.uint8)
RGB[0, 0], RGB[0, 1] = 0, 255
GREY = RGB[:, :, 0]
GREY3 = np.repeat(GREY[:, :, None], 3, 2)


def read(source, box=None):
    """Return pixels and notes."""
    raster = open_raster(source)
    return raster.read(box), raster.notes


def save_tiff(path, image=RGB, retagged=None, **options):
    """Write a TIFF; then overwrite tags by number, to say what the writer would not."""
    tifffile.imwrite(path, image, **{"photometric": "rgb", "metadata": None, **options})
    if retagged:
        with tifffile.TiffFile(path, mode="r+b") as file:
            for number, value in retagged.items():
                file.pages.first.tags[number].overwrite(value)
    return path


def save_png(path, image=RGB, **options):
    Image.fromarray(image).save(path, **options)
    return path


def packed(values, bits):
    """Rows of values of 1, 2 or 4 bits, as PNG and TIFF pack them."""
    each = ((values[..., None] >> np.arange(bits)[::-1]) & 1).reshape(len(values), -1)
    return np.packbits(each.astype(np.uint8), axis=1)


def save_few_bits(path, values, bits):
    """Write a grey PNG of 1, 2 or 4 bits a pixel."""

    def chunk(kind, data):
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, 0, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in packed(values, bits))
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    return path
