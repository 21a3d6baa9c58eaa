"""Two tissues: one solve holds every proportion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_vslp.core.progress import Job
from napari_vslp.core.registries import PENALTIES
from napari_vslp.energy.engines.fused import FusedEngine
from napari_vslp.energy.minimise import minimise, minimise_live
from napari_vslp.energy.penalties.contract import Penalty
from napari_vslp.energy.problem import OUTSIDE
from napari_vslp.energy.proportion_curve import proportion_curve
from napari_vslp.energy.solver import Stop
from tests.energy.problems import random_problem


def asked(mode: str, share: float, width: float = 0.01) -> Penalty:
    target = np.array([share, 1 - share])
    return PENALTIES.get(mode)(np.maximum(target - width, 0), np.minimum(target + width, 1), target)


@pytest.mark.parametrize("mode", PENALTIES.names())
@pytest.mark.parametrize("share", [0.2, 0.5, 0.75])
def test_look_ups_are_optimal_for_anisotropic_boundaries(mode: str, share: float) -> None:
    problem = random_problem(2, mode="none", anisotropic=True, smoothness=1)
    curve = proportion_curve(problem, iterations=1500)
    penalty = asked(mode, share)
    state = curve.look_up(penalty)
    found = FusedEngine(replace(problem, penalty=penalty), state).certify(Job())
    # The look-up resolves areas to a pixel and blends labels over 0.005 nats.
    assert 0 <= found.relative_gap < 3e-3
    assert found.violation < 2e-3


def test_shares_are_monotone_and_nested() -> None:
    problem = random_problem(2)
    curve = proportion_curve(problem)
    previous = np.zeros(problem.tv_weight.shape, bool)
    for share in np.linspace(0, 1, 21):
        now = curve.level > curve.threshold(share)
        assert now.mean() == pytest.approx(share, abs=1 / now.size + 1e-9)
        assert (now >= previous).all()
        previous = now


def test_the_mask_is_left_out() -> None:
    problem = random_problem(2, (40, 40))
    problem.tv_weight[:, 20:] = OUTSIDE
    curve = proportion_curve(problem)
    assert len(curve.ordered) == 800


def test_live_uses_the_curve_and_keeps_it() -> None:
    problem = random_problem(2, (96, 96))
    _, warm = minimise(problem, stop=Stop(1e-3, 500))
    moved = replace(problem, penalty=asked("interval", 0.6))
    first, warm = minimise_live(moved, warm)
    assert first.iterations <= 20
    assert first.certificate.relative_gap < 1e-2
    curve = warm.curve
    second, warm = minimise_live(replace(moved, penalty=asked("interval", 0.3)), warm)
    assert warm.curve is curve
    assert second.certificate.area[0] < first.certificate.area[0]
    polished, _ = minimise(replace(moved, penalty=asked("interval", 0.3)), warm=warm)
    assert polished.certificate.relative_gap <= 1e-4
