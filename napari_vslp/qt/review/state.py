"""How far the audit of one image has come; it survives new results."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_vslp.core.progress import Progress
from napari_vslp.core.tissues import Click

if TYPE_CHECKING:
    from napari_vslp.review.overview import Overview
    from napari_vslp.review.regions import Region

Pixel = tuple[int, int]


@dataclass
class AuditState:
    """Where the hand is in the list, and what it did there.

    Attributes
    ----------
    overview
        Of the last full result.
    steps
        Of the search that led to it.
    index
        The region selected, −1 for none.
    arrived
        Whether the camera was sent there; after a correction the next region is selected, but
        the view stays until the hand goes on.
    spot
        The place in question, in px of the whole image.
    looked_at
        Places in regions that were ticked off; regions change with each result, places do not.
    answers
        The clicks set from here, each with those it replaced.
    """

    overview: Overview | None = None
    steps: tuple[Progress, ...] = ()
    index: int = -1
    arrived: bool = False
    spot: Pixel | None = None
    looked_at: list[Pixel] = field(default_factory=list)
    answers: list[tuple[Click, tuple[Click, ...]]] = field(default_factory=list)

    @property
    def regions(self) -> tuple[Region, ...]:
        """The doubtful regions, ranked."""
        return self.overview.regions if self.overview is not None else ()

    @property
    def region(self) -> Region | None:
        """The region selected."""
        return self.regions[self.index] if 0 <= self.index < len(self.regions) else None

    def ticks(self) -> list[bool]:
        """Return which regions were looked at."""
        return [any(region.holds(p) for p in self.looked_at) for region in self.regions]

    def take(self, overview: Overview, steps: tuple[Progress, ...]) -> None:
        """Take a new result over.

        The region selected stays so, or the one nearest to it. After a correction, which ranks
        all anew, the first one not yet looked at is the next.
        """
        before = self.region
        self.overview, self.steps = overview, steps
        if before is None:
            self.index = -1
        elif self.arrived:
            self.index = _same(before, self.regions)
        else:
            self.index = next((i for i, done in enumerate(self.ticks()) if not done), -1)

    def following(self) -> int:
        """Return the next region not yet looked at, from the top again after the last; or −1."""
        count, ticks = len(self.regions), self.ticks()
        if not self.arrived and 0 <= self.index < count and not ticks[self.index]:
            return self.index
        order = [(self.index + 1 + i) % count for i in range(count)]
        return next((i for i in order if not ticks[i]), -1)

    def preceding(self) -> int:
        """Return the region above the one selected, the last one after the first; or −1."""
        count = len(self.regions)
        return (max(self.index, 0) - 1) % count if count else -1

    def tick(self, on: bool) -> None:
        """Tick the selected region off, or take that back."""
        region = self.region
        if region is None:
            return
        self.looked_at = [p for p in self.looked_at if not region.holds(p)]
        if on:
            self.looked_at.append(region.point)

    def leave_for_next(self, corrected: Pixel) -> None:
        """Select the next region after a place was corrected; the view stays."""
        self.looked_at.append(corrected)
        after = self.following()
        if after >= 0:
            self.index = after
        self.arrived = False


def _same(before: Region, regions: tuple[Region, ...]) -> int:
    """Return the region that holds another's place, else the nearest one; −1 without any."""
    for index, region in enumerate(regions):
        if region.holds(before.point):
            return index
    away = [math.dist(before.point, region.point) for region in regions]
    return away.index(min(away)) if away else -1
