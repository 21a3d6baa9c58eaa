"""A cohort of three small crops of the bundled sample with made-up masks."""

import numpy as np
import pytest
from PIL import Image

from napari_vslp.demo import tumour_nest

from . import SIDE


@pytest.fixture(scope="session")
def cohort(tmp_path_factory):
    """Write three crops whose masks are half gland, gland alone and no gland; two cases."""
    folder = tmp_path_factory.mktemp("cohort")
    image = tumour_nest().image
    (folder / "masks").mkdir()
    lines = ["image,case,gland,mask"]
    for index, share in enumerate((0.5, 1.0, 0.0)):
        corner = 120 * index
        crop = image[corner : corner + SIDE, corner : corner + SIDE]
        Image.fromarray(crop).save(folder / f"{index}.png")
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[: int(share * SIDE)] = 255
        Image.fromarray(mask).save(folder / "masks" / f"m{index}.png")
        lines.append(f"{index}.png,case {index // 2},{share},m{index}.png")
    (folder / "table.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder
