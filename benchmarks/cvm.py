"""Clicks by contrast (CVM): its speed beside operator splitting, and its accuracy beside others.

    python benchmarks/cvm.py                                       # speed
    python benchmarks/cvm.py --accuracy --data ../shared/data      # mean IoU after 2 and 5 clicks
    python benchmarks/cvm.py --tune --data ../shared/data          # constants, on other images

Speed: one convex problem a click on 256², c₁, c₂ and β the same for all, solved by ours and by
additive operator splitting as the paper describes it (`benchmarks/cvm_peers.py`). Accuracy: clicks
drawn from masks with a seed; the confidences' most likely tissue, without typed shares and without
stage 2. Constants are tuned on EBHI-Seg's training images and every second lung image alone.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cvm_peers import Places, Splitting, random_forest, walker
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from napari_vslp.confidence import contrast
from napari_vslp.confidence.compose import confidence_of
from napari_vslp.confidence.contract import Context
from napari_vslp.confidence.contrast_maps import (
    ContrastOptions,
    chan_vese,
    contrast_of_click,
    difference,
    edge_weight,
    two_means,
)
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue
from napari_vslp.demo import tumour_nest
from napari_vslp.encoders.embedding import ImageEmbedding, compute_embedding
from napari_vslp.encoders.encoder import load_encoder
from napari_vslp.energy.binary_batch import solve_batch

Labels = NDArray[np.intp]
LUNG = ("tumour", "stroma", "normal", "white background")
COLON = ("other", "gland")
LEAST_SHARE = 0.01
GRID: dict[str, tuple[Any, ...]] = {
    "eta": (0.0, 0.3, 0.6, 0.8, 1.0),
    "full": (0.05, 0.1, 0.2, 1.0),
    "edges": (0.0, 1.0, 10.0, 100.0),
    "smoothness": (0.03, 0.1, 0.3),
    "clear": (0.3, 0.8),
    "levels": ("fixed", "alternated"),
}
SCALES = (3.0, 8.0, 12.0)
# Larger lung images would take most of the time.
MOST_PIXELS = 160_000


@dataclass(frozen=True)
class Case:
    """An image as the encoder saw it, and the truth: (H, W) positions of its tissues, or −1."""

    image: NDArray[np.uint8]
    truth: Labels
    names: tuple[str, ...]
    features: ImageEmbedding
    kept: dict[str, Any] = field(default_factory=dict)

    def clicks(self, each: int, seed: int) -> list[tuple[int, int, int]]:
        """Return `each` random clicks a tissue: its position, row and column (px)."""
        rng, found = np.random.default_rng(seed), []
        for tissue in range(len(self.names)):
            places = np.argwhere(self.truth == tissue)
            chosen = places[rng.choice(len(places), each, replace=False)]
            found += [(tissue, int(row), int(column)) for row, column in chosen]
        return found

    def by_clicks(self, clicks: Places, known: bool, settings: Settings) -> Labels:
        """Return the most likely tissue after some clicks, named as the head knows them or not."""
        names = self.names if known else "ABCD"[: len(self.names)]
        tissues = tuple(Tissue(name) for name in names)
        given = tuple(Click(tissues[t].id, row, column) for t, row, column in clicks)
        asked = Context(self.image, self.features, tissues, given, settings, self.kept)
        return np.asarray(confidence_of(asked).mean.argmax(0))

    def miou(self, labels: Labels) -> float:
        """Return the mean IoU over the tissues, of the pixels that belong to one."""
        inside, overlaps = self.truth >= 0, []
        for tissue in range(len(self.names)):
            ours, theirs = (labels == tissue) & inside, self.truth == tissue
            overlaps.append((ours & theirs).sum() / max(1, (ours | theirs).sum()))
        return float(np.mean(overlaps))


def read_cases(data: Path, name: str, most: int) -> list[Case]:
    """Return up to `most` images, encoded in all views.

    Parameters
    ----------
    name
        ``"lung even"`` or ``"lung odd"``, every second image; ``"colon val"``, ``"colon train"``.
    """
    kind, part = name.split()
    lung = kind == "lung"
    files = _lung(data)[part == "odd" :: 2] if lung else _colon(data, part)
    classes, encoder = LUNG if lung else COLON, load_encoder("bundled")
    cases: list[Case] = []
    for paths in files:
        if len(cases) == most:
            break
        image, mask = (np.asarray(Image.open(path)) for path in paths)
        if mask.size > MOST_PIXELS:
            continue
        present = [k for k in range(len(classes)) if (mask == k).mean() >= LEAST_SHARE]
        if len(present) < 2:
            continue
        truth = np.full(mask.shape, -1, np.intp)
        for position, k in enumerate(present):
            truth[mask == k] = position
        pixels = np.ascontiguousarray(image[..., :3])
        names = tuple(classes[k] for k in present)
        cases.append(Case(pixels, truth, names, compute_embedding(pixels, encoder)))
    return cases


def _lung(data: Path) -> list[tuple[Path, Path]]:
    folder = data / "wsss4luad"
    return [(path, folder / "masks" / path.name) for path in sorted((folder / "images").iterdir())]


def _colon(data: Path, split: str) -> list[tuple[Path, Path]]:
    folder = data / "ebhi_seg"
    with (folder / "index.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    rows = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    return [(folder / "images" / row["image"], folder / "masks" / row["mask"]) for row in rows]


def said(say: str, options: ContrastOptions | None = None) -> Settings:
    """Return the settings under which clicks say nearness or contrast."""
    extras = {} if options is None else {"contrast": options}
    return Settings(clicks_say=say, extras=extras)  # type: ignore[arg-type]


def accuracy(data: Path, most: int, seeds: Sequence[int]) -> None:
    """Print the mean IoU of every way to use the same clicks, on images that tuned nothing."""
    print("| images | clicks | nearness | contrast | random walker | random forest |")
    print("|---|---|---|---|---|---|")
    for name in ("lung odd", "colon val"):
        cases = read_cases(data, name, most)
        for known, each in itertools.product((False, True), (2, 5)):
            ways: list[Way] = [
                partial(Case.by_clicks, known=known, settings=said(say))
                for say in ("nearness", "contrast")
            ]
            if not known:
                ways += [lambda c, k: walker(c.image, k), lambda c, k: random_forest(c.image, k)]
            cells = [_shown(cases, way, each, seeds) for way in ways] + ["–"] * 2
            title = f"{name}, {'names that the head knows' if known else 'tissues A–D'}"
            print(f"| {title} ({len(cases)}) | {each} | {' | '.join(cells[:4])} |", flush=True)


Way = Callable[[Case, Places], Labels]


def _shown(cases: Sequence[Case], way: Way, each: int, seeds: Sequence[int]) -> str:
    found = [c.miou(way(c, c.clicks(each, seed))) for c in cases for seed in seeds]
    return f"{np.mean(found):.3f}"


def tune(data: Path, most: int) -> None:
    """Improve one constant after the other until none helps."""
    cases = read_cases(data, "colon train", most) + read_cases(data, "lung even", most)

    def score(options: ContrastOptions, scale: float) -> float:
        contrast.SCALE = scale
        found = [
            case.miou(case.by_clicks(case.clicks(each, 7), False, said("contrast", options)))
            for case, each in itertools.product(cases, (2, 5))
        ]
        return float(np.mean(found))

    options, scale = ContrastOptions(), contrast.SCALE
    best, before = score(options, scale), 0.0
    while best > before:
        before = best
        for name, values in GRID.items():
            for value in values:
                tried = score(replace(options, **{name: value}), scale)
                print(f"{tried:.4f} {name} = {value}", flush=True)
                if tried > best:
                    best, options = tried, replace(options, **{name: value})
        for value in SCALES:
            if (tried := score(options, value)) > best:
                best, scale = tried, value
        print(f"{best:.4f} {options} scale {scale}", flush=True)


def speed(options: ContrastOptions) -> None:
    """Print time and energy of ours and of operator splitting on the same three problems."""
    z, similar = three_clicks(options)
    radius = edge_weight(z, options.edges, options.blur) * np.float32(options.smoothness / 2)
    d = difference(z, *two_means(z, z > 0.5))
    solve_batch(d, radius)
    print(f"256², three clicks, {options}")
    print("| method | iterations | s | energy | energy of u > ½ |\n|---|---|---|---|---|")
    for tolerance in (3e-3, 1e-4):
        began = time.perf_counter()
        found = solve_batch(d, radius, tolerance=tolerance, max_iterations=5000)
        took = time.perf_counter() - began
        cut = Splitting.energy(d, radius, found.u > 0.5)
        energy = found.energy.sum()
        name, most = f"ours to {tolerance:g}", found.iterations.max()
        print(f"| {name} | {most} | {took:.3f} | {energy:.2f} | {cut:.2f} |")
    for solver, rounds in (("banded", (5, 30, 300)), ("spsolve", (5, 30))):
        for most in rounds:
            splitting = Splitting(d, radius)
            began = time.perf_counter()
            done = splitting.run(solver, most)
            took = time.perf_counter() - began
            energy, cut = (splitting.energy(d, radius, u) for u in (splitting.u, splitting.u > 0.5))
            print(f"| {solver} | {done} | {took:.3f} | {energy:.2f} | {cut:.2f} |", flush=True)
    began = time.perf_counter()
    own, others = similar[:3], list(similar[3:])
    flat = [contrast_of_click(s, others, int(s.argmax()), options) for s in own]
    chan_vese(np.stack(flat).reshape(z.shape), options)
    print(f"ours with contrast maps and edge weights: {time.perf_counter() - began:.3f} s")


def three_clicks(options: ContrastOptions) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return z of three clicks in tumour, (3, 256, 256), and S of three pairs, (6, 65536)."""
    image = np.ascontiguousarray(tumour_nest().image[:256, :256])
    features = compute_embedding(image, load_encoder("bundled"))
    full = functional.interpolate(features.vectors.float(), size=(256, 256), mode="bilinear")
    vectors = functional.normalize(full.mean(0, keepdim=True), dim=1)
    cells = [
        r * 256 + c for r, c in ((60, 60), (90, 200), (200, 120), (10, 10), (128, 20), (240, 240))
    ]
    similar = np.stack(contrast.similarity(vectors, cells))
    z = [contrast_of_click(similar[i], list(similar[3:]), cells[i], options) for i in range(3)]
    return np.stack(z).reshape(3, 256, 256), similar


def growth() -> None:
    """Print the time of 1 (and its opposite), 5 and 20 clicks at 512², and of one more."""
    torch.manual_seed(0)
    low = functional.interpolate(torch.randn(8, 32, 10, 10), size=(128, 128), mode="bicubic")
    vectors = functional.normalize(low + 0.3 * torch.randn(8, 32, 128, 128), dim=1).half()
    features = ImageEmbedding(
        vectors, None, np.zeros((512, 512), np.float16), (512, 512), (), "made"
    )
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (512, 512, 3), dtype=np.uint8)
    case = Case(image, np.zeros((512, 512), np.intp), ("A", "B"), features)
    places = [(i % 2, int(r), int(c)) for i, (r, c) in enumerate(rng.integers(0, 512, (42, 2)))]

    def seconds(case: Case, count: int) -> float:
        began = time.perf_counter()
        case.by_clicks(places[:count], False, said("contrast"))
        return time.perf_counter() - began

    seconds(case, 3)
    print("512², eight views, two tissues:\n| clicks a tissue | s | one more, s |\n|---|---|---|")
    for each in (1, 5, 20):
        runs = []
        for _ in range(3):
            fresh = replace(case, kept={"colours": case.kept["colours"]})
            runs.append((seconds(fresh, 2 * each), seconds(fresh, 2 * each + 1)))
        all_at_once, one_more = np.median(runs, axis=0)
        print(f"| {each} | {all_at_once:.3f} | {one_more:.3f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--images", type=int, default=40, help="of each data set, at most")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--accuracy", action="store_true")
    parser.add_argument("--tune", action="store_true")
    chosen = parser.parse_args()
    if chosen.tune:
        tune(chosen.data, chosen.images)
    elif chosen.accuracy:
        accuracy(chosen.data, chosen.images, range(chosen.seeds))
    else:
        speed(ContrastOptions())
        speed(ContrastOptions(full=1.0, smoothness=0.5))
        growth()


if __name__ == "__main__":
    main()
