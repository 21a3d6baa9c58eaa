r"""What each regulariser is worth on real tissue, beside what hiding blocks says of it.

    napari-vslp regulariser ../shared/data/ebhi_seg/index.csv --tissues gland --split train \
        --images ../shared/data/ebhi_seg/images --out /tmp/shapes.safetensors
    python benchmarks/regulariser.py --data ../shared/data --regulariser /tmp/shapes.safetensors

λ is tuned on blind spots of the tuning images alone, and s when the file was made; no mask is
read before the figures are taken. `--images` takes so many, the first of a fixed random order.
Stage 1 is the bundled network; on WSSS4LUAD, which it has never seen, its gland and other serve as
tumour and stroma. Scores are kept in `--cache`, since eight views of 368 images take minutes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ebhi_seg import read_images, read_masks, read_rows
from luad_measure import LABELS, rows_of
from numpy.typing import NDArray

from napari_vslp.core.progress import Job
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Tissue
from napari_vslp.energy.blindspot import choose_smoothness, corrected
from napari_vslp.energy.minimise import minimise
from napari_vslp.energy.penalties.contract import penalty_of
from napari_vslp.energy.problem import Problem, cost_of, edge_weight
from napari_vslp.energy.rounding import round_labels
from napari_vslp.energy.solver import Stop
from napari_vslp.energy.terms.linearised import minimise_with_terms
from napari_vslp.energy.terms.regulariser import BoundTDV, load_regulariser
from napari_vslp.energy.terms.tdv import TDV
from napari_vslp.evaluation.masks import read_mask
from napari_vslp.evaluation.metrics import Truth
from napari_vslp.learning.regulariser.gate import Candidate, blind_spot_costs
from napari_vslp.learning.regulariser.train import Sample, tune_smoothness
from napari_vslp.pipeline import prepare
from napari_vslp.raster.contract import open_raster

STOP = Stop(1e-3, 400)
TUNING_IMAGES = 24
ROUNDS = 3


@dataclass(frozen=True)
class Case:
    """An image with its scores and its mask, which only the figures read."""

    image: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    mask: NDArray[np.int16]


@dataclass(frozen=True)
class Row:
    """A regulariser: its name, its smoothness (None: chosen per image), edges, and its network."""

    name: str
    smoothness: float | None
    edges: bool = True
    network: TDV | None = None
    strength: float = 0.0


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    network, strength = None, 0.0
    if options.regulariser is not None:
        network, card = load_regulariser(options.regulariser)
        strength = card.strength
        print(f"{options.regulariser.name}: {dict(card.figures)}, accepted: {card.accepted}")
    sets = {"ebhi_seg val": ebhi, "wsss4luad": luad}
    for name, read in sets.items():
        if options.only and options.only not in name:
            continue
        cases = _cached(options.cache / f"{read.__name__}.npz", read, options)
        order = np.random.default_rng(0).permutation(len(cases))
        chosen = [cases[i] for i in order[: options.images]]
        tuning = [cases[i] for i in order[::-1][:TUNING_IMAGES]]
        print(f"\n{name}: {len(chosen)} of {len(cases)} images; Dice / mIoU / boundary F1")
        measure(chosen, tuning, network, strength, options.tolerances)


def measure(
    cases: list[Case],
    tuning: list[Case],
    network: TDV | None,
    strength: float,
    tolerances: list[float],
) -> None:
    """Print one line a regulariser."""
    plain, edged = ([_sample(c, edges=on) for c in tuning] for on in (False, True))
    lambdas = [tune_smoothness(s, seed=1, job=Job())[0] for s in (plain, edged)]
    rows = [
        Row("no regulariser", 0.0),
        Row("TV", lambdas[0], edges=False),
        Row("edge-weighted TV", lambdas[1]),
        *(Row("edge-weighted TV, fixed", s) for s in (2.0, 8.0)),
        Row("edge-weighted TV, auto", None),
    ]
    if network is not None:
        for name, smoothness in (("TDV", 0.0), ("TV + TDV", lambdas[1]), ("TV + TDV", 2.0)):
            rows.append(Row(name, smoothness, network=network, strength=strength))
    for row in rows:
        began, found = time.perf_counter(), []
        for case in cases:
            weight = _weight(case, edges=row.edges)
            chosen = row.smoothness
            if chosen is None:
                chosen = choose_smoothness(case.confidence, weight).smoothness
            found.append([figures(case, row, weight * (chosen / 2), t) for t in tolerances])
        seconds = (time.perf_counter() - began) / (len(cases) * len(tolerances))
        text = [" / ".join(f"{v:.3f}" for v in mean) for mean in np.array(found).mean(0)]
        shown = "auto" if row.smoothness is None else f"{row.smoothness:g}"
        print(
            f"| {row.name} | {shown} | {row.strength:g} | {' | '.join(text)} | "
            f"{hidden(cases, row)} | {seconds:.2f} s |",
            flush=True,
        )


def figures(
    case: Case, row: Row, tv_weight: NDArray[np.float32], tolerance: float
) -> tuple[float, float, float]:
    """Return Dice, mIoU and boundary F1 with the own shares, exact or as intervals."""
    count = len(case.confidence)
    truth = Truth(case.mask, count)
    tissues = tuple(Tissue(str(k), float(s), tolerance) for k, s in enumerate(truth.shares))
    penalty = penalty_of(tissues, "interval" if tolerance else "measured", 1.0)
    problem = Problem(cost_of(case.confidence), tv_weight.astype(np.float32), penalty)
    inside = np.ones(tv_weight.shape, np.bool_)
    if row.network is None:
        u = minimise(problem, stop=STOP)[0].state.u
    else:
        term = BoundTDV(
            row.network,
            row.strength,
            image=case.image,
            evidence=corrected(case.confidence, inside),
            inside=inside,
        )
        found, _ = minimise_with_terms(
            problem,
            {"learned": term},
            lambda p, warm, _: minimise(p, warm=warm, stop=STOP),
            tolerance=1e-3,
            rounds=ROUNDS,
        )
        u = found.solution.state.u
    labels = (
        round_labels(u, case.confidence, inside, *problem.penalty.bounds()).astype(np.int16) - 1
    )
    scores = truth.compare(labels)
    # Two tissues: gland's, as in the other tables; three: the mean.
    pick: Callable[[NDArray[np.float64]], float] = (
        (lambda v: float(v[1])) if count == 2 else (lambda v: float(v.mean()))
    )
    return pick(scores.dice), float(scores.iou.mean()), pick(scores.boundary_f1)


def hidden(cases: list[Case], row: Row) -> str:
    """Return the cost of guessing blind spots and its standard error, over images."""
    if row.smoothness is None:
        return "–"
    samples = [_sample(case, edges=row.edges) for case in cases]
    candidate = Candidate(row.smoothness, row.network, row.strength)
    costs = blind_spot_costs(samples, candidate, seed=2, job=Job())
    return f"{costs.mean():.4f} ± {costs.std(ddof=1) / len(costs) ** 0.5:.4f}"


def ebhi(options: argparse.Namespace) -> Iterator[Case]:
    """Yield the validation images of EBHI-Seg."""
    folder = options.data / "ebhi_seg"
    rows = read_rows(folder, "val")
    images, masks = read_images(folder, rows), read_masks(folder, rows)
    for image, mask in zip(images.permute(0, 2, 3, 1).numpy(), masks, strict=True):
        yield _case(image, ("other", "gland"), mask)


def luad(options: argparse.Namespace) -> Iterator[Case]:
    """Yield the images of WSSS4LUAD."""
    folder = options.data / "wsss4luad"
    for row in rows_of(folder):
        image = open_raster(folder / "images" / row["file"]).read()
        mask = read_mask(folder / "masks" / row["file"], image.shape[:2], 3, LABELS)
        yield _case(image, ("gland", "other", "background"), mask)


def _case(image: NDArray[np.uint8], names: Sequence[str], mask: NDArray[np.integer]) -> Case:
    """Return an image with what the bundled network, and its colours, say of it."""
    settings = Settings()
    seen = prepare(image, settings=settings)
    tissues = tuple(Tissue(name) for name in names)
    found = seen.confidence_of(tissues, (), settings, keep_start=False)
    return Case(seen.image, found.mean, mask.astype(np.int16))


def _cached(
    path: Path, read: Callable[[argparse.Namespace], Iterator[Case]], options: argparse.Namespace
) -> list[Case]:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {}
        for index, case in enumerate(read(options)):
            for name in ("image", "confidence", "mask"):
                arrays[f"{index:04d}-{name}"] = getattr(case, name)
        np.savez(path, **arrays)
    with np.load(path) as file:
        return [
            Case(*(file[f"{index:04d}-{name}"] for name in ("image", "confidence", "mask")))
            for index in range(len(file.files) // 3)
        ]


def _weight(case: Case, *, edges: bool) -> NDArray[np.float32]:
    return edge_weight(case.image) if edges else np.ones(case.mask.shape, np.float32)


def _sample(case: Case, *, edges: bool) -> Sample:
    return Sample(case.image, case.confidence, _weight(case, edges=edges))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder shared/data")
    parser.add_argument("--regulariser", type=Path, help="a learned one; without it TV alone")
    parser.add_argument("--cache", type=Path, default=Path("/tmp/vslp-regulariser"))  # noqa: S108
    parser.add_argument("--images", type=int, help="how many of each set (default: all)")
    parser.add_argument("--only", help="ebhi or luad")
    parser.add_argument("--tolerances", type=float, nargs="+", default=[0.0, 0.05])
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
