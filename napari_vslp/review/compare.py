"""Two results of one image side by side: where they differ, and by how much each tissue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.errors import VslpError
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.tissues import PALETTE, Colour, same_spelling

# Pairs of tissues beyond this one are shown as one.
MOST_PAIRS = 12
OTHERS: Colour = (90, 90, 90)
Labels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labels of a whole image with the names of the tissues.

    Attributes
    ----------
    labels
        (H, W) uint8: 0 where nothing was segmented, i + 1 where `tissues[i]` is.
    tissues
        Names.
    pixel_size_um
        Height and width of a pixel (µm); None if unknown.
    """

    labels: Labels
    tissues: tuple[str, ...]
    pixel_size_um: tuple[float, float] | None = None

    @classmethod
    def of(cls, result: Segmentation) -> Labelled:
        """Return the labels of a result on its whole image."""
        top, left, bottom, right = result.region
        whole = np.zeros(result.image_shape, np.uint8)
        whole[top:bottom, left:right] = result.labels
        return cls(whole, tuple(t.name for t in result.tissues), result.pixel_size_um)


@dataclass(frozen=True)
class TissueAgreement:
    """How far two results agree on one tissue.

    Attributes
    ----------
    name
        Of the tissue.
    dice
        2|A ∩ B| / (|A| + |B|) in [0, 1] (Dice 1945); 1 if neither has it.
    shares
        Of the pixels that both segmented, in the first result and in the second.
    areas_mm2
        The same in mm²; None if the pixel size is unknown.
    """

    name: str
    dice: float
    shares: tuple[float, float]
    areas_mm2: tuple[float, float] | None


@dataclass(frozen=True)
class Pair:
    """Pixels that are one tissue in the first result and another in the second.

    Attributes
    ----------
    title
        “tumour → stroma”.
    colour
        In the picture of the difference.
    share
        Of the pixels that both results segmented.
    """

    title: str
    colour: Colour
    share: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    tissues
        In the order of the first result; those that only the second has follow.
    pairs
        The largest one first.
    difference
        (H, W) uint8: 0 where the results agree or one of them segmented nothing, i + 1 where
        they differ as `pairs[i]` says.
    compared
        (H, W) bool: where both results segmented something.
    differ
        Share of the compared pixels that differ, in [0, 1].
    """

    tissues: tuple[TissueAgreement, ...]
    pairs: tuple[Pair, ...]
    difference: Labels
    compared: NDArray[np.bool_]
    differ: float


def compare(one: Labelled, two: Labelled) -> Comparison:
    """Compare two results pixel by pixel where both segmented something.

    Tissues are the same if their names are, whatever their capitals.

    Raises
    ------
    VslpError
        If the images are of different sizes, or no pixel is segmented in both.
    """
    if one.labels.shape != two.labels.shape:
        sizes = " and of ".join("{1} × {0} px".format(*r.labels.shape) for r in (one, two))
        raise VslpError(f"The results are of images of {sizes}: compare results of one image.")
    both = (one.labels > 0) & (two.labels > 0)
    total = int(np.count_nonzero(both))
    if not total:
        raise VslpError("The two results have no pixel in common: compare results of one region.")
    names, place = _common(one.tissues, two.tissues)
    count = len(names)
    first = one.labels[both].astype(np.intp) - 1
    second = place[two.labels[both].astype(np.intp) - 1]
    table = np.bincount(first * count + second, minlength=count * count).reshape(count, count)
    size = one.pixel_size_um
    mm2 = None if size is None else size[0] * size[1] * 1e-6
    pairs, number = _pairs(table, names, total)
    difference = np.zeros(one.labels.shape, np.uint8)
    difference[both] = number[first, second]
    return Comparison(
        tuple(_agreement(table, k, name, total, mm2) for k, name in enumerate(names)),
        pairs,
        difference,
        both,
        1 - float(np.trace(table)) / total,
    )


def _common(
    first: Sequence[str], second: Sequence[str]
) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """Return all names, and the place among them of each tissue of the second result."""
    known = {same_spelling(name).casefold(): k for k, name in enumerate(first)}
    names, places = list(first), []
    for name in second:
        key = same_spelling(name).casefold()
        if key not in known:
            known[key] = len(names)
            names.append(name)
        places.append(known[key])
    return tuple(names), np.array(places, np.intp)


def _agreement(
    table: NDArray[np.integer], k: int, name: str, total: int, mm2: float | None
) -> TissueAgreement:
    a, b, both = int(table[k].sum()), int(table[:, k].sum()), int(table[k, k])
    dice = 2 * both / (a + b) if a + b else 1.0
    areas = None if mm2 is None else (a * mm2, b * mm2)
    return TissueAgreement(name, dice, (a / total, b / total), areas)


def _pairs(
    table: NDArray[np.integer], names: Sequence[str], total: int
) -> tuple[tuple[Pair, ...], Labels]:
    """Return the pairs that differ, and the number of each in a (K, K) table; 0 if none."""
    counts = table.copy()
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")
    order = order[: np.count_nonzero(counts)]
    number = np.zeros(counts.shape, np.uint8)
    pairs = []
    for rank, flat in enumerate(order[:MOST_PAIRS]):
        a, b = divmod(int(flat), len(names))
        number[a, b] = rank + 1
        colour = PALETTE[rank % len(PALETTE)]
        pairs.append(Pair(f"{names[a]} → {names[b]}", colour, int(counts[a, b]) / total))
    rest = order[MOST_PAIRS:]
    if rest.size:
        number.flat[rest] = MOST_PAIRS + 1
        pairs.append(Pair("others", OTHERS, int(counts.flat[rest].sum()) / total))
    return tuple(pairs), number
