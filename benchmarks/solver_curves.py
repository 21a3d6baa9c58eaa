"""How the solver's cost grows: with pixels, tissues and smoothness, in bytes and in memory."""

from __future__ import annotations

import time
import tracemalloc
from dataclasses import replace
from functools import partial

import numpy as np
from timing import clock, triad_speed

from napari_vslp.core.progress import Job
from napari_vslp.core.settings import Backend
from napari_vslp.energy.engines.contract import make_engine
from napari_vslp.energy.engines.fused import FusedEngine
from napari_vslp.energy.minimise import minimise, minimise_live
from napari_vslp.energy.penalties.constraints import Interval
from napari_vslp.energy.problem import Problem, cost_of, start_state
from napari_vslp.energy.rounding import round_labels
from napari_vslp.energy.solver import Stop, solve
from tests.energy.problems import random_problem


def tiled(tissues: int, size: int, smoothness: float = 2.0) -> Problem:
    """Return a square problem of any size, laid with tiles of 512² so that it is made quickly."""
    tile = random_problem(tissues, (min(size, 512), min(size, 512)), smoothness)
    times = -(-size // 512)
    cost = np.tile(tile.cost, (1, times, times))
    return replace(tile, cost=cost, tv_weight=np.tile(tile.tv_weight, (times, times)))


def per_iteration(problem: Problem, backend: Backend = "numba", threads: int = 1) -> float:
    """Return the seconds of one iteration, the median of blocks of ten."""
    engine = make_engine(problem, start_state(problem), backend, "cpu", threads)
    job = Job()
    return clock(lambda: engine.advance(10, job), 5) / 10


def moved(problem: Problem, change: float) -> Problem:
    """Return the problem with the first tissue's slider moved at the second's expense."""
    step = np.zeros(len(problem.cost))
    step[:2] = change, -change
    target = problem.penalty.target + step
    return replace(problem, penalty=Interval(target - 0.01, target + 0.01, target))


def bandwidth(sizes: list[int]) -> None:
    """Print the bytes an iteration moves beside what one thread's triad moves."""
    triad = triad_speed(400)
    print(f"\n## Bytes moved, one thread (triad over 400 MB: {triad / 1e9:.1f} GB/s)")
    print(f"{'size':>8}{'K':>4}{'ms an iteration':>18}{'bytes/px':>10}{'GB/s':>8}{'of triad':>10}")
    for size in sizes:
        for tissues in (2, 4, 6):
            seconds = per_iteration(tiled(tissues, size))
            each = 32 if tissues == 2 else 28 * tissues + 4
            speed = each * size**2 / seconds
            print(
                f"{size:>7}²{tissues:>4}{seconds * 1e3:>18.2f}{each:>10}{speed / 1e9:>8.1f}"
                f"{speed / triad:>10.0%}"
            )


def threads() -> None:
    """Print what two threads gain, and which number the solver itself settles on."""
    problem = tiled(4, 1024)
    alone, two = (per_iteration(problem, threads=n) for n in (1, 2))
    engine = make_engine(problem, start_state(problem))
    assert isinstance(engine, FusedEngine)
    engine.advance(20, Job())
    chosen = engine._stripes.threads
    print(f"\n1024²×4, two threads: {alone / two:.2f}× one thread's speed; chosen: {chosen}")


def pixels(sizes: list[int]) -> None:
    """Print the cold solve to gap 1e-3 over sizes, and the exponent of its growth."""
    print("\n## Cold to gap 1e-3, K = 4, λ = 2, by size (wanted: exponent ≤ 1.05)")
    seconds = []
    for size in sizes:
        problem = tiled(4, size)
        minimise(tiled(4, 256), stop=Stop(1e-3))
        began = time.perf_counter()
        found, _ = minimise(problem, stop=Stop(1e-3))
        once = time.perf_counter() - began
        if size <= 1024:
            once = clock(partial(minimise, problem, stop=Stop(1e-3)), 3)
        seconds.append(once)
        each = once / size**2 * 1e9
        print(
            f"{size:>7}²{once * 1e3:>12.1f} ms{each:>10.0f} ns/px{found.iterations:>6} iterations"
        )
    slope = np.polyfit(np.log(np.square(sizes)), np.log(seconds), 1)[0]
    print(f"    exponent {slope:.3f}")


def tissues_and_smoothness() -> None:
    """Print the cold solve at 512² over K, and iterations over λ."""
    print("\n## Cold at 512², by number of tissues (λ = 2) and by λ (K = 4)")
    for tissues in (2, 3, 4, 5, 6):
        problem = tiled(tissues, 512)
        loose, tight = (minimise(problem, stop=Stop(t))[0].iterations for t in (1e-3, 1e-4))
        seconds = clock(partial(minimise, problem, stop=Stop(1e-3)), 3)
        print(f"    K = {tissues}: {seconds * 1e3:7.1f} ms to 1e-3; {loose} and {tight} iterations")
    for smoothness in (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0):
        problem = tiled(4, 512, smoothness)
        loose, tight = (minimise(problem, stop=Stop(t))[0].iterations for t in (1e-3, 1e-4))
        seconds = clock(partial(minimise, problem, stop=Stop(1e-3)), 1, False)
        print(
            f"    λ = {smoothness:4}: {seconds * 1e3:7.1f} ms to 1e-3; {loose}, {tight} iterations"
        )


def sliders(sizes: list[int]) -> None:
    """Print what a moving slider waits for, and how many labels the refined solve then changes.

    Costs are smoothed over 2 px, as a network's are; labels have their areas kept.
    """
    from scipy.ndimage import gaussian_filter

    print("\n## Slider moves, K = 4 (wanted: 512² ≤ 80 ms; larger ≤ 150 ms and ≤ 2 % of labels)")
    for size in sizes:
        noisy = random_problem(4, (size, size))
        smooth = np.exp(-2 * np.stack([gaussian_filter(c, 2.0) for c in noisy.cost]))
        problem = replace(noisy, cost=cost_of((smooth / smooth.sum(0)).astype(np.float32)))
        _, warm = minimise(problem, stop=Stop(1e-4))
        times, off = [], []
        for change in (0.01, 0.03, 0.05, 0.04, 0.06, 0.02):
            asked = moved(problem, change)
            began = time.perf_counter()
            shown, warm = minimise_live(asked, warm)
            times.append(time.perf_counter() - began)
            best, _ = minimise(asked, warm=warm, stop=Stop(1e-4))
            labels = [_labels(asked, s.state.u) for s in (shown, best)]
            off.append(float((labels[0] != labels[1]).mean()))
        print(
            f"{size:>7}²: first {times[0] * 1e3:.0f} ms, then median "
            f"{np.median(times[1:]) * 1e3:.0f} ms; labels off {np.mean(off):.1%}, "
            f"at most {max(off):.1%}"
        )


def _labels(problem: Problem, u: np.ndarray) -> np.ndarray:
    return round_labels(u, np.exp(-problem.cost), problem.tv_weight >= 0, *problem.penalty.bounds())


def memory() -> None:
    """Print what a cold solve holds at most beside its costs (NumPy's allocations)."""
    print("\n## Memory beside the image, 1024², bytes a pixel (wanted ≤ 28K + 40)")
    for tissues in (2, 4, 6):
        problem = tiled(tissues, 1024)
        tracemalloc.start()
        minimise(problem, stop=Stop(1e-3, 20))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        print(f"    K = {tissues}: {peak / 1024**2:.0f} (limit {28 * tissues + 40})")


def gpu() -> None:
    """Print the GPU's times, or that there is none."""
    import torch

    if not torch.cuda.is_available():
        print("\nNo CUDA device here: the GPU path ran on the CPU in the tests, untimed.")
        return
    problem = tiled(4, 1024)
    cold = clock(lambda: minimise(problem, stop=Stop(1e-3), device="cuda"))
    _, warm = minimise(problem, stop=Stop(1e-4), device="cuda")
    asked, stop = moved(problem, 0.02), Stop(1e-3, 30, 30)
    live = clock(lambda: solve(asked, start=warm.state, stop=stop, device="cuda"))
    print(
        f"\nGPU, 1024²×4: cold to 1e-3 {cold * 1e3:.1f} ms (≤ 25), slider {live * 1e3:.1f} (≤ 10)"
    )
