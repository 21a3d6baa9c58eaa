"""Import timm also where torchvision's compiled operators do not fit the installed torch."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

_NMS_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
# A torch.library.Library withdraws its operators when it is collected, so it must live on.
_kept_alive: list[object] = []


def import_timm() -> ModuleType:
    """Return the module ``timm``, mending torchvision's missing operators where needed.

    timm imports torchvision, and PyPI's torchvision is built for a CUDA torch: beside a CPU torch
    its compiled operators do not load, and its import ends in ``RuntimeError: operator
    torchvision::nms does not exist``. Nothing here calls these operators, so declaring their
    schemas is enough.

    Returns
    -------
    ModuleType
        The imported ``timm``.

    Raises
    ------
    RuntimeError
        If torchvision fails for any other reason.
    """
    try:
        return importlib.import_module("timm")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    _declare_missing_operators()
    return importlib.import_module("timm")


def _declare_missing_operators() -> None:
    """Declare the schemas of ``nms`` and ``qnms`` and forget the half-imported modules."""
    import torch

    library: Any = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _NMS_SCHEMAS:
        library.define(schema)
    _kept_alive.append(library)
    for name in [name for name in sys.modules if name.split(".")[0] in {"torchvision", "timm"}]:
        del sys.modules[name]
