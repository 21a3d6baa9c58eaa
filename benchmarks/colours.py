"""How well the colours of the default palette are told apart over stained tissue.

The bundled H&E image is taken apart into its two dyes and stained anew with the dyes of four other
stains (`skimage.color.combine_stains`). A line of the overlay covers its pixels in full in its
middle; at its rim, and where the view is zoomed out, a part of the tissue shines through: a line is
measured at `COVERAGE` of its own colour over each of the tissue's typical colours. Printed for each
colour are ΔE2000 to its own swatch (the largest over the tissue) and to the nearest other swatch
(the smallest), as seen by normal eyes and with the three colour-blindnesses (Machado, Oliveira and
Fernandes 2009, severity 1). A colour is true where the first is smaller than the second::

    python benchmarks/colours.py            # the table of docs/colours.md
    python benchmarks/colours.py --search   # how the palette was chosen
"""

from __future__ import annotations

import itertools
import sys

import numpy as np
from numpy.typing import NDArray
from skimage import color

from napari_vslp.core.tissues import PALETTE
from napari_vslp.demo import tumour_nest

Colours = NDArray[np.float64]

STAINS = {
    "H&E": color.rgb_from_hed,
    "haematoxylin, DAB": color.rgb_from_hdx,
    "haematoxylin, PAS": color.rgb_from_hpx,
    "Giemsa": color.rgb_from_bex,
    "Azan": color.rgb_from_bro,
}
VISIONS: dict[str, Colours] = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
COVERAGE = 0.85
_TYPICAL = 24  # colours of a stain
_CANDIDATES = (0, 51, 102, 153, 204, 255)
_FROM_TISSUE = 6.0  # ΔE2000 of a candidate to the nearest colour of tissue, at the least


def main() -> None:
    """Print the table, or search for a palette."""
    if "--search" in sys.argv:
        print(search())
        return
    print(table())


def table() -> str:
    """Return the table as Markdown."""
    palette = np.array(PALETTE, float)
    lines = ["| colour | " + " | ".join(VISIONS) + " | true |\n|---|" + "---|" * (len(VISIONS) + 1)]
    for index, colour in enumerate(PALETTE):
        cells, good = [], 0
        for vision, stain in itertools.product(VISIONS, STAINS):
            own, other = told_apart(palette, index, stain, vision)
            good += own < other
            if stain == "H&E":
                worst = [told_apart(palette, index, s, vision) for s in STAINS]
                cells.append(f"{max(o for o, _ in worst):.0f} / {min(n for _, n in worst):.0f}")
        name = "#" + "".join(f"{c:02x}" for c in colour)
        lines.append(f"| {index + 1} {name} | " + " | ".join(cells) + f" | {good} of 20 |")
    return "\n".join(lines)


def told_apart(palette: Colours, index: int, stain: str, vision: str) -> tuple[float, float]:
    """Return the largest ΔE2000 of a colour's line to its swatch, the smallest to another one."""
    lines = COVERAGE * palette[index] + (1 - COVERAGE) * tissue_colours(stain)
    seen, swatches = lab(lines, vision), lab(palette, vision)
    away = _away(seen[:, None], swatches[None])
    return float(away[:, index].max()), float(np.delete(away, index, axis=1).min())


def lab(colours: Colours, vision: str) -> Colours:
    """Return (n, 3) CIELAB of (n, 3) sRGB 0–255 as eyes of a kind see them."""
    srgb = colours / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ VISIONS[vision].T, 0, 1)
    back = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    return np.asarray(color.rgb2lab(back))


def _away(one: Colours, other: Colours) -> Colours:
    """Return ΔE2000 of CIELAB colours."""
    return np.asarray(color.deltaE_ciede2000(one, other))  # type: ignore[no-untyped-call]


_KNOWN: dict[str, Colours] = {}


def tissue_colours(stain: str) -> Colours:
    """Return typical colours of the bundled image in a stain, (n, 3) sRGB 0–255."""
    if stain not in _KNOWN:
        image = tumour_nest().image[::4, ::4]
        dyes = color.separate_stains(image, color.hed_from_rgb)
        dyes[..., 2] = 0 if stain != "Azan" else dyes[..., 0] / 2
        again = image / 255 if stain == "H&E" else color.combine_stains(dyes, STAINS[stain])
        pixels = 255 * again.reshape(-1, 3)
        order = np.argsort(pixels.sum(axis=1))
        groups = np.array_split(pixels[order], _TYPICAL)
        _KNOWN[stain] = np.array([np.median(group, axis=0) for group in groups])
    return _KNOWN[stain]


def search() -> list[tuple[int, ...]]:
    """Choose the palette: the smallest difference of any two colours, to any eyes, is the largest.

    Colours of tissue are no candidates. The grey of the background stays the last one. Random
    exchanges of one colour are kept while they help; then the colours are put into the order in
    which the first few are told apart best.
    """
    found = np.array(list(itertools.product(_CANDIDATES, repeat=3)), float)
    tissue = np.concatenate([tissue_colours(stain) for stain in STAINS])
    far = np.full(len(found), np.inf)
    for vision in VISIONS:
        away = _away(lab(found, vision)[:, None], lab(tissue, vision)[None])
        far = np.minimum(far, away.min(axis=1))
    found = np.concatenate([np.array([PALETTE[-1]], float), found[far >= _FROM_TISSUE]])
    apart = np.full((len(found), len(found)), np.inf)
    for vision in VISIONS:
        seen = lab(found, vision)
        apart = np.minimum(apart, _away(seen[:, None], seen[None]))
    np.fill_diagonal(apart, np.inf)
    draw = np.random.default_rng(0)
    best = max((_exchanged(apart, draw) for _ in range(40)), key=lambda one: _worst(apart, one))
    print(f"smallest difference {_worst(apart, best)[0]:.1f}")
    order = [0]
    while len(order) < len(best):
        left = [one for one in best if one not in order]
        order.append(max(left, key=lambda one: apart[one, order].min()))
    return [tuple(int(c) for c in found[one]) for one in (*order[1:], 0)]


def _worst(apart: Colours, chosen: list[int]) -> tuple[float, float]:
    within = apart[np.ix_(chosen, chosen)]
    return float(within.min()), float(np.sort(within.min(axis=1)).sum())


def _exchanged(apart: Colours, draw: np.random.Generator) -> list[int]:
    chosen = [0, *draw.choice(np.arange(1, len(apart)), len(PALETTE) - 1, replace=False).tolist()]
    for _ in range(3000):
        other = list(chosen)
        other[draw.integers(1, len(chosen))] = int(draw.integers(1, len(apart)))
        if len(set(other)) == len(other) and _worst(apart, other) >= _worst(apart, chosen):
            chosen = other
    return chosen


if __name__ == "__main__":
    main()
