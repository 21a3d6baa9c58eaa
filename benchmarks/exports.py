"""How long exports take, and how much memory: a mask of 20,000² px, outlines of 2,048² px.

python benchmarks/exports.py mask.tif|mask.ome.tif|mask.ome.zarr|tissues.geojson
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_vslp.export.annotations.polygons import components_of, outlines
from napari_vslp.export.arrays.images import Mask, write_mask_tiff
from napari_vslp.export.arrays.ome_tiff import write_mask_ome
from napari_vslp.export.arrays.ome_zarr import write_mask_zarr
from napari_vslp.export.arrays.planes import Plane

LARGE, TISSUES = 20_000, 4


def made(side: int) -> NDArray[np.uint8]:
    """Return labels (side, side) in blobs of four tissues."""
    rng = np.random.default_rng(0)
    fields = [gaussian_filter(rng.normal(size=(side, side)), 8) for _ in range(TISSUES)]
    return np.argmax(fields, axis=0).astype(np.uint8) + 1


def main(name: str) -> None:
    """Print seconds, and the most memory that the process ever had beyond what it began with."""
    block = made(2048)
    if name == "tissues.geojson":
        began = time.perf_counter()
        found = outlines(block, components_of(block))
        print(f"{len(found)} regions walked around in {time.perf_counter() - began:.2f} s")
        return
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        path = Path(folder) / "labels.dat"
        labels = np.memmap(path, np.uint8, "w+", shape=(LARGE, LARGE))
        for top in range(0, LARGE, 2048):
            row = np.tile(block[: LARGE - top], (1, -(-LARGE // 2048)))
            labels[top : top + 2048] = row[:, :LARGE]
        del labels
        whole = Plane(
            np.memmap(path, np.uint8, "r", shape=(LARGE, LARGE)),
            (0, 0, LARGE, LARGE),
            (LARGE, LARGE),
        )
        numbers = range(1, TISSUES + 1)
        mask = Mask(whole, {n: f"t{n}" for n in numbers}, {n: (n, n, n) for n in numbers}, None)
        began = time.perf_counter()
        if name == "mask.tif":
            write_mask_tiff(mask, Path(folder) / name)
        elif name == "mask.ome.tif":
            write_mask_ome(mask, Path(folder) / name)
        else:
            write_mask_zarr(mask, Path(folder) / name, "0.4")
        seconds = time.perf_counter() - began
    anonymous = Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = [one for one in anonymous.splitlines() if one.startswith("RssAnon")]
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{name}: {seconds:.1f} s; {line}; most, with the file's own pages: {most} MiB")


if __name__ == "__main__":
    main(sys.argv[1])
