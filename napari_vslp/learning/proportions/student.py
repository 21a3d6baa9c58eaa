"""Stage two: a network learns from labels that were cut at each image's proportions."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from napari_vslp.learning.proportions.bags import BagImage
from napari_vslp.learning.proportions.labels import network_scores, one_hot
from napari_vslp.learning.proportions.learner import Recipe, StudentRecipe
from napari_vslp.learning.proportions.loop import LightningModule
from napari_vslp.learning.proportions.losses import (
    bag_cross_entropy,
    mean_proportions,
    nearest_within,
    transport_loss,
)
from napari_vslp.learning.proportions.model import Start
from napari_vslp.learning.proportions.views import hed_jitter, move, random_motions

_SMALLEST = 1e-6


def student_loss(logits: Tensor, labels: Tensor, bag_share: float) -> Tensor:
    """Return the mixture of the cross-entropy to the labels and that of the proportions.

    Parameters
    ----------
    logits : Tensor
        Shape (N, K, H, W).
    labels : Tensor
        Probabilities, shape (N, K, H, W), float32, zero where nothing is known; their mean is the
        proportion of the view.
    bag_share : float
        Weight of the proportions, 0…1.

    Returns
    -------
    Tensor
        (1 − bag_share) · CE + bag_share · bag CE, a scalar.
    """
    known = labels.sum(dim=1)
    pixels = -(labels * logits.log_softmax(dim=1)).sum() / known.sum().clamp_min(1)
    reached = mean_proportions(logits.softmax(dim=1), known)
    asked = labels.sum(dim=(2, 3)) / known.sum(dim=(1, 2)).clamp_min(_SMALLEST)[:, None]
    bag = bag_cross_entropy(reached, asked)
    return (1 - bag_share) * pixels + bag_share * bag


class Student(LightningModule):
    """A network that learns from patches with labels, watched by bags that it never sees.

    Parameters
    ----------
    start : Start
        The network with its normalisation.
    recipe : Recipe
        Rates and augmentation.
    steps : int
        Of the whole round; the learning rate falls to nothing at its end.
    held_out : tuple of BagImage
        Their typed shares judge the network without any mask.
    """

    def __init__(
        self, start: Start, recipe: Recipe, steps: int, held_out: tuple[BagImage, ...]
    ) -> None:
        super().__init__()
        self.network = start.network
        self._start, self._recipe, self._steps, self._held_out = start, recipe, steps, held_out

    def epoch_number(self) -> int:
        """Return how many epochs are behind it."""
        return int(self.current_epoch)

    @property
    def _rules(self) -> StudentRecipe:
        return self._recipe.student

    def train(self, mode: bool = True) -> Student:
        """Keep a frozen encoder as it is, its running means too."""
        super().train(mode)
        if self._recipe.frozen:
            for name, module in self.network.named_modules():
                if f"{name}.".startswith(self._start.pretrained):
                    module.eval()
        return self

    def on_train_start(self) -> None:
        """Set the mode of every layer: Lightning leaves them as they are."""
        self.train()

    def on_after_batch_transfer(self, batch: Any, _: int) -> Any:  # noqa: ANN401
        """Turn bytes into views: moved, stained anew, normalised; on the device."""
        if not self.training:
            return batch
        rules, seed = self._rules, self._recipe.seed
        draw = (self.global_step * 1_009 + self.global_rank) * 10_007 + seed
        generator = torch.Generator().manual_seed(draw)
        pixels, labels = batch
        motions = random_motions(len(pixels), generator, rules.zoom).to(pixels.device)
        images = hed_jitter(move(pixels.float() / 255, motions), generator)
        mean, std = (
            images.new_tensor(v)[:, None, None] for v in (self._start.mean, self._start.std)
        )
        images = ((images - mean) / std).contiguous(memory_format=torch.channels_last)
        tissues = self.network.arguments.tissues
        hot = torch.stack([one_hot(one, tissues) for one in labels.cpu()]).to(pixels.device)
        return images, move(hot, motions)

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """Return the loss of a batch of views."""
        images, labels = batch
        loss = student_loss(self.network(images).float(), labels, self._rules.bag_share)
        self.log("loss", loss.detach(), on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: Tensor, _: int) -> None:
        """Judge held-out bags by their typed shares alone."""
        for index in batch.tolist():
            bag = self._held_out[index]
            scores = network_scores(self.network, [bag], self._start, self.device, views=1)
            tissue = bag.tissue[None]
            reached = mean_proportions(scores.softmax(dim=1), tissue)
            bounds = (torch.from_numpy(bag.lower)[None], torch.from_numpy(bag.upper)[None])
            asked = nearest_within(reached, bounds)
            figures = {
                "held_out_loss": transport_loss(scores, asked, tissue),
                "area_error": 0.5 * (reached - asked).abs().sum(),
            }
            self.log_dict(figures, batch_size=1, on_epoch=True, sync_dist=True)

    def configure_optimizers(self) -> Any:  # noqa: ANN401
        """Give pre-trained layers a smaller rate, and let all rise and fall along a cosine."""
        groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
        for name, value in self.network.named_parameters():
            trained = name.startswith(self._start.pretrained)
            value.requires_grad_(not (trained and self._recipe.frozen))
            if value.requires_grad:
                groups[trained].append(value)
        rules = self._rules
        rates = {True: rules.rate * rules.stem_share, False: rules.rate}
        optimiser = torch.optim.AdamW(
            [{"params": some, "lr": rates[key]} for key, some in groups.items() if some],
            weight_decay=rules.weight_decay,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, self._rate)
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def _rate(self, step: int) -> float:
        """Warm up linearly, then fall along a cosine to nothing."""
        done, warm = (step + 1) / (self._steps + 1), self._rules.warm_up
        fall = 0.5 * (1 + math.cos(math.pi * max(done - warm, 0.0) / (1 - warm)))
        return min(done / warm, fall)
