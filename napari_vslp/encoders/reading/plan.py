"""In which views and at which magnifications an image is read, and in which order.

The flips and rotations of a square form the dihedral group D₄ of order 8 and have exact inverses.
Four of them, none of which turns the image by a quarter, are a group of their own, and the other
four are its coset: an image that is not square has one shape in the ones and one in the others.
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

    def shape_of(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of the view of an image of that height and width."""
        return shape if self.turns % 2 == 0 else (shape[1], shape[0])

    def part(self, image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Return ``apply(image)[..., rows, :][..., columns]`` without turning the whole image.

        Parameters
        ----------
        image : Tensor
            Shape (…, H, W), any type.
        rows, columns : Tensor
            Indices into the view, int64.
        """
        height, width = image.shape[-2:]
        down, right = (
            (rows, columns),
            (columns, width - 1 - rows),
            (height - 1 - rows, width - 1 - columns),
            (height - 1 - columns, rows),
        )[self.turns]
        if self.mirrored:
            right = width - 1 - right
        first = int(right.min())
        near = image[..., first : int(right.max()) + 1].index_select(-2, down)
        found = near.index_select(-1, right - first)
        return found.transpose(-2, -1) if self.turns % 2 else found


IDENTITY = View(0, mirrored=False)
UPRIGHT = tuple(View(turns, mirrored) for mirrored in (False, True) for turns in (0, 2))
TURNED = tuple(View(turns, mirrored) for mirrored in (False, True) for turns in (1, 3))
VIEWS = (*UPRIGHT, *TURNED)


@dataclass(frozen=True)
class Step:
    """Views of an image at one magnification, which are read together.

    Attributes
    ----------
    zoom
        Magnification: 1 for the image as it is.
    views
        At least one.
    """

    zoom: float
    views: tuple[View, ...]


# Nobody knows an image's magnification for certain, so the head also judges it reduced and
# enlarged, which helps at the training's own scale and more at others. All three magnifications
# matter, single views hardly (docs/accuracy.md): each is read once before any is read again.
# Clicks go by the features of all four views of the image as it is.
STEPS = (
    Step(1, UPRIGHT[:1]),
    Step(2 / 3, TURNED[:1]),
    Step(3 / 2, UPRIGHT[1:2]),
    Step(1, UPRIGHT[1:]),
    Step(2 / 3, TURNED[1:2]),
    Step(3 / 2, TURNED[1:2]),
)
# From this many steps on, one that changes fewer labels than this share is the last: what then
# follows would change fewer still.
NEEDED = 4
SETTLED = 0.0075
# Whether the steps that are not needed will be read is foretold by how many labels the second and
# the third step changed: rightly for 80 and 85 % of 60 `ebhi_seg` training images.
RESTLESS = {2: 0.037, 3: 0.021}


def steps_of(augmentation: bool, head: bool) -> tuple[Step, ...]:
    """Return the steps in which an image is read; the first one holds the image as it is.

    Parameters
    ----------
    augmentation : bool
        Whether it is read in more than that one view.
    head : bool
        Whether the network has a head; without one, other magnifications tell nothing.
    """
    if not augmentation:
        return (Step(1, (IDENTITY,)),)
    return STEPS if head else tuple(step for step in STEPS if step.zoom == 1)


def plan_key(augmentation: bool, head: bool) -> list[object]:
    """Return what tells one plan from another, in plain numbers."""
    steps = steps_of(augmentation, head)
    views = [[step.zoom, [[view.turns, view.mirrored] for view in step.views]] for step in steps]
    return [*views, NEEDED, SETTLED]
