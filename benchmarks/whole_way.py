"""From Segment to the result: per stage, cold and warm, beside peers with the same clicks.

    python benchmarks/whole_way.py --data ../shared/data [--sizes 512 1500 0]

Each size is a crop of the Aperio sample slide (0: all of it, 2,220 × 2,967 px) and runs in a
process of its own. "cold" is the first Segment of that process, with numba's kernels on disk;
"warm" the second one of the same image, which is read anew. Both go the window's way
(`qt.work.jobs.solve`), without the window. The peers are what ilastik and QuPath do (features at
several scales and a random forest) and the random walker, both from skimage, with the same clicks.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

SLIDE = "wsi/CMU-1-Small-Region.svs"
RADIUS = 3
GOALS = {512: (0.5, 2.0), 1500: (2.0, 15.0), 0: (4.0, 40.0)}


def image_of(data: Path, size: int) -> np.ndarray:
    """Return the middle of the slide, a square of that side, or all of it."""
    whole = tifffile.imread(data / SLIDE, key=0)[..., :3]
    if not size:
        return np.ascontiguousarray(whole)
    top, left = ((side - size) // 2 for side in whole.shape[:2])
    return np.ascontiguousarray(whole[top : top + size, left : left + size])


def clicks_of(image: np.ndarray) -> list[tuple[str, int, int]]:
    """Return two clicks in the darkest and two in the brightest of 8 × 8 blocks."""
    height, width = image.shape[:2]
    rows, columns = (np.arange(8) * side // 8 + side // 16 for side in (height, width))
    grey = np.array([[image[r - 8 : r + 8, c - 8 : c + 8].mean() for c in columns] for r in rows])
    order = grey.ravel().argsort()
    chosen = [("nuclei", i) for i in order[:2]] + [("rest", i) for i in order[-2:]]
    return [(name, int(rows[i // 8]), int(columns[i % 8])) for name, i in chosen]


def one_segment(image: np.ndarray) -> dict[str, Any]:
    """Return the seconds of one Segment, as the window starts it."""
    from napari_vslp.core.inputs import ImageReference, Inputs
    from napari_vslp.core.progress import Job, Progress
    from napari_vslp.core.settings import Settings
    from napari_vslp.core.tissues import Click, Tissue
    from napari_vslp.qt.viewer.source import Source
    from napari_vslp.qt.work.jobs import Request, solve

    tissues = (Tissue("nuclei", 0.4, 0.05), Tissue("rest", 0.6, 0.05))
    clicks = tuple(Click(*click) for click in clicks_of(image))
    reference = ImageReference(shape=image.shape[:2])
    inputs = Inputs(reference, tissues, clicks, options=Settings(cache=False, device="cpu"))
    began = time.perf_counter()
    stages: dict[str, float] = {}
    looks: list[float] = []
    left: list[tuple[float, float]] = []
    since, stage = began, "before"

    def hear(progress: Progress) -> None:
        nonlocal since, stage
        now = time.perf_counter()
        stages[stage] = stages.get(stage, 0.0) + now - since
        since, stage = now, progress.stage
        if progress.seconds_left is not None:
            left.append((now, progress.seconds_left))

    def show(_result: object) -> None:
        looks.append(time.perf_counter() - began)

    outcome = solve(Request(Source(image, image.shape[:2]), inputs), Job(on_progress=hear), show)
    done = time.perf_counter()
    stages[stage] = stages.get(stage, 0.0) + done - since
    read = left[-1][0] if left else began
    halfway = [(read - at) / told for at, told in left if told > 0.25 * (read - began)]
    return {
        "first": looks[0] if looks else done - began,
        "looks": len(looks),
        "final": done - began,
        "read": read - began,
        "gap": outcome.result.gap,
        "iterations": outcome.result.iterations,
        "time left, true / told": [min(halfway, default=1.0), max(halfway, default=1.0)],
        "stages": stages,
    }


def of_limit(image: np.ndarray) -> dict[str, float]:
    """Return what stage 1 reaches of the processor's speed in multiplying matrices."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from napari_vslp.core.progress import Job
    from napari_vslp.encoders.embedding import compute_embedding
    from napari_vslp.encoders.encoder import Encoder, EncoderOutput, load_encoder
    from napari_vslp.encoders.weights import BUNDLED, load_model

    encoder, encode = load_encoder("bundled", "cpu"), Encoder.encode
    shapes: list[tuple[int, ...]] = []

    def spy(self: Encoder, batch: torch.Tensor, job: Job | None = None) -> EncoderOutput:
        shapes.append(tuple(batch.shape))
        return encode(self, batch, job)

    Encoder.encode = spy  # type: ignore[method-assign]
    began = time.perf_counter()
    compute_embedding(image, encoder)
    seconds = time.perf_counter() - began
    Encoder.encode = encode  # type: ignore[method-assign]
    network = load_model(BUNDLED)[0]
    flops: dict[tuple[int, ...], int] = {}
    for shape in set(shapes):
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            network.forward_with_features(torch.zeros(shape))
        flops[shape] = counter.get_total_flops()
    total = sum(flops[shape] for shape in shapes)
    a = torch.rand(2048, 2048)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    peak = 2 * 2048**3 / min(times)
    pixels = sum(n * h * w for n, _, h, w in shapes)
    return {
        "image MP/s": image.shape[0] * image.shape[1] / 1e6 / seconds,
        "read MP/s": pixels / 1e6 / seconds,
        "GFLOP/s": total / seconds / 1e9,
        "matmul GFLOP/s": peak / 1e9,
        "of limit": total / seconds / peak,
    }


def seeds_of(image: np.ndarray) -> np.ndarray:
    """Return (H, W) labels 1 and 2 in a small disc around each click, else 0."""
    seeds = np.zeros(image.shape[:2], np.uint8)
    for name, row, column in clicks_of(image):
        at = (slice(row - RADIUS, row + RADIUS + 1), slice(column - RADIUS, column + RADIUS + 1))
        seeds[at] = 1 if name == "nuclei" else 2
    return seeds


def forest(image: np.ndarray) -> object:
    """Segment as ilastik and QuPath do: features at several scales, a random forest."""
    from skimage.feature import multiscale_basic_features as at_scales
    from skimage.future import TrainableSegmenter
    from sklearn.ensemble import RandomForestClassifier

    def features(pixels: np.ndarray) -> np.ndarray:
        found: np.ndarray = at_scales(  # type: ignore[no-untyped-call]
            pixels, channel_axis=-1, sigma_min=1, sigma_max=16
        )
        return found

    trees = RandomForestClassifier(n_estimators=50, max_depth=10, n_jobs=2, random_state=0)
    segmenter = TrainableSegmenter(  # type: ignore[no-untyped-call]
        clf=trees, features_func=features
    )
    segmenter.fit(image, seeds_of(image))  # type: ignore[no-untyped-call]
    return segmenter.predict(image)  # type: ignore[no-untyped-call]


def walker(image: np.ndarray) -> object:
    """Segment by random walks from the clicks."""
    from importlib.util import find_spec

    from skimage.segmentation import random_walker

    mode = "cg_mg" if find_spec("pyamg") else "cg_j"
    return random_walker(image / 255, seeds_of(image), mode=mode, channel_axis=-1)


def seconds_of(work: Callable[[], object]) -> float:
    """Return the seconds of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(data: Path, size: int, peers: bool) -> dict[str, Any]:
    """Return everything of one size, in this process."""
    image = image_of(data, size)
    found: dict[str, Any] = {"shape": image.shape[:2], "cold": one_segment(image)}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found["warm"] = one_segment(image)
    found["stage 1"] = of_limit(image)
    found["peak MB"] = max(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) // 1024
    if peers:
        found["forest"] = seconds_of(lambda: forest(image))
        found["random walker"] = seconds_of(lambda: walker(image))
    return found


def told(found: dict[str, Any], size: int) -> None:
    """Print one size."""
    first, final = GOALS.get(size, (0.0, 0.0))
    print(f"\n## {found['shape'][0]} × {found['shape'][1]} px (goals: {first} s, {final} s)")
    for kind in ("cold", "warm"):
        one = found[kind]
        low, high = one["time left, true / told"]
        print(
            f"{kind}: first labels {one['first']:.2f} s ({one['looks']} looks), "
            f"read {one['read']:.2f} s, final {one['final']:.2f} s; "
            f"{one['iterations']} iterations, gap {one['gap']:.1e}; "
            f"time left true / told {low:.2f}–{high:.2f}"
        )
        print("    " + ", ".join(f"{name} {s:.2f}" for name, s in one["stages"].items()))
    print("stage 1: " + ", ".join(f"{name} {v:.2f}" for name, v in found["stage 1"].items()))
    print(f"peak of the process {found['peak MB']} MB")
    for peer in ("forest", "random walker"):
        if peer in found:
            print(f"{peer}: {found[peer]:.2f} s, {found[peer] / found['warm']['final']:.2f} × ours")


def main() -> None:
    """Run every size in a process of its own, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1500, 0])
    parser.add_argument("--no-peers", action="store_true")
    given = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for size in given.sizes:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            found = process.submit(measure, given.data, size, not given.no_peers).result()
        told(found, size)


if __name__ == "__main__":
    main()
