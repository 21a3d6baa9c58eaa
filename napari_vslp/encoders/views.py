"""The eight flips and rotations of a square, with exact inverses.

They form the dihedral group D₄ of order 8. An average over all of them commutes with each of
them, because a flipped image only visits the same eight views in another order.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class View:
    """One flip or rotation: a mirror first, if any, then quarter turns.

    Attributes
    ----------
    turns
        Counter-clockwise quarter turns, 0…3.
    mirrored
        Whether left and right are swapped before the turns.
    """

    turns: int
    mirrored: bool

    def apply(self, image: Tensor) -> Tensor:
        """Return the view of an image.

        Parameters
        ----------
        image : Tensor
            Shape (…, H, W), any type.

        Returns
        -------
        Tensor
            Shape (…, H, W), or (…, W, H) after an odd number of turns.
        """
        return (image.flip(-1) if self.mirrored else image).rot90(self.turns, (-2, -1))

    def undo(self, image: Tensor) -> Tensor:
        """Return the image of a view: ``view.undo(view.apply(image))`` is ``image``, bit by bit.

        Parameters
        ----------
        image : Tensor
            Shape (…, H, W), any type; may be a map at a stride that divides the image's size.
        """
        turned = image.rot90(-self.turns, (-2, -1))
        return turned.flip(-1) if self.mirrored else turned


IDENTITY = View(0, mirrored=False)
VIEWS = tuple(View(turns, mirrored) for mirrored in (False, True) for turns in range(4))


def views(augmentation: bool) -> tuple[View, ...]:
    """Return all eight views, the untransformed one first, or that one alone."""
    return VIEWS if augmentation else (IDENTITY,)
