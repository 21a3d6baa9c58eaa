"""What napari offers under File › Open Sample."""

from __future__ import annotations

from typing import Any

LayerData = tuple[Any, dict[str, Any], str]


def tumour_nest() -> list[LayerData]:
    """Return the bundled H&E sample as an image layer."""
    from napari_vslp import demo

    sample = demo.tumour_nest()
    return [(sample.image, {"name": sample.title, "rgb": True}, "image")]


def ihc_colon() -> list[LayerData]:
    """Return scikit-image's immunohistochemistry of a colon as an image layer."""
    from skimage.data import immunohistochemistry

    options = {"name": "IHC: colon (scikit-image)", "rgb": True}
    return [(immunohistochemistry(), options, "image")]
