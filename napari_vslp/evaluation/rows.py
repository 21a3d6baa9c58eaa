"""The ways of using a model that are compared: what is typed, and how it is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.proportions import largest_remainder
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Tissue

Vector = NDArray[np.float64]
Typed = Literal["nothing", "own share", "noise", "tens"]
# The row that the report shows images of: what the window does with its defaults.
MAIN = "stage2_own_5"


@dataclass(frozen=True)
class Reading:
    """One pass of a network over an image, which several rows share.

    Attributes
    ----------
    upper_bound
        Whether its network is the supervised upper bound.
    augmentation
        Whether it sees all views and magnifications.
    """

    upper_bound: bool = False
    augmentation: bool = True

    @property
    def name(self) -> str:
        """How the report calls it."""
        views = "all views" if self.augmentation else "one view"
        return f"{'supervised upper bound' if self.upper_bound else 'network'}, {views}"

    def settings(self, base: Settings, upper_bound: str | None) -> Settings:
        """Return the settings to read an image with."""
        encoder = upper_bound if self.upper_bound and upper_bound is not None else base.encoder
        return replace(base, encoder=encoder, augmentation=self.augmentation)


@dataclass(frozen=True)
class Row:
    """One way of using a network.

    Attributes
    ----------
    key, name
        For files and for people.
    reading
        Whose confidences it starts from.
    typed
        What stands in the table of tissues; with nothing, the likeliest tissue is taken.
    noise
        Half-width of the uniform error on what is typed (points).
    tolerance
        Half-width of the interval around what is typed (points).
    trust
        How it is met.
    smooth
        Whether boundaries cost anything: stage 2 proper.
    """

    key: str
    name: str
    reading: Reading = Reading()
    typed: Typed = "own share"
    noise: int = 0
    tolerance: int = 5
    trust: str = "interval"
    smooth: bool = True

    def table(self, names: Sequence[str], own: Vector, seed: Sequence[int]) -> tuple[Tissue, ...]:
        """Return the table of tissues that is typed for one image.

        Parameters
        ----------
        names
            K names.
        own
            (K,) the image's own shares.
        seed
            Of the noise, such as the user's seed and the image's line.
        """
        if self.typed == "nothing":
            return tuple(Tissue(name) for name in names)
        typed = own
        if self.typed == "noise":
            typed = noisy(own, self.noise, seed)
        elif self.typed == "tens":
            typed = largest_remainder(own, 10) / 10
        width = 0.0 if self.trust == "measured" else self.tolerance / 100
        pairs = zip(names, typed.tolist(), strict=True)
        if self.typed == "own share":
            return tuple(Tissue(name, share, width) for name, share in pairs)
        return tuple(_guessed(name, share, width) for name, share in pairs)

    def settings(self, base: Settings) -> Settings:
        """Return the settings of stage 2."""
        return replace(base, trust=self.trust, smoothness=base.smoothness if self.smooth else 0.0)


_ONE_VIEW, _UPPER_BOUND = Reading(augmentation=False), Reading(upper_bound=True)

ROWS: tuple[Row, ...] = (
    Row("network_one_view", "network alone, one view", _ONE_VIEW, "nothing"),
    Row("network_all_views", "network alone, all views", typed="nothing"),
    Row("cut_own", "own share, no stage 2", trust="measured", smooth=False),
    Row("stage2_own_exact", "own share met exactly, stage 2", trust="measured"),
    Row(MAIN, "own share ±5, stage 2"),
    Row("stage2_noise5_5", "share off by up to 5, ±5, stage 2", typed="noise", noise=5),
    Row(
        "stage2_noise10_10",
        "share off by up to 10, ±10, stage 2",
        typed="noise",
        noise=10,
        tolerance=10,
    ),
    Row(
        "stage2_noise10_exact",
        "share off by up to 10, met exactly, stage 2",
        typed="noise",
        noise=10,
        trust="measured",
    ),
    Row("stage2_tens_5", "share rounded to tens, ±5, stage 2", typed="tens"),
)
UPPER_BOUND_ROWS: tuple[Row, ...] = (
    Row(
        "upper_bound_all_views",
        "supervised upper bound alone, all views",
        _UPPER_BOUND,
        "nothing",
    ),
    Row("upper_bound_stage2_own_5", "supervised upper bound, own share ±5, stage 2", _UPPER_BOUND),
)


def _guessed(name: str, share: float, width: float) -> Tissue:
    """Return a tissue whose typed 0 is a guess too, and does not mean that it is absent."""
    low, high = max(0.0, share - width), min(1.0, share + width)
    return Tissue(name, (low + high) / 2, (high - low) / 2)


def noisy(own: Vector, points: int, seed: Sequence[int]) -> Vector:
    """Return shares as someone types them who is off by up to so many points.

    Uniform errors in ±points are added, what falls below 0 is 0, and all are divided by their
    sum. Of two tissues one number is typed and the other is the rest, so that both err alike.

    Parameters
    ----------
    own
        (K,) summing to 1.
    """
    error = np.random.default_rng(seed).uniform(-points / 100, points / 100, len(own))
    if len(own) == 2:
        error[0] = -error[1]
    raised = np.maximum(own + error, 0)
    typed: Vector = raised / raised.sum()
    return typed
