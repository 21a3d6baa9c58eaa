"""What the training is told to do: the choices in the window as arguments of ``train``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_vslp.core.errors import VslpError
from napari_vslp.qt.teach import words
from napari_vslp.qt.teach.form import ModelForm
from napari_vslp.qt.teach.reading import Reading
from napari_vslp.qt.teach.records import Records, lies_there


@dataclass(frozen=True)
class Order:
    """One training.

    Attributes
    ----------
    out
        The file to write.
    in_the_list
        Whether it is found by its name alone.
    rounds
        Steps of each round.
    arguments
        Of ``napari-vslp train``.
    restart
        Whether a stopped training that lies there is thrown away.
    """

    out: Path
    in_the_list: bool
    rounds: tuple[int, ...]
    arguments: tuple[str, ...]
    restart: bool

    @property
    def spec(self) -> str:
        """The model as `Settings.encoder` takes it."""
        return self.out.stem if self.in_the_list else str(self.out)

    def records(self) -> Records:
        """Return the checks that this training goes on from."""
        found = Records(self.rounds)
        if not self.restart:
            found.load(self.out)
        return found


def order(reading: Reading | None, form: ModelForm, *, restart: bool) -> Order:
    """Return what is to be done.

    Raises
    ------
    VslpError
        With one sentence, if a choice is missing or cannot be meant.
    """
    if reading is None:
        raise VslpError(words.NO_TABLE)
    if reading.problem is not None:
        raise VslpError(reading.problem)
    out, ask, rounds = form.out(), reading.ask, form.rounds()
    if out.exists() and not lies_there(out):
        raise VslpError(words.TAKEN.format(out.stem))
    given = {
        "--out": str(out),
        "--encoder": form.start.spec(),
        "--steps": ",".join(str(steps) for steps in rounds),
        "--tolerance": f"{ask.tolerance:g}" if ask.tolerance else None,
        "--images": str(ask.images) if ask.images else None,
        "--split": ask.split,
        "--tissues": ",".join(reading.tissues) if reading.tissues else None,
    }
    # With “=”, a name that begins with a hyphen is no flag.
    told = [f"{flag}={value}" for flag, value in given.items() if value is not None]
    arguments = (str(ask.path), *told, *(["--restart"] if restart else []))
    return Order(out, form.in_the_list(), rounds, arguments, restart)
