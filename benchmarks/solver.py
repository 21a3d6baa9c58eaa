"""Time the solver against its peers on the same work, in one run, and print one table.

    python benchmarks/solver.py

Every ratio is of medians measured in turn in this one process; absolute times are of this
machine and this hour only.
"""

from __future__ import annotations

import os

# Before torch starts its threads: two, passive, as the docs advise for small machines.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import maxflow
import numpy as np
import ot
from skimage.segmentation import random_walker

sys.path.insert(0, str(Path(__file__).parents[1]))

from napari_vslp.energy.minimise import minimise, minimise_live
from napari_vslp.energy.problem import Problem, start_state
from napari_vslp.energy.solver import Stop, make_backend, solve, step_sizes
from napari_vslp.energy.trust import TrustTerm
from napari_vslp.progress import Job
from tests.energy.problems import random_problem


def clock(work: Callable[[], object], repeats: int = 5) -> float:
    """Return the median seconds of some repeats, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def row(what: str, ours: float, peer: float, wanted: str) -> None:
    """Print one comparison."""
    print(f"{what:<58}{ours * 1e3:>10.2f}{peer * 1e3:>12.2f}{peer / ours:>9.1f}   {wanted}")


def per_iteration(problem: Problem, backend: str, repeats: int) -> float:
    """Return the median seconds of one iteration."""
    engine = make_backend(problem, start_state(problem), backend, "cpu")
    tau, sigma, _ = step_sizes(problem)
    price, job = np.zeros(len(problem.cost)), Job()
    return clock(lambda: engine.step(price, tau, sigma, 1.9, job), repeats)


def against_eager() -> None:
    """512²×4, λ = 2: one iteration, and the whole way to gap 1e-3."""
    problem = random_problem(4, (512, 512))
    eager = per_iteration(problem, "torch", 15)
    row("one iteration 512²×4 | eager torch", per_iteration(problem, "numba", 40), eager, "≥ 10")
    whole = clock(lambda: minimise(problem, stop=Stop(1e-3)))
    row("cold to gap 1e-3, 512²×4 | ten eager iterations", whole, 10 * eager, "≥ 1")
    _, warm = minimise(problem, stop=Stop(1e-4))
    target = problem.trust.target + np.array([0.02, -0.02, 0, 0])
    moved = replace(problem, trust=TrustTerm("interval", target - 0.01, target + 0.01, target))
    row("slider move 512²×4 | the same, cold to 1e-4", clock(lambda: minimise_live(moved, warm)),
        clock(lambda: minimise(moved, stop=Stop(1e-4)), 3), "")  # fmt: skip


def against_transport() -> None:
    """256²×4 without boundaries: exact optimal transport to four tissues."""
    problem = random_problem(4, (256, 256), smoothness=0, mode="measured")
    pixels = problem.cost[0].size
    costs = problem.cost.reshape(4, -1).T.astype(np.float64)
    mass = np.full(pixels, 1 / pixels)
    began = time.perf_counter()
    exact = pixels * ot.emd2(mass, problem.trust.target, costs, numItermax=10**7)
    emd = time.perf_counter() - began
    found, _ = minimise(problem, stop=Stop(1e-4))
    row("transport 256²×4, λ = 0, to 1e-4 | ot.emd", clock(lambda: minimise(problem)), emd, "≥ 50")
    print(f"    energy over the exact one: {found.certificate.objective / exact - 1:+.1e}")
    for reg in (0.05, 0.01):
        peer = clock(lambda reg=reg: ot.sinkhorn(mass, problem.trust.target, costs, reg), 3)
        row(f"    | ot.sinkhorn, reg {reg}", clock(lambda: minimise(problem)), peer, "")


def against_walker() -> None:
    """512², two tissues: scikit-image's random walker from seeds."""
    problem = random_problem(2, (512, 512))
    rng = np.random.default_rng(0)
    confidence = np.exp(-problem.cost)
    image = confidence[0] + 0.05 * rng.standard_normal(problem.radius.shape)
    seeds = np.zeros(problem.radius.shape, int)
    for k in range(2):
        rows, columns = np.nonzero(confidence[k] > np.quantile(confidence[k], 0.999))
        seeds[rows, columns] = k + 1
    walker = clock(lambda: random_walker(image, seeds, mode="cg_mg"), 3)
    row(
        "512², K = 2, to 1e-4 | random_walker cg_mg",
        clock(lambda: minimise(problem)),
        walker,
        "≥ 5",
    )


def against_graph_cut() -> None:
    """Anisotropic, K = 2: the exact minimum cut, and how close we come to its energy."""
    for size in (256, 512):
        problem = random_problem(2, (size, size), mode="none", anisotropic=True)
        capacity = 2.0 * problem.radius.astype(np.float64)

        def cut(problem: Problem = problem, capacity: np.ndarray = capacity) -> float:
            graph = maxflow.Graph[float]()
            nodes = graph.add_grid_nodes(problem.radius.shape)
            for way in ([[0, 0, 0], [0, 0, 1], [0, 0, 0]], [[0, 0, 0], [0, 0, 0], [0, 1, 0]]):
                graph.add_grid_edges(nodes, capacity, np.array(way), symmetric=True)
            graph.add_grid_tedges(nodes, *problem.cost.astype(np.float64))
            return float(graph.maxflow())

        found = solve(problem, stop=Stop(1e-4))
        ours = clock(lambda problem=problem: minimise(problem, stop=Stop(1e-4)))
        row(f"{size}², K = 2, anisotropic, to 1e-4 | PyMaxflow", ours, clock(cut, 3), "")
        print(f"    energy over the exact one: {found.certificate.objective / cut() - 1:+.1e}")


def main() -> None:
    """Run every comparison."""
    print(f"{'work | peer':<58}{'ours ms':>10}{'peer ms':>12}{'ratio':>9}   wanted")
    against_eager()
    against_transport()
    against_walker()
    against_graph_cut()


if __name__ == "__main__":
    main()
