"""Writing a segmentation as pictures, maps and numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_vslp.core.atomic import staged
from napari_vslp.core.errors import VslpError
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.export.overlay import draw_overlay
from napari_vslp.export.summary import summary

LEARNED = "learned.tif"
_UM_PER_CM = 10_000.0
_UM_PER_INCH = 25_400.0


def write_result(result: Segmentation, image: NDArray[np.uint8], folder: str | Path) -> list[Path]:
    """Write all files of a result, or none of them.

    Parameters
    ----------
    result
        What `napari_vslp.segment` returned.
    image
        (h, w, 3) uint8, the region that was segmented.
    folder
        Is made if it does not exist; files of an earlier result in it are replaced.

    Returns
    -------
    list of Path
        ``mask.tif`` (indices: 0 nothing, i + 1 the tissue i), ``mask.png`` (the same with
        colours), ``overlay.png``, ``fidelity.tif`` and ``regularisation.tif`` (float32, nats a
        pixel), with a learned regulariser ``learned.tif`` (likewise), ``summary.json``. The
        overlay shows the region; masks and maps are as large as the whole image and 0 outside
        the region.

    Raises
    ------
    VslpError
        If the image is not the one segmented or the folder cannot be written.
    """
    if image.shape != (*result.labels.shape, 3):
        raise VslpError("The image to draw on is not the one that was segmented.")
    if not str(folder).strip():
        raise VslpError("The folder to write to has no name: name one, or “.” for the current one.")
    folder = Path(folder)
    with staged(folder, stale=[LEARNED]) as stage:
        _write_mask(result, stage)
        draw_overlay(result, image).save(stage / "overlay.png")
        _write_map(result, result.fidelity_map, stage / "fidelity.tif")
        _write_map(result, result.regularisation_map, stage / "regularisation.tif")
        if result.learned_map is not None:
            _write_map(result, result.learned_map, stage / LEARNED)
        text = json.dumps(summary(result), indent=2, ensure_ascii=False, allow_nan=False)
        (stage / "summary.json").write_text(text + "\n", encoding="utf-8")
        names = sorted(path.name for path in stage.iterdir())
    return [folder / name for name in names]


def _whole(result: Segmentation, part: NDArray[Any]) -> NDArray[Any]:
    top, left, bottom, right = result.region
    whole = np.zeros(result.image_shape, part.dtype)
    whole[top:bottom, left:right] = part
    return whole


def _palette(result: Segmentation) -> NDArray[np.uint8]:
    colours = np.zeros((256, 3), np.uint8)
    for index, tissue in enumerate(result.tissues):
        colours[index + 1] = tissue.colour
    return colours


def _write_mask(result: Segmentation, stage: Path) -> None:
    mask = _whole(result, result.labels)
    colours = _palette(result)
    tissues = {index + 1: tissue.name for index, tissue in enumerate(result.tissues)}
    tifffile.imwrite(
        stage / "mask.tif",
        mask,
        photometric="palette",
        # TIFF writes colours with 16 bits: 257 takes 255 to 65535.
        colormap=colours.T.astype(np.uint16) * 257,
        description=json.dumps({"tissues": tissues}),
        **_tiff_options(result),
    )
    picture = Image.frombytes("P", (mask.shape[1], mask.shape[0]), mask.tobytes())
    picture.putpalette(colours.tobytes())
    picture.save(stage / "mask.png", transparency=0, **_png_options(result))


def _write_map(result: Segmentation, values: NDArray[np.float32], path: Path) -> None:
    tifffile.imwrite(
        path,
        _whole(result, values),
        photometric="minisblack",
        description="nats per pixel",
        **_tiff_options(result),
    )


def _tiff_options(result: Segmentation) -> dict[str, Any]:
    options: dict[str, Any] = {
        "compression": "zlib",
        "metadata": None,
        "software": f"napari-vslp {result.versions.get('napari-vslp', '')}".strip(),
    }
    if result.pixel_size_um is not None:
        height, width = result.pixel_size_um
        options["resolution"] = (_UM_PER_CM / width, _UM_PER_CM / height)
        options["resolutionunit"] = "CENTIMETER"
    return options


def _png_options(result: Segmentation) -> dict[str, Any]:
    if result.pixel_size_um is None:
        return {}
    height, width = result.pixel_size_um
    return {"dpi": (_UM_PER_INCH / width, _UM_PER_INCH / height)}
