"""The solver beside its peers on the same work: exact ones, other models, and plain torch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import maxflow
import numpy as np
import ot
import torch
from maxflow.fastmin import aexpansion_grid
from skimage.segmentation import (
    chan_vese,
    morphological_chan_vese,
    random_walker,
    random_walker_segmentation,
)
from solver_curves import moved, per_iteration
from timing import clock, head, row

from napari_vslp.core.progress import Job
from napari_vslp.energy.engines.contract import make_engine
from napari_vslp.energy.engines.reference import ReferenceEngine
from napari_vslp.energy.minimise import minimise, minimise_live
from napari_vslp.energy.problem import Problem, State, start_state
from napari_vslp.energy.solver import Stop
from tests.energy.problems import random_problem


def cut_of(problem: Problem) -> Callable[[], float]:
    """Return the work of the exact minimum cut of an anisotropic two-tissue problem."""
    capacity = 2.0 * problem.tv_weight.astype(np.float64)

    def cut() -> float:
        graph = maxflow.Graph[float]()
        nodes = graph.add_grid_nodes(problem.tv_weight.shape)
        for way in ([[0, 0, 0], [0, 0, 1], [0, 0, 0]], [[0, 0, 0], [0, 0, 0], [0, 1, 0]]):
            graph.add_grid_edges(nodes, capacity, np.array(way), symmetric=True)
        graph.add_grid_tedges(nodes, *problem.cost.astype(np.float64))
        return float(graph.maxflow())

    return cut


def graph_cuts(sizes: list[int]) -> None:
    """Two tissues, anisotropic: the exact cut in the same model, to 1e-3 and 1e-4."""
    head("Exact minimum cut, K = 2, anisotropic, no areas (the same model)")
    for size in sizes:
        problem = random_problem(2, (size, size), mode="none", anisotropic=True)
        cut = cut_of(problem)
        peer, exact = clock(cut, 3), cut()
        for tolerance, wanted in ((1e-3, "≥ 1.43 (0.7×)"), (1e-4, "≥ 0.83 (1.2×)")):
            stop = Stop(tolerance)
            found, _ = minimise(problem, stop=stop)
            ours = clock(partial(minimise, problem, stop=stop), 5)
            over = found.certificate.objective / exact - 1
            note = f"energy over the exact one {over:+.1e} (wanted ≤ 2.5e-4 at 1e-4)"
            row(f"{size}² to {tolerance:.0e}", "PyMaxflow", ours, peer, wanted=wanted, note=note)


def expansion(sizes: list[int]) -> None:
    """Four tissues, anisotropic Potts: alpha-expansion's energy and ours, relaxed and rounded."""
    head("Alpha-expansion, K = 4, anisotropic, constant weight, no areas (the same model)")
    for size in sizes:
        problem = random_problem(4, (size, size), mode="none", anisotropic=True)
        problem = replace(problem, tv_weight=np.full_like(problem.tv_weight, 0.5))
        unary = np.ascontiguousarray(problem.cost.transpose(1, 2, 0), np.float64)
        potts = 2.0 * 0.5 * (1 - np.eye(4))
        labels = aexpansion_grid(unary, potts, max_cycles=5)
        peer = clock(partial(aexpansion_grid, unary, potts, max_cycles=5), 1, False)
        found, _ = minimise(problem)
        ours = clock(partial(minimise, problem), 3)
        theirs = energy_of(problem, labels)
        rounded = energy_of(problem, found.state.u.argmax(0))
        note = (
            f"energy against ours relaxed: theirs {theirs / found.certificate.objective - 1:+.1e}, "
            f"ours rounded {rounded / found.certificate.objective - 1:+.1e}"
        )
        row(f"{size}² to 1e-4", "aexpansion_grid, 5 cycles", ours, peer, note=note)


def energy_of(problem: Problem, labels: np.ndarray) -> float:
    """Return E of hard labels, (H, W)."""
    u = (np.arange(len(problem.cost))[:, None, None] == labels).astype(np.float32)
    state = State(u, np.zeros((2, *u.shape), np.float32), np.zeros(len(u)))
    return make_engine(problem, state).certify(Job()).objective


def transport(quick: bool) -> None:
    """256²×4 without boundaries: exact optimal transport, and Sinkhorn's smoothed one."""
    head("Optimal transport to four tissues, 256², λ = 0, to 1e-4")
    problem = random_problem(4, (256, 256), smoothness=0, mode="measured")
    pixels, target = problem.cost[0].size, problem.penalty.target
    costs = problem.cost.reshape(4, -1).T.astype(np.float64)
    mass = np.full(pixels, 1 / pixels)
    began = time.perf_counter()
    exact = pixels * ot.emd2(mass, target, costs, numItermax=10**7)
    emd = time.perf_counter() - began
    found, _ = minimise(problem)
    ours = clock(lambda: minimise(problem), 9)
    over = found.certificate.objective / exact - 1
    note = f"energy over the exact one {over:+.1e}"
    row("256²×4", "ot.emd", ours, emd, wanted="≥ 100", note=note)
    for reg in (0.05, 0.01):
        plan = ot.sinkhorn(mass, target, costs, reg)
        over = pixels * float((plan * costs).sum()) / exact - 1
        peer = clock(partial(ot.sinkhorn, mass, target, costs, reg), 3)
        note = f"its transport cost over the exact one {over:+.1e}"
        row("", f"ot.sinkhorn, reg {reg}", ours, peer, note=note)
    if not quick:
        began = time.perf_counter()
        ot.bregman.sinkhorn_log(mass, target, costs, 0.05, numItermax=1000)
        row("", "ot.bregman.sinkhorn_log, reg 0.05", ours, time.perf_counter() - began)


def other_models() -> None:
    """Two tissues from the same data: scikit-image's walker and active contours."""
    head("Two tissues, other models of the same data, ours to 1e-4")
    problem = random_problem(2, (512, 512))
    image = np.exp(-problem.cost[0]) + 0.05 * np.random.default_rng(0).standard_normal((512, 512))
    seeds = np.zeros((512, 512), int)
    for k in range(2):
        share = np.exp(-problem.cost[k])
        seeds[share > np.quantile(share, 0.999)] = k + 1
    ours = clock(lambda: minimise(problem), 5)
    # Without pyamg scikit-image solves "cg_mg" as the slower "cg_j": its own switch says so.
    mode = "cg_mg" if random_walker_segmentation.amg_loaded else "cg_j"
    peer = clock(lambda: random_walker(image, seeds, mode=mode), 3)
    note = "" if mode == "cg_mg" else "multigrid (cg_mg) needs pyamg, which is not installed here"
    row("512²", f"random_walker {mode}", ours, peer, wanted="≥ 10 (cg_mg)", note=note)
    peer = clock(partial(morphological_chan_vese, image, num_iter=35), 1, False)
    row("512²", "morphological_chan_vese, 35 its", ours, peer)
    small = random_problem(2, (256, 256))
    ours = clock(lambda: minimise(small), 5)
    peer = clock(partial(chan_vese, image[:256, :256], max_num_iter=200), 1, False)
    row("256²", "chan_vese, at most 200 its", ours, peer)


def torch_iterations(quick: bool) -> None:
    """One iteration and a whole solve, 512²×4, beside torch."""
    head("One iteration and whole solves, 512²×4, λ = 2")
    problem = random_problem(4, (512, 512))
    plain = ReferenceEngine(problem, start_state(problem))
    ours, eager = per_iteration(problem), clock(lambda: plain.step(1.9), 9)
    row(
        "one iteration",
        f"eager torch, {torch.get_num_threads()} threads",
        ours,
        eager,
        wanted="≥ 10",
    )
    row("", "our torch backend, in place", ours, per_iteration(problem, "torch"))
    if not quick:
        _compiled(problem, ours)
    cold = clock(lambda: minimise(problem, stop=Stop(1e-3)), 5)
    print(f"cold to 1e-3: {cold * 1e3:.0f} ms (wanted ≤ 250)")
    _, warm = minimise(problem)
    changes = iter(np.tile([0.01, 0.03, 0.02], 10))
    live = clock(lambda: minimise_live(moved(problem, next(changes)), warm), 9)
    print(f"slider move:  {live * 1e3:.0f} ms (wanted ≤ 80)")


def _compiled(problem: Problem, ours: float) -> None:
    """Compile the reference's step, its prices held (torch cannot compile SciPy's)."""
    from napari_vslp.energy.engines.reference import (
        Borders,
        adjoint,
        gradient,
        project_ball,
        project_simplex,
    )

    plain, borders = ReferenceEngine(problem, start_state(problem)), Borders.of(problem, "cpu")
    right, down, ball, cost = borders.right, borders.down, borders.ball, torch.tensor(problem.cost)

    def step(u: torch.Tensor, p: torch.Tensor) -> tuple[torch.Tensor, ...]:
        new_p = project_ball(p + 0.4 * gradient(u, right, down), ball, False)
        new_u = project_simplex(u - 0.2 * (cost + adjoint(2 * new_p - p)))
        u = u + 1.9 * (new_u - u)
        return u, p + 1.9 * (new_p - p), u.sum((1, 2))

    try:
        compiled = torch.compile(step)
        began = time.perf_counter()
        compiled(plain.u, plain.p)
    except (torch._dynamo.exc.BackendCompilerFailed, RuntimeError) as error:
        print(f"    torch.compile found no working compiler here: {type(error).__name__}")
        return
    took = time.perf_counter() - began
    peer = clock(lambda: compiled(plain.u, plain.p), 9)
    row("", "torch.compile", ours, peer, wanted="≥ 4", note=f"after {took:.0f} s of compiling")
