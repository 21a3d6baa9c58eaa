"""Lightning, imported so that it starts beside any build of torchvision."""

from __future__ import annotations

import logging
import warnings

from napari_vslp.encoders.torchvision_shim import import_timm

# Lightning imports torchvision by way of torchmetrics, and it has to be mended before.
import_timm()

from lightning.pytorch import Callback, LightningModule, Trainer  # noqa: E402
from lightning.pytorch.callbacks import Checkpoint as Saver  # noqa: E402
from lightning.pytorch.callbacks import EarlyStopping, WeightAveraging  # noqa: E402

__all__ = [
    "Callback",
    "EarlyStopping",
    "LightningModule",
    "Saver",
    "Trainer",
    "WeightAveraging",
    "hush",
]


def hush() -> None:
    """Keep Lightning's advice to its developers off the user's screen."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
