"""What a further term of the energy is: differentiable, not necessarily convex, several at once.

Total variation is no such term: it is data of the `Problem`, since the kernels have it built in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_vslp.core.registries import TERMS
from napari_vslp.core.settings import Settings

FloatMap = NDArray[np.float32]


@dataclass(frozen=True)
class TermContext:
    """What a term is bound to.

    Attributes
    ----------
    image
        (H, W, 3) uint8 RGB.
    confidence
        c, (K, H, W) float32 in the simplex.
    mask
        (H, W) bool tissue mask.
    device
        Where the solver computes, such as ``"cpu"``.
    settings
        With the term's own options.
    """

    image: NDArray[np.uint8]
    confidence: FloatMap
    mask: NDArray[np.bool_]
    device: str
    settings: Settings


class BoundTerm(Protocol):
    """A differentiable R(u) ≥ 0 of one image."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of it, in sentences."""

    def value(self, u: FloatMap) -> FloatMap:
        """Return R pixel by pixel, (H, W) float32 ≥ 0, 0 outside the tissue (nats).

        Parameters
        ----------
        u
            (K, H, W) float32 in the simplex.
        """

    def value_and_gradient(self, u: FloatMap) -> tuple[FloatMap, FloatMap]:
        """Return the same and the gradient of its sum ∇R, (K, H, W) float32 (nats)."""


class Term(Protocol):
    """A kind of term, a class that is made without arguments.

    A term with options of its own has a class ``Options``, a frozen dataclass of
    `core.options.option` fields; it finds them in ``settings.of(name, Options)``.

    Attributes
    ----------
    name
        In `core.registries.TERMS`; its energy map is the layer and the file of that name.
    title
        What the window calls that map.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    def active(self, settings: Settings) -> bool:
        """Whether the settings ask for it."""

    def bind(self, context: TermContext) -> BoundTerm:
        """Return the term of one image.

        Raises
        ------
        VslpError
            If it cannot be used.
        """


def active_terms(settings: Settings) -> tuple[Term, ...]:
    """Return the registered terms that the settings ask for, in order."""
    terms: list[Term] = [kind() for kind in TERMS]
    return tuple(term for term in terms if term.active(settings))
