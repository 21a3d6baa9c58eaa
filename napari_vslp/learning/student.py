"""Stage two: a network learns from labels that stage one cut at each image's proportions."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from napari_vslp.learning.augment import hed_jitter, move, random_motions
from napari_vslp.learning.proportions import bag_cross_entropy, mean_proportions


@dataclass(frozen=True)
class StudentRecipe:
    """How a student is trained: all that changes its weights, but for the data."""

    epochs: int = 16
    batch: int = 16
    rate: float = 1e-3
    stem_share: float = 0.3
    weight_decay: float = 0.02
    warm_up: float = 0.1
    bag_share: float = 0.2
    decay: float = 0.99
    zoom: tuple[float, float] = (0.7, 1.4)
    mean: float = 0.498
    std: float = 0.502
    seed: int = 0


@dataclass(frozen=True)
class Bags:
    """Images with the labels cut at their proportions.

    Attributes
    ----------
    images
        Shape (N, 3, H, W), uint8, RGB.
    labels
        One-hot, shape (N, K, H/4, W/4), uint8.
    """

    images: Tensor
    labels: Tensor


def student_loss(logits: Tensor, labels: Tensor, bag_share: float) -> Tensor:
    """Return the mixture of the cross-entropy to the labels and that of the proportions.

    Parameters
    ----------
    logits : Tensor
        Shape (N, K, H, W).
    labels : Tensor
        Probabilities, shape (N, K, H, W), float32; their mean is the proportion of the view.
    bag_share : float
        Weight of the proportions, 0…1.

    Returns
    -------
    Tensor
        (1 − bag_share) · CE + bag_share · bag CE, a scalar.
    """
    reached = mean_proportions(logits.softmax(dim=1))
    bag = bag_cross_entropy(reached, labels.mean(dim=(2, 3)))
    return (1 - bag_share) * functional.cross_entropy(logits, labels) + bag_share * bag


class StudentTrainer:
    """Trains a student epoch by epoch, with a checkpoint after each.

    Parameters
    ----------
    network : torch.nn.Module
        Gives logits at stride 4 and has a child ``stem`` with pre-trained weights.
    bags : Bags
        The images with their pseudo-labels.
    recipe : StudentRecipe
        Rates and epochs.
    checkpoint : Path
        File to resume from and to write; made if missing.
    """

    def __init__(
        self, network: nn.Module, bags: Bags, recipe: StudentRecipe, checkpoint: Path
    ) -> None:
        self.network = network
        self.bags, self.recipe, self.checkpoint = bags, recipe, checkpoint
        # The running average is steadier than any single step, and smoother over noisy labels.
        self.average = AveragedModel(
            network, multi_avg_fn=get_ema_multi_avg_fn(recipe.decay), use_buffers=True
        )
        self.optimiser = _optimiser(network, recipe)
        self.epoch = 0
        self.seconds = 0.0
        self.steps = -(-len(bags.images) // recipe.batch)
        if checkpoint.exists():
            self._resume()

    def run(self, report: Callable[[int, float], None]) -> nn.Module:
        """Train the epochs that are left and return the averaged network.

        Parameters
        ----------
        report : callable
            Called after each epoch with its number and mean loss.

        Returns
        -------
        torch.nn.Module
            The averaged network in evaluation mode.
        """
        while self.epoch < self.recipe.epochs:
            start = time.monotonic()
            loss = self._train_epoch()
            self.epoch += 1
            self.seconds += time.monotonic() - start
            self._save()
            report(self.epoch, loss)
        averaged: nn.Module = self.average.module
        return averaged.eval()

    def _train_epoch(self) -> float:
        # Seeded by the epoch, so that a resumed run draws what an unbroken one would have.
        generator = torch.Generator().manual_seed(self.recipe.seed * 10_007 + self.epoch)
        order = torch.randperm(len(self.bags.images), generator=generator)
        self.network.train()
        losses = []
        for step, rows in enumerate(order.split(self.recipe.batch)):
            _set_rate(self.optimiser, self.recipe, self.epoch + step / self.steps)
            images, labels = self._views(rows, generator)
            with torch.autocast("cpu", torch.bfloat16):
                logits = self.network(images)
            loss = student_loss(logits.float(), labels, self.recipe.bag_share)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.average.update_parameters(self.network)
            losses.append(loss.item())
        return sum(losses) / len(losses)

    def _views(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        motions = random_motions(len(rows), generator, self.recipe.zoom)
        images = move(self.bags.images[rows].float() / 255, motions)
        images = (hed_jitter(images, generator) - self.recipe.mean) / self.recipe.std
        labels = move(self.bags.labels[rows].float(), motions)
        return images.contiguous(memory_format=torch.channels_last), labels

    def _state(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def _save(self) -> None:
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(self._state(), partial)
        partial.replace(self.checkpoint)

    def _resume(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True)
        self.epoch, self.seconds = state["epoch"], state["seconds"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])


def _optimiser(network: nn.Module, recipe: StudentRecipe) -> torch.optim.AdamW:
    """Give the pre-trained stem a smaller rate than what starts at random."""
    stem = [value for name, value in network.named_parameters() if name.startswith("stem.")]
    rest = [value for name, value in network.named_parameters() if not name.startswith("stem.")]
    groups = [{"params": stem, "share": recipe.stem_share}, {"params": rest, "share": 1.0}]
    return torch.optim.AdamW(groups, lr=recipe.rate, weight_decay=recipe.weight_decay)


def _set_rate(optimiser: torch.optim.Optimizer, recipe: StudentRecipe, epoch: float) -> None:
    """Warm up linearly, then fall along a cosine to nothing."""
    done = epoch / recipe.epochs
    fall = 0.5 * (1 + math.cos(math.pi * max(done - recipe.warm_up, 0.0) / (1 - recipe.warm_up)))
    for group in optimiser.param_groups:
        group["lr"] = recipe.rate * group["share"] * min(done / recipe.warm_up, fall)
