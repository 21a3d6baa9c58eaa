"""Where the solver runs: on the GPU where there is one, and on the processor if that is full."""

from __future__ import annotations

from napari_vslp.core.progress import Job
from napari_vslp.core.settings import Settings
from napari_vslp.energy.minimise import Warm, minimise, minimise_live
from napari_vslp.energy.problem import Problem
from napari_vslp.energy.solver import Solution, Stop


def solver_device(settings: Settings) -> str:
    """Return ``"cuda"`` (or the one named) if there is one and it may be used, else ``"cpu"``.

    Apple's GPU is left out: the fused kernel on its processor is the faster of the two.
    """
    device = settings.device
    if settings.backend == "numba" or not device.startswith(("auto", "cuda")):
        return "cpu"
    import torch

    if not torch.cuda.is_available():
        return "cpu"
    return "cuda" if device == "auto" else device


def minimise_on_device(
    problem: Problem, warm: Warm | None, settings: Settings, *, live: bool, job: Job
) -> tuple[Solution, Warm]:
    """Minimise where the settings say, and on the processor if the GPU's memory is full.

    Parameters
    ----------
    warm
        The previous state; left aside if it is of another size.
    live
        Whether a slider is moving; see `minimise.minimise_live`.

    Raises
    ------
    Cancelled
        If the job was told to stop.
    """
    if warm is not None and warm.cost.shape != problem.cost.shape:
        warm = None
    device = solver_device(settings)
    try:
        return _solve(device, problem, warm, settings, live, job)
    except RuntimeError as error:
        if device == "cpu" or "out of memory" not in str(error).lower():
            raise
        job.say("The graphics card's memory is full: fusing on the processor instead.")
        return _solve("cpu", problem, warm, settings, live, job)


def _solve(  # noqa: PLR0917 - one call site above, in this order
    device: str, problem: Problem, warm: Warm | None, settings: Settings, live: bool, job: Job
) -> tuple[Solution, Warm]:
    backend = settings.backend
    if live and warm is not None:
        return minimise_live(problem, warm, backend=backend, device=device, job=job)
    stop = Stop(settings.tolerance, settings.max_iterations)
    return minimise(problem, warm=warm, stop=stop, backend=backend, device=device, job=job)


def stopped_early(found: Solution, settings: Settings) -> str:
    """Return a sentence if a solve ended before its tolerance; else nothing."""
    gap = found.certificate.relative_gap
    # A hair above it is rounding.
    if gap <= 1.01 * settings.tolerance or found.iterations < settings.max_iterations:
        return ""
    return (
        f"The solver stopped after {found.iterations} iterations, before its tolerance: the result "
        f"may be {gap:.2%} from the best possible one; allow more with --max-iterations."
    )
