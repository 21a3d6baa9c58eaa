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

from napari_vslp.core.inputs import ImageReference, Inputs
from napari_vslp.core.segmentation import Segmentation, TermMap
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Tissue, coloured
from napari_vslp.export.annotations.polygons import components_of
from napari_vslp.export.arrays.images import Mask, write_mask_tiff
from napari_vslp.export.arrays.ome_tiff import write_mask_ome
from napari_vslp.export.arrays.ome_zarr import write_mask_zarr
from napari_vslp.export.arrays.planes import Plane
from napari_vslp.export.results import write_file

LARGE, TISSUES = 20_000, 4
LARGE_MASKS = ("mask.tif", "mask.ome.tif", "mask.ome.zarr")


def made(side: int) -> NDArray[np.uint8]:
    """Return labels (side, side) in blobs of four tissues."""
    rng = np.random.default_rng(0)
    fields = [gaussian_filter(rng.normal(size=(side, side)), 8) for _ in range(TISSUES)]
    labels: NDArray[np.uint8] = (np.argmax(fields, axis=0) + 1).astype(np.uint8)
    return labels


def result_of(labels: NDArray[np.uint8]) -> Segmentation:
    """Return labels as a result with maps of made-up numbers."""
    shape = (labels.shape[0], labels.shape[1])
    tissues = tuple(coloured([Tissue(f"t{i}", 0.25, 0.1) for i in range(TISSUES)]))
    values = np.random.default_rng(0).random(shape).astype(np.float32)
    terms = {name: TermMap.of(values, f"doubt: {name}") for name in ("numbers", "boundary")}
    return Segmentation(
        inputs=Inputs(ImageReference("a", "", "0", shape, 0, (0.5, 0.5)), tissues),
        tissues=tissues,
        labels=labels,
        confidence=np.broadcast_to(values, (TISSUES, *shape)),
        spread=values,
        terms=terms,
        margin=values,
        gap_map=values,
        prices=np.zeros(TISSUES),
        objective=1.0,
        bound=1.0,
        gap=0.0,
        shares=np.full(TISSUES, 0.25),
        iterations=1,
        seconds=1.0,
        region=(0, 0, *shape),
        image_shape=shape,
        settings=Settings(),
    )


def main(name: str) -> None:
    """Print seconds, and the most memory that the process ever had beyond what it began with."""
    block = made(2048)
    if name not in LARGE_MASKS:
        with tempfile.TemporaryDirectory() as folder:
            no_image = np.zeros((*block.shape, 3), np.uint8)
            began, began_cpu = time.perf_counter(), time.process_time()
            write_file(name, result_of(block), no_image, Path(folder) / name)
            seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
        regions = int(components_of(block).max())
        print(f"{name}: {regions} regions, {seconds:.2f} s, {cpu:.2f} s of the processor")
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
