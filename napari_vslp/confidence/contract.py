"""What a source of confidence is: something that has a word to say on which tissue is where.

Sources speak one after the other, in the order of `core.registries.SOURCES`. Each takes the belief
so far and returns the belief after its word. Those of the level ``"grid"`` speak in logits at
stride 4, for each augmented view; those of the level ``"image"`` in probabilities, pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_vslp.confidence.names import WHITE, Meaning, match_tissues
from napari_vslp.core.segmentation import EvidenceMap
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue
from napari_vslp.encoders.embedding import ImageEmbedding

if TYPE_CHECKING:
    from collections.abc import Sequence

Need = Literal["clicks", "proportions"]
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Context:
    """All that a source may look at.

    Attributes
    ----------
    image
        (H, W, 3) uint8 RGB: the region that is segmented.
    embedding
        What the encoder saw of it, in V views on an h × w grid at stride 4.
    tissues
        K of them.
    clicks
        By tissue id, in pixels of `image`.
    settings
        Options, the seed among them.
    kept
        What `once` remembers of this image from one call to the next.
    """

    image: NDArray[np.uint8]
    embedding: ImageEmbedding
    tissues: tuple[Tissue, ...]
    clicks: tuple[Click, ...] = ()
    settings: Settings = field(default_factory=Settings)
    kept: dict[str, Any] = field(default_factory=dict)

    def once(self, name: str, make: Callable[[], Kept]) -> Kept:
        """Return what depends on the image alone, made at the first call."""
        if name not in self.kept:
            self.kept[name] = make()
        kept: Kept = self.kept[name]
        return kept

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width h, w of the grid at stride 4."""
        shape = self.embedding.vectors.shape
        return int(shape[2]), int(shape[3])

    @cached_property
    def owners(self) -> Tensor:
        """Which tissue each click marks, shape (n,), int64."""
        place = {tissue.id: index for index, tissue in enumerate(self.tissues)}
        return torch.tensor([place[c.tissue] for c in self.clicks], dtype=torch.int64)

    @cached_property
    def groups(self) -> dict[Meaning, list[int]]:
        """Tissues that mean the same to head and pixel rule: meaning → their places."""
        names = [t.name for t in self.tissues]
        groups: dict[Meaning, list[int]] = {}
        for index, meaning in enumerate(match_tissues(names, self.embedding.head_tissues)):
            groups.setdefault(meaning, []).append(index)
        return groups

    @cached_property
    def unsplit(self) -> tuple[tuple[int, ...], ...]:
        """Groups of at least two tissues that neither meaning nor clicks tell apart."""
        clicked = set(self.owners.tolist())
        free = ([i for i in group if i not in clicked] for group in self.groups.values())
        return tuple(tuple(group) for group in free if len(group) > 1)

    @property
    def head_tells(self) -> bool:
        """Whether there is a head and it has more than one thing to say of these tissues."""
        meanings = [m for m in self.groups if m != WHITE]
        return self.embedding.head is not None and len(meanings) > 1

    @property
    def informed(self) -> bool:
        """Whether the head or the pixel rule tells any tissues apart."""
        return len(self.groups) > 1

    @property
    def told(self) -> bool:
        """Whether a trained head, with the pixel rule, tells all tissues apart."""
        return self.head_tells and all(len(group) == 1 for group in self.groups.values())

    @cached_property
    def is_white(self) -> Tensor:
        """Which tissues are white background, shape (K,), bool."""
        white = self.groups.get(WHITE, [])
        return torch.tensor([i in white for i in range(len(self.tissues))])


@dataclass(frozen=True)
class Evidence:
    """The word of one source.

    Attributes
    ----------
    belief
        After its word: (V, K, h, w) float32 logits on the grid, or (K, H, W) float32 in the
        simplex on the image.
    coarse, sharp
        Of a source on the grid that knows single pixels: its logits on the grid (K, h, w), which
        are taken out again before the grid is brought to full size, and those of the pixels
        (K, H, W), which then take their place.
    notes
        Sentences the user should read.
    maps
        Shown as layers and written as files, by name.
    """

    belief: Tensor
    coarse: Tensor | None = None
    sharp: Tensor | None = None
    notes: tuple[str, ...] = ()
    maps: Mapping[str, EvidenceMap] = field(default_factory=dict)


class ConfidenceSource(Protocol):
    """A source of confidence.

    A source with options of its own has a class ``Options``, a frozen dataclass of
    `core.options.option` fields; it finds them in ``context.settings.of(name, Options)``.

    Attributes
    ----------
    name
        In `core.registries.SOURCES`.
    level
        Where it speaks.
    needs
        What its word depends on beside image, names and settings: the cache key.
    """

    name: str
    level: Literal["grid", "image"]
    needs: frozenset[Need]

    def active(self, context: Context) -> bool:
        """Whether it has a word to say on these tissues, with these options."""

    def __call__(self, belief: Tensor, context: Context) -> Evidence:
        """Return the belief after its word."""


def depends_on(context: Context, sources: Sequence[ConfidenceSource]) -> tuple[object, ...]:
    """Return the cache key of what these sources say together, but for the proportions."""
    needs = frozenset().union(*(source.needs for source in sources))
    chosen = context.settings
    names = tuple((t.id, t.name) for t in context.tissues)
    clicks = context.clicks if "clicks" in needs else ()
    options = (chosen.seed, dict(chosen.extras))
    return names, tuple(source.name for source in sources), clicks, options
