"""Masks larger than the memory that may be used: written tile by tile from the disk."""

import tracemalloc

import numpy as np
import pytest
import tifffile

from napari_vslp.export.arrays.images import Mask, write_mask_tiff
from napari_vslp.export.arrays.ome_tiff import write_mask_ome
from napari_vslp.export.arrays.ome_zarr import write_mask_zarr
from napari_vslp.export.arrays.planes import Plane

SIDE = 8192
WRITERS = {
    "mask.tif": write_mask_tiff,
    "mask.ome.tif": write_mask_ome,
    "mask.ome.zarr": lambda mask, path: write_mask_zarr(mask, path, "0.4"),
}


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory):
    """Return a mask of 64 MiB that lies on the disk, in squares of 512 px."""
    path = tmp_path_factory.mktemp("large") / "labels.dat"
    labels = np.memmap(path, np.uint8, "w+", shape=(SIDE, SIDE))
    for row in range(0, SIDE, 512):
        labels[row : row + 512] = (np.arange(SIDE) // 512 + row // 512) % 4
    labels.flush()
    return np.memmap(path, np.uint8, "r", shape=(SIDE, SIDE))


@pytest.mark.parametrize("name", WRITERS)
def test_a_mask_is_not_held_in_memory(name, on_disk, tmp_path):
    if name.endswith("zarr"):
        pytest.importorskip("zarr", reason="the extra “export” is not installed")
    names, colours = {i: f"t{i}" for i in (1, 2, 3)}, {i: (i, i, i) for i in (1, 2, 3)}
    mask = Mask(Plane.whole(on_disk), names, colours, (0.5, 0.5))
    small = Mask(Plane.whole(np.ones((64, 64), np.uint8)), names, colours, (0.5, 0.5))
    WRITERS[name](small, tmp_path / f"small-{name}")  # what is imported does not count
    tracemalloc.start()
    WRITERS[name](mask, tmp_path / name)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 0.8 * on_disk.nbytes  # two bands of 16 MiB and compressed tiles
    if name.endswith("zarr"):
        import zarr

        found = zarr.open_array(tmp_path / name / "labels" / "tissues" / "0", mode="r")[:]
    else:
        found = tifffile.imread(tmp_path / name)
    assert np.array_equal(found, on_disk)
