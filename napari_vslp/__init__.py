"""napari-vslp: from tissue proportions and a few clicks to a segmentation that explains itself."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_vslp.core.segmentation import Segmentation
    from napari_vslp.core.tissues import Click, Tissue
    from napari_vslp.pipeline import segment

# torch's threads would otherwise spin while they wait for each other: on a busy two-core machine
# one forward pass then takes 2 s instead of 0.13 s. Read once, when torch is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
__all__ = ["Click", "Segmentation", "Tissue", "__version__", "segment"]

_HOME = {
    "segment": "napari_vslp.pipeline",
    "Segmentation": "napari_vslp.core.segmentation",
    "Click": "napari_vslp.core.tissues",
    "Tissue": "napari_vslp.core.tissues",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    # Lazy, so that `napari-vslp --help` and opening the dock load neither torch nor numba.
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
