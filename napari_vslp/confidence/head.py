"""The word of a trained head: its probability of each tissue, shared where it knows no more."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from napari_vslp.confidence.contract import Context, Evidence, Need
from napari_vslp.confidence.names import WHITE, Meaning

# The head is believed up to these odds, so that a click can overrule it.
LEAST_ODDS = 1e-3


class Head:
    """The head's log-probabilities; a group of tissues of one meaning shares its probability."""

    name = "head"
    level: Literal["grid"] = "grid"
    needs: frozenset[Need] = frozenset()

    def active(self, context: Context) -> bool:
        """Return True: without a head, tissues of different meaning start alike."""
        return bool(context.tissues)

    def __call__(self, belief: Tensor, context: Context) -> Evidence:
        """Return log (p_meaning / number of tissues of that meaning), shape (V, K, h, w)."""
        head = context.embedding.head
        for meaning, group in context.groups.items():
            if context.head_tells and head is not None and meaning != WHITE:
                belief[:, group] = _log_head(head, meaning)[:, None]
            belief[:, group] -= torch.log(torch.tensor(float(len(group))))
        return Evidence(belief)


def _log_head(head: Tensor, meaning: Meaning) -> Tensor:
    if isinstance(meaning, int):
        return head[:, meaning].float().clamp_min(LEAST_ODDS).log()
    # A tissue that the head does not know is as likely anywhere as one class in K is on average.
    return torch.full_like(head[:, 0], 1 / head.shape[1], dtype=torch.float32).log()
