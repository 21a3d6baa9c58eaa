"""Measure stage 1 alone: mean IoU of the confidence's argmax after a few clicks from the masks.

    python benchmarks/clicks.py --data ../shared/data

The masks of WSSS4LUAD and EBHI-Seg stand for the pathologist: random clicks are drawn from them
with a fixed seed, corrective ones go to the middle of the largest error. The constants of
`ClickKernel` were chosen with ``--tune``, which tries them on every second image, for all images
alike; figures without it are those of the other half.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt, label

from napari_vslp.confidence.clicks import KERNEL, ClickKernel, ClickOptions
from napari_vslp.confidence.colours import Colours, colours_of
from napari_vslp.confidence.compose import Confidence, confidence_of
from napari_vslp.confidence.contract import Context
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue
from napari_vslp.encoders.embedding import ImageEmbedding, compute_embedding
from napari_vslp.encoders.encoder import load_encoder

LUNG = ("tumour", "stroma", "normal", "white background")
COLON = ("other", "gland")
LEAST_SHARE = 0.01
GRID = {
    "sharpness": (1.0, 1.5, 2.0, 3.0, 4.0, 8.0),
    "reach": (24.0, 32.0, 48.0, 96.0, 192.0),
    "floor": (0.1, 0.3, 0.5, 0.7, 1.0),
    "margin": (2.0, 4.0, 6.0, 9.0),
    "ridge": (0.01, 0.03, 0.1, 0.3),
}


@dataclass(frozen=True)
class Case:
    """An image as the encoder saw it, and the truth: (H, W) indices of its tissues."""

    image: NDArray[np.uint8]
    truth: NDArray[np.intp]
    tissues: tuple[Tissue, ...]
    features: ImageEmbedding
    colours: Colours | None

    def confidence(
        self, features: ImageEmbedding, clicks: Sequence[Click], kernel: ClickKernel | None
    ) -> Confidence:
        """Return what stage 1 says after some clicks."""
        settings = Settings(
            colours=self.colours is not None, extras={"clicks": ClickOptions(kernel)}
        )
        kept = {} if self.colours is None else {"colours": self.colours}
        return confidence_of(
            Context(self.image, features, self.tissues, tuple(clicks), settings, kept)
        )


def read_cases(chosen: argparse.Namespace, name: str) -> list[Case]:
    """Return a seeded subset of one data set, encoded."""
    files = _lung(chosen.data) if name == "wsss4luad" else _colon(chosen.data)
    order = np.random.default_rng(chosen.seed).permutation(len(files))[: chosen.images]
    encoder = load_encoder("bundled")
    classes = LUNG if name == "wsss4luad" else COLON
    cases = []
    for index in order:
        image, mask = (np.asarray(Image.open(path)) for path in files[index])
        image = np.ascontiguousarray(image[..., :3])
        present = [k for k in range(len(classes)) if (mask == k).mean() >= LEAST_SHARE]
        if len(present) < 2:
            continue
        # Classes too rare to click belong to no tissue, and count for nobody.
        truth = np.full(mask.shape, -1)
        for position, k in enumerate(present):
            truth[mask == k] = position
        tissues = tuple(Tissue(classes[k], float((mask == k).mean())) for k in present)
        features = compute_embedding(image, encoder, chosen.views == 8)
        colours = None if chosen.no_colours else colours_of(image)
        cases.append(Case(image, truth, tissues, features, colours))
    return cases


def random_clicks(case: Case, per_tissue: int, seed: int) -> list[Click]:
    """Return clicks drawn from each tissue of the mask."""
    generator = np.random.default_rng(seed)
    clicks = []
    for index, tissue in enumerate(case.tissues):
        places = np.argwhere(case.truth == index)
        for row, column in places[generator.choice(len(places), per_tissue, replace=False)]:
            clicks.append(Click(tissue.name, int(row), int(column)))
    return clicks


def corrective_clicks(
    case: Case,
    features: ImageEmbedding,
    count: int,
    start: Sequence[Click],
    kernel: ClickKernel | None,
) -> list[Click]:
    """Return clicks of which each goes to the middle of the largest error that is left."""
    clicks = list(start)
    for _ in range(count):
        found = case.confidence(features, clicks, kernel)
        wrong = (found.mean.argmax(0) != case.truth) & (case.truth >= 0)
        regions, number = label(wrong)
        if not number:
            break
        largest = regions == 1 + np.bincount(regions.ravel())[1:].argmax()
        depth = distance_transform_edt(np.pad(largest, 1))[1:-1, 1:-1]
        row, column = np.unravel_index(depth.argmax(), depth.shape)
        name = case.tissues[case.truth[row, column]].name
        clicks.append(Click(name, int(row), int(column)))
    return clicks


def miou(found: Confidence, truth: NDArray[np.intp]) -> float:
    """Return the mean IoU over the tissues, of the pixels that belong to one."""
    labels, inside = found.mean.argmax(0), truth >= 0
    overlaps = []
    for k in range(len(found.mean)):
        ours, theirs = (labels == k) & inside, truth == k
        overlaps.append((ours & theirs).sum() / max(1, (ours | theirs).sum()))
    return float(np.mean(overlaps))


def surprise(found: Confidence, truth: NDArray[np.intp]) -> float:
    """Return −log of the confidence in the true tissue, in nats per pixel."""
    rows, columns = np.nonzero(truth >= 0)
    return float(-np.log(found.mean[truth[rows, columns], rows, columns]).mean())


def headless(features: ImageEmbedding) -> ImageEmbedding:
    """Return the features as of an encoder that knows no tissues."""
    return replace(features, head=None, head_tissues=())


def scores(
    cases: Iterable[Case],
    kernel: ClickKernel | None,
    clicks: Callable[[Case, ImageEmbedding], list[Click]],
    head: bool,
) -> tuple[float, float]:
    """Return mean IoU and surprise after some clicks, averaged over the images."""
    pairs = []
    for case in cases:
        features = case.features if head else headless(case.features)
        given = clicks(case, features)
        found = case.confidence(features, given, kernel)
        pairs.append((miou(found, case.truth), surprise(found, case.truth)))
    overlap, nats = np.mean(pairs, axis=0)
    return float(overlap), float(nats)


def _at_random(case: Case, _: ImageEmbedding, *, count: int, seed: int) -> list[Click]:
    return random_clicks(case, count, seed)


def report(cases: Sequence[Case], kernel: ClickKernel | None, seed: int) -> None:
    for head in (True, False):
        for count in (0, 1, 2, 5):
            start = time.perf_counter()
            found = scores(cases, kernel, partial(_at_random, count=count, seed=seed), head)
            seconds = (time.perf_counter() - start) / len(cases)
            _print(head, f"{count} random a tissue", found, seconds)
        for count in (4, 8):
            found = scores(
                cases, kernel, partial(_corrected, count=count, seed=seed, kernel=kernel), head
            )
            _print(head, f"{count} corrective", found)


def _corrected(
    case: Case, features: ImageEmbedding, *, count: int, seed: int, kernel: ClickKernel | None
) -> list[Click]:
    """Return corrective clicks; without a head they start from one random click a tissue."""
    first = [] if features.head is not None else random_clicks(case, 1, seed)
    return corrective_clicks(case, features, count, first, kernel)


def tune(cases: Sequence[Case], seed: int) -> ClickKernel:
    """Improve one constant after the other until none helps; on every second image."""
    best, kernel = objective(cases, KERNEL, seed), KERNEL
    while True:
        before = best
        for name, values in GRID.items():
            for value in values:
                tried = replace(kernel, **{name: value})
                score = objective(cases, tried, seed)
                if score > best:
                    best, kernel = score, tried
            print(f"{best:.4f} {asdict(kernel)}", flush=True)
        if best == before:
            return kernel


def objective(cases: Sequence[Case], kernel: ClickKernel | None, seed: int) -> float:
    """Return mean IoU minus a tenth of the surprise, over several ways of clicking."""
    total = []
    for head, count in itertools.product((True, False), (1, 3)):
        overlap, nats = scores(cases, kernel, partial(_at_random, count=count, seed=seed), head)
        total.append(overlap - 0.1 * nats)
    for count in (3, 6):
        corrected = partial(_corrected, count=count, seed=seed, kernel=kernel)
        overlap, nats = scores(cases, kernel, corrected, head=True)
        total.append(overlap - 0.1 * nats)
    return float(np.mean(total))


def _lung(data: Path) -> list[tuple[Path, Path]]:
    folder = data / "wsss4luad"
    images = sorted((folder / "images").iterdir())
    return [(path, folder / "masks" / path.name) for path in images]


def _colon(data: Path) -> list[tuple[Path, Path]]:
    folder = data / "ebhi_seg"
    with (folder / "index.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "val"]
    return [(folder / "images" / row["image"], folder / "masks" / row["mask"]) for row in rows]


def _print(head: bool, what: str, found: tuple[float, float], seconds: float | None = None) -> None:
    took = "" if seconds is None else f"  {seconds * 1000:4.0f} ms an image"
    kind = "with head" if head else "no head"
    print(f"{kind:10} {what:18} mIoU {found[0]:.3f}  nats {found[1]:.3f}{took}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--images", type=int, default=40, help="of each data set")
    parser.add_argument("--views", type=int, choices=(1, 8), default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-colours", action="store_true")
    parser.add_argument("--tune", action="store_true")
    chosen = parser.parse_args()
    tuned: list[Case] = []
    for name in ("wsss4luad", "ebhi_seg"):
        cases = read_cases(chosen, name)
        tuned += cases[::2]
        print(f"{name}: {len(cases[1::2])} images, {chosen.views} view(s)")
        report(cases[1::2], None, chosen.seed)
    if chosen.tune:
        print(tune(tuned, chosen.seed))


if __name__ == "__main__":
    main()
