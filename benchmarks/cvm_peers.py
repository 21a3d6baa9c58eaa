"""What clicks by contrast are measured against: operator splitting, random walks, a forest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_banded
from scipy.sparse import diags_array
from scipy.sparse.linalg import spsolve

Maps = NDArray[np.float64]
Places = Sequence[tuple[int, int, int]]


class Splitting:
    """Additive operator splitting of the convex Chan–Vese flow, as the paper describes it.

    u_t = ∇·(λg ∇u / |∇u|_ε) − d. An iteration solves (I − 2τ A_l(u)) v_l = u − τ d along rows
    and along columns, and takes the mean (Lu, Neittaanmäki and Tai 1991; Weickert and others
    1998). Instead of the exact penalty of Chan, Esedoglu and Nikolova, whose explicit step
    oscillated in ours at τ = 1, u is clipped to [0, 1]. Of τ in {0.1, 0.3, 1, 3} and ε in
    {0.1, 0.01} the defaults are those of (nearly) the lowest energies in both problems of
    ``benchmarks/cvm.py``; a larger τ is nearer to them after 5 and 30 iterations.

    Parameters
    ----------
    difference, radius
        (n, H, W): d and λg/2.
    """

    def __init__(
        self,
        difference: NDArray[np.float32],
        radius: NDArray[np.float32],
        *,
        tau: float = 0.3,
        epsilon: float = 0.01,
    ) -> None:
        self.d, self.weight = difference.astype(float), 2.0 * radius.astype(float)
        self.tau, self.epsilon = tau, epsilon
        self.u = (self.d < 0).astype(float)

    def run(self, solver: str, most: int, still: float = 1e-5) -> int:
        """Iterate until u moves by less than `still` on average; return the iterations done."""
        for done in range(1, most + 1):
            old = self.u
            self.u = np.stack([self._step(index, solver) for index in range(len(old))])
            if np.abs(self.u - old).mean() < still:
                return done
        return most

    def _step(self, index: int, solver: str) -> Maps:
        u = self.u[index]
        across, down = np.zeros_like(u), np.zeros_like(u)
        across[:, :-1], down[:-1] = np.diff(u, axis=1), np.diff(u, axis=0)
        conductivity = self.weight[index] / np.sqrt(across**2 + down**2 + self.epsilon**2)
        right = u - self.tau * self.d[index]
        along_rows = self._line(conductivity, right, solver)
        along_columns = self._line(conductivity.T, right.T, solver).T
        return np.clip((along_rows + along_columns) / 2, 0, 1)

    def _line(self, conductivity: Maps, right: Maps, solver: str) -> Maps:
        """Solve (I − 2τ A) v = right, A the diffusion along the rows: one tridiagonal system."""
        between = conductivity.copy()
        between[:, -1] = 0  # nothing flows from the end of a row to the next
        upper = -2 * self.tau * between.ravel()
        middle = 1 - upper - np.concatenate([[0.0], upper[:-1]])
        if solver == "banded":
            bands = np.stack([np.concatenate([[0.0], upper[:-1]]), middle, upper])
            return np.asarray(solve_banded((1, 1), bands, right.ravel())).reshape(right.shape)
        system = diags_array([upper[:-1], middle, upper[:-1]], offsets=(-1, 0, 1), format="csc")
        return np.asarray(spsolve(system, right.ravel())).reshape(right.shape)

    @staticmethod
    def energy(
        difference: NDArray[np.float32], radius: NDArray[np.float32], u: NDArray[np.generic]
    ) -> float:
        """Return Σ d u + Σ λg |∇u| of n problems, u clipped to [0, 1], in double precision."""
        inside = np.clip(u.astype(float), 0, 1)
        across, down = np.zeros_like(inside), np.zeros_like(inside)
        across[:, :, :-1], down[:, :-1] = np.diff(inside, axis=2), np.diff(inside, axis=1)
        length = 2.0 * radius * np.sqrt(across**2 + down**2)
        return float((difference * inside).sum() + length.sum())


def walker(image: NDArray[np.uint8], clicks: Places) -> NDArray[np.intp]:
    """Return the tissue of each pixel by random walks on the colours (Grady 2006)."""
    from skimage.segmentation import random_walker

    seeds = np.zeros(image.shape[:2], np.int32)
    for tissue, row, column in clicks:
        seeds[row, column] = tissue + 1
    found = random_walker(image / 255.0, seeds, beta=130, mode="bf", channel_axis=-1)
    return np.asarray(found, np.intp) - 1


def random_forest(image: NDArray[np.uint8], clicks: Places) -> NDArray[np.intp]:
    """Return the tissue of each pixel by a forest on multi-scale filters, as ilastik does."""
    from skimage.feature import multiscale_basic_features
    from sklearn.ensemble import RandomForestClassifier

    features = multiscale_basic_features(  # type: ignore[no-untyped-call]
        image, edges=True, texture=True, sigma_min=1, sigma_max=16, channel_axis=-1
    )
    rows, columns = np.array([c[1:] for c in clicks]).T
    forest = RandomForestClassifier(100, random_state=0)
    forest.fit(features[rows, columns], [c[0] for c in clicks])
    flat = features.reshape(-1, features.shape[-1])
    return np.asarray(forest.predict(flat), np.intp).reshape(image.shape[:2])
