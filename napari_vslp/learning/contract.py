"""What a learner is: a table of images in, a file out, and events that programs understand.

A new learner is one class and one line, ``LEARNERS.add(name, learner)`` or an entry point
(`napari_vslp.core.registries`). The command line's flags, the dock's form and the choice of what
to learn from are then made from it. Nothing slow is imported here, and none of a learner's own
module may be until `Learner.fit` is called.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from napari_vslp.core.errors import VslpError
from napari_vslp.core.progress import Job, Progress
from napari_vslp.core.registries import LEARNERS

if TYPE_CHECKING:
    from napari_vslp.learning.cohort import Cohort

# “reading”: images are read; “labels”: what to learn from is made; “round”: a step of a round;
# “check”: something was measured; “saved”: a stop from here on loses nothing; “done”: the file
# is written; “note”: a sentence worth keeping.
Kind = Literal["reading", "labels", "round", "check", "saved", "done", "note"]
_REFUSED = "refused"
DEFAULT_LEARNER = "proportions"


@dataclass(frozen=True, kw_only=True)
class Event(Progress):
    """One report of a learner: `stage` and `fraction` for people, the rest for programs.

    Attributes
    ----------
    kind
        What has happened.
    round, rounds
        The round of training, from 0, and how many there are.
    step, steps
        Steps of the round done, and how many it has.
    plan
        Steps of every round, said once and as early as they are known.
    figures
        What a check measured, by name.
    path
        The file written; only with “done”.
    """

    kind: Kind
    round: int | None = None
    rounds: int | None = None
    step: int | None = None
    steps: int | None = None
    plan: tuple[int, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    path: str | None = None


@dataclass(frozen=True)
class Run:
    """Where a training runs.

    Attributes
    ----------
    out
        The ``.safetensors`` file to write.
    work
        Folder to resume from; None: `default_work`.
    device
        As in `napari_vslp.encoders.devices.choose_device`.
    devices
        How many of them.
    precision
        ``"auto"``, or as Lightning names it, such as ``"bf16-mixed"`` or ``"32-true"``.
    restart
        Whether a stopped training that lies there is thrown away.
    """

    out: Path
    work: Path | None = None
    device: str = "auto"
    devices: int = 1
    precision: str = "auto"
    restart: bool = False

    @property
    def folder(self) -> Path:
        """The folder to resume from."""
        return self.work or default_work(self.out)


@dataclass(frozen=True)
class Trained:
    """What a training left.

    Attributes
    ----------
    model
        The file.
    card
        What it says of itself.
    contents
        What is in it, in a few words, such as the names of the tissues.
    figures
        How good it is, by name.
    summary
        A sentence for whoever waited.
    curves
        One line a check, with its figures by name.
    """

    model: Path
    card: Any
    contents: str
    figures: Mapping[str, float] = field(default_factory=dict)
    summary: str = ""
    curves: tuple[Mapping[str, float], ...] = ()


class Learner(Protocol):
    """Makes a file from a cohort.

    Attributes
    ----------
    name
        In `LEARNERS`, on the command line.
    title
        In the dock.
    Options
        A frozen dataclass whose fields are made by `napari_vslp.core.options.option`.
    columns
        What the table must have: ``"image"``, and ``"shares"`` if shares teach, or ``"tissues"``
        if the names of the tissues are enough.
    makes
        ``"model"``: a network that tells tissues apart; ``"regulariser"``: an energy of shapes.
    """

    @property
    def name(self) -> str:
        """In `LEARNERS`, on the command line."""
        ...

    @property
    def title(self) -> str:
        """In the dock."""
        ...

    @property
    def Options(self) -> type[Any]:  # noqa: N802 - a class
        """A frozen dataclass whose fields are made by `napari_vslp.core.options.option`."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """What the table must have."""
        ...

    @property
    def makes(self) -> Literal["model", "regulariser"]:
        """What the file is."""
        ...

    def fit(self, cohort: Cohort, options: Any, run: Run, job: Job) -> Trained:  # noqa: ANN401
        """Learn, and write the file whole or not at all.

        Parameters
        ----------
        cohort
            From `napari_vslp.learning.cohort.read_cohort`.
        options
            An instance of `Options`.
        run
            Where to compute and what to write.
        job
            Cancel token, and told an `Event` for everything that happens.

        Raises
        ------
        VslpError
            With one sentence, if it cannot learn from this.
        Cancelled
            If the job is told to stop.
        """
        ...


def default_work(out: Path) -> Path:
    """Return the folder in which a model is made: beside it, with its name."""
    return out.with_name(f"{out.stem}.training")


def flag_prefix(name: str) -> str:
    """Return what comes before the flags of a learner: its name, but for the usual one."""
    return "" if name == DEFAULT_LEARNER else name


def usable_learners() -> dict[str, Learner]:
    """Return the learners by name; one that cannot be loaded must not keep the others away."""
    found: dict[str, Learner] = {}
    for name in LEARNERS.names():
        with suppress(VslpError):
            found[name] = LEARNERS.get(name)
    return found


def check_columns(cohort: Cohort, learner: Learner) -> None:
    """Raise `VslpError` unless a cohort has what a learner learns from."""
    from napari_vslp.learning.cohort import check_identifiable

    if "shares" in learner.columns and cohort.truth is None:
        check_identifiable(cohort)


def to_line(report: Progress | VslpError) -> str:
    """Return a report, or the error that ended a training, as one line of JSON."""
    if isinstance(report, VslpError):
        told = {"what": report.what, "mend": report.mend, "remedy": report.remedy}
        return _dumped({"kind": _REFUSED} | told)
    line: dict[str, Any] = {"kind": "note" if report.note is not None else "labels"}
    line |= {name: value for name, value in asdict(report).items() if value not in (None, {}, ())}
    return _dumped(line | {"fraction": round(report.fraction, 4)})


def from_line(line: str) -> Event | VslpError | None:
    """Return what `to_line` wrote; None for any other line, such as a library's advice."""
    try:
        told: dict[str, Any] = json.loads(line)
        if told["kind"] == _REFUSED:
            return VslpError(told["what"], mend=told["mend"], remedy=told["remedy"])
        told["figures"] = {name: float(value) for name, value in told.get("figures", {}).items()}
        told["plan"] = tuple(map(int, told.get("plan", ())))
        return Event(**told) if told["kind"] in get_args(Kind) else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _dumped(line: Mapping[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False)
