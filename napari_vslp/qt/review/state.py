"""How far looking one image's results over has come; it survives new results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari_vslp.core.progress import Progress
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.tissues import Click

if TYPE_CHECKING:
    from napari_vslp.review.overview import Overview
    from napari_vslp.review.regions import Region

Pixel = tuple[int, int]


@dataclass(frozen=True)
class _Known:
    """What is doubtful in the result of these labels."""

    labels: ref[Any]
    overview: Overview
    steps: tuple[Progress, ...]


@dataclass
class ReviewState:
    """Where the hand is in the list, and what it did there.

    Attributes
    ----------
    overview
        Of the full result that is shown or was shown last.
    steps
        Of the search that led to it.
    index
        The region selected, −1 for none.
    arrived
        Whether the camera was sent there; after a correction the next region is selected, but
        the view stays until the hand goes on.
    spot
        The place in question, in px of the whole image.
    locked
        Whether the place in question was answered: nothing more is said of it until the hand goes
        on to another place, or takes the answer back.
    looked_at
        Places in regions that were ticked off; regions change with each result, places do not.
    looked_over
        Regions that were ticked off, as they were: one that overlaps such a one counts as looked
        at, though it may have lost the very place.
    answered
        Places that were said to be a tissue, whether or not that was taken back since.
    """

    overview: Overview | None = None
    steps: tuple[Progress, ...] = ()
    index: int = -1
    arrived: bool = False
    spot: Pixel | None = None
    locked: bool = False
    looked_at: list[Pixel] = field(default_factory=list)
    looked_over: list[Region] = field(default_factory=list)
    answered: set[Pixel] = field(default_factory=set)
    _known: dict[int, _Known] = field(default_factory=dict, repr=False)

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
        return [self._is_looked_at(region) for region in self.regions]

    @property
    def outlined(self) -> Region | None:
        """The region selected, if the place in question lies in it: what is outlined is meant."""
        region = self.region
        return region if region is not None and self._means(region) else None

    def _means(self, region: Region) -> bool:
        return self.spot is None or (region.holds(self.spot) and not self.locked)

    def _is_looked_at(self, region: Region) -> bool:
        places = any(region.holds(place) for place in self.looked_at)
        return places or any(region.overlaps(one) for one in self.looked_over)

    def keep(self, result: Segmentation, overview: Overview, steps: tuple[Progress, ...]) -> None:
        """Remember what is doubtful in a result, for as long as anybody keeps its labels."""
        self._known = {key: one for key, one in self._known.items() if one.labels() is not None}
        self._known[id(result.labels)] = _Known(ref(result.labels), overview, steps)

    def turn_to(self, result: Segmentation) -> bool:
        """Look another result over; False if nothing is known of it, as of a passing one.

        The region selected stays so, or the one nearest to it. After a correction, which ranks
        all anew, the first one not yet looked at is the next.
        """
        known = self._known.get(id(result.labels))
        if known is None or known.labels() is not result.labels:
            return False
        if known.overview is self.overview:
            return True
        before = self.region
        self.overview, self.steps = known.overview, known.steps
        if before is None:
            self.index = -1
        elif self.arrived:
            self.index = _same(before, self.regions)
        else:
            self.index = next((i for i, done in enumerate(self.ticks()) if not done), -1)
        return True

    def clear(self) -> None:
        """Know that there is no result any more."""
        self.overview, self.steps, self.index, self.spot = None, (), -1, None
        self.locked = False

    def answer(self, place: Pixel) -> None:
        """Know that a place is said to be a tissue, and so is looked at."""
        self.answered.add(place)
        self.locked = True
        self._look_at(place)
        region = self.region
        if region is not None and region.holds(place):
            self.looked_over.append(region)

    def follow_answers(self, before: Sequence[Click], after: Sequence[Click]) -> None:
        """Follow answers that came, were taken back or came again: their places are looked at."""
        if before == after:
            return
        had, has = ({(c.row, c.column) for c in clicks} for clicks in (before, after))
        for place in self.answered & (had - has):
            self.spot, self.locked = place, False
            self.looked_at = [p for p in self.looked_at if p != place]
            self.looked_over = [one for one in self.looked_over if not one.holds(place)]
        for place in self.answered & (has - had):
            self._look_at(place)
            self.locked = self.locked or place == self.spot

    def _look_at(self, place: Pixel) -> None:
        if place not in self.looked_at:
            self.looked_at.append(place)

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
        self.looked_over = [one for one in self.looked_over if not region.overlaps(one)]
        if on:
            self.looked_at.append(region.point)
            self.looked_over.append(region)

    def leave_for_next(self) -> None:
        """Select the next region after a place was corrected; the view stays."""
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
