"""What a user may set about a segmentation, beside the weak labels themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, Literal

from napari_vslp.core.errors import VslpError
from napari_vslp.core.options import check_options, option
from napari_vslp.core.registries import PENALTIES

Backend = Literal["auto", "numba", "torch"]
Smoothness = float | Literal["auto"]
ClicksSay = Literal["nearness", "contrast"]
DEFAULT_SMOOTHNESS = 2.0
# The regulariser that nothing had to be learnt for.
TOTAL_VARIATION = "tv"


def parse_smoothness(text: str) -> Smoothness:
    """Read a number or ``auto``.

    Raises
    ------
    VslpError
        If it is neither.
    """
    if text == "auto":
        return "auto"
    try:
        return float(text)
    except ValueError as error:
        raise VslpError(
            f"“{text}” is no smoothness: give --smoothness a number, such as 2, or auto."
        ) from error


@dataclass(frozen=True)
class Settings:
    """Settings of one segmentation; the defaults suit most H&E images.

    Each field carries the `Option` from which the dock, the command line, the check of its value,
    docs/options.md and the cache keys are made.

    Attributes
    ----------
    encoder
        ``"bundled"``, the name of a model in the library, the path of a ``.safetensors`` file, or
        a hub name (``"hf-hub:…"``).
    augmentation
        Whether several flips, rotations and magnifications are averaged in stage 1.
    smoothness
        λ ≥ 0, the weight of the boundary length (nats per px); 0 switches it off; ``"auto"``
        chooses it from the image (`napari_vslp.energy.blindspot`).
    edges
        Whether boundaries are cheaper where the image has an edge.
    colours
        Whether the image's own colours help to tell the tissues apart
        (`napari_vslp.confidence.colours`).
    clicks_say
        ``"nearness"``: a click speaks for what looks like it and is near it
        (`napari_vslp.confidence.clicks`); ``"contrast"``: for what looks more like it than like
        the clicks in other tissues (`napari_vslp.confidence.contrast`).
    regulariser
        ``"tv"``, or the path of a learned regulariser that is added to it
        (`napari_vslp.energy.terms.tdv`).
    trust
        How the proportions are met; see `napari_vslp.energy.penalties`.
    trust_strength
        ρ > 0 of the robust, quadratic and Kullback–Leibler trust modes (nats).
    tissue_only
        Whether white background is left out, so that shares are shares of tissue.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    backend
        The solver: ``"numba"`` (CPU), ``"torch"`` (any device) or ``"auto"``.
    tolerance
        Relative duality gap at which the solver stops.
    max_iterations
        Where the solver stops at the latest.
    seed
        Of everything that draws random numbers.
    cache
        Whether what the encoder saw is remembered on disk, so that it looks at an image once.
    extras
        Options of registered sources of confidence and energy terms that are no part of this
        class: name of the member → its ``Options`` (`napari_vslp.core.registries`).
    """

    trust: str = option(
        "interval",
        "Meet the shares",
        "How far the numbers typed are to be trusted against the image",
        subject="Trust",
        flag="--trust",
        help="how the shares are met",
        choices=PENALTIES,
    )
    trust_strength: float = option(
        1.0,
        "Strength",
        "How strongly the numbers pull",
        subject="The strength of the trust",
        flag="--trust-strength",
        help="of robust, quadratic and kl",
        low=0.0,
        high=1e6,
        open_below=True,
        needs=("trust", ("quadratic", "kl", "robust")),
    )
    smoothness: Smoothness = option(
        DEFAULT_SMOOTHNESS,
        "Smoothness",
        "Larger: smoother, fewer small islands",
        flag="--smoothness",
        help="weight of the boundaries' length, or auto: chosen from the image",
        low=0.0,
        high=1000.0,
        words=("auto",),
        control="smoothness",
        parse=parse_smoothness,
    )
    regulariser: str = option(
        TOTAL_VARIATION,
        "Shapes",
        "Shapes of tissue that were learnt beforehand, added to the smoothness",
        subject="The regulariser",
        flag="--regulariser",
        help="learned shapes to add to the boundaries' length (default tv: none)",
        metavar="FILE",
        control="shapes",
    )
    edges: bool = option(
        True,
        "Boundaries follow edges in the image",
        "Boundaries are cheaper where the image itself has an edge",
        flag="--no-edges",
        help="ignore edges in the image",
    )
    colours: bool = option(
        True,
        "Colours help to tell the tissues apart",
        "Which tissue has which colour is learnt from each image anew.\n"
        "Switch it off where stain and tissue do not go together.",
        flag="--no-colours",
        help="ignore the image's colours",
    )
    clicks_say: ClicksSay = option(
        "nearness",
        "Clicks say",
        "This place and what is like it nearby; or whatever in the image is more like\n"
        "this tissue's clicks than like the clicks in the other tissues",
        flag="--clicks-say",
        help="what a click tells of places beside it",
        choices={"nearness": "What is near and alike", "contrast": "What differs from the others"},
    )
    tissue_only: bool = option(
        False,
        "Leave out white background",
        "Shares are then shares of the tissue, not of the region",
        flag="--tissue-only",
        help="leave white background out",
    )
    encoder: str = option(
        "bundled",
        "Model",
        "The network that tells the tissues apart",
        subject="The model",
        flag="--encoder",
        help="bundled, the name of a model of yours, a .safetensors file or hf-hub:NAME",
        group="reading",
        live=False,
        control="model",
    )
    augmentation: bool = option(
        True,
        "Look several times (slower, surer)",
        "The image is read turned, mirrored, enlarged and reduced, and all of it is averaged",
        flag="--no-augmentation",
        help="look once, not several times",
        group="reading",
        live=False,
    )
    device: str = option(
        "auto",
        "Compute on",
        "The processor, or a graphics card where there is one",
        subject="The device",
        flag="--device",
        help="auto, cpu, cuda, cuda:1 or mps",
        group="reading",
        live=False,
        control="device",
    )
    backend: Backend = option(
        "auto",
        "Solver",
        "The kernel for the processor (numba), or torch, which runs anywhere",
        subject="The solver",
        flag="--backend",
        help="what solves",
        choices={"auto": "Automatic", "numba": "Processor kernel", "torch": "torch"},
        group="running",
        live=False,
        dock=False,
    )
    tolerance: float = option(
        1e-4,
        "Tolerance",
        "Relative gap to the best possible answer at which the solver stops",
        flag="--tolerance",
        help="relative gap at which to stop",
        low=0.0,
        high=0.999,
        open_below=True,
        group="running",
        dock=False,
    )
    max_iterations: int = option(
        3000,
        "The number of iterations",
        "Where the solver stops at the latest",
        flag="--max-iterations",
        help="at which to stop at the latest",
        low=1,
        high=1e9,
        group="running",
        dock=False,
    )
    seed: int = option(
        0,
        "The seed",
        "Of everything that draws random numbers",
        flag="--seed",
        help="of random numbers",
        low=0,
        high=2**63 - 1,
        group="reading",
        dock=False,
    )
    cache: bool = option(
        True,
        "Remember what was read",
        "What the network saw of an image is kept on this computer, so that it looks once",
        flag="--no-cache",
        help="read the image anew, keep nothing",
        group="running",
        dock=False,
    )
    extras: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    def __post_init__(self) -> None:
        """Take paths for their text, and refuse what cannot be meant."""
        for name in ("encoder", "regulariser"):
            value = getattr(self, name)
            if isinstance(value, PurePath):
                object.__setattr__(self, name, str(value))
        check_options(self)
        for options in self.extras.values():
            check_options(options)

    @property
    def boundary_weight(self) -> float:
        """λ as a number; the usual one while it is still to be chosen."""
        return DEFAULT_SMOOTHNESS if isinstance(self.smoothness, str) else self.smoothness

    def of(self, name: str, kind: type) -> Any:  # noqa: ANN401 - any dataclass of options
        """Return the options of a registered member; its defaults if nobody set them."""
        return self.extras.get(name) or kind()

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain JSON values."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        extras = {name: asdict(options) for name, options in plain.pop("extras").items()}
        return plain | ({"extras": extras} if extras else {})
