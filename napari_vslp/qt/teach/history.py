"""The metric history of a training: kept over its runs, timed, and drawn as two small curves."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_vslp.learning.contract import default_work
from napari_vslp.qt.parts.small_plot import NO_PLOTS, PlotColours, SmallPlot, can_plot, plot_colours
from napari_vslp.qt.teach import messages

Key = tuple[int, int]
DIFFERENCE = "Difference to the typed shares (points)"
AGREEMENT = "How well outlines and shares agree"
LOWER = "The lower, the better."


def lies_there(out: Path) -> bool:
    """Return whether a stopped training of this model can be gone on with."""
    try:
        return (default_work(out) / "state.json").is_file()
    except OSError:  # a name that is too long, or a folder that may not be entered
        return False


class MetricHistory:
    """The figures of all checks so far.

    Parameters
    ----------
    rounds
        Steps of each round.
    """

    def __init__(self, rounds: Sequence[int] = ()) -> None:
        self.rounds = tuple(rounds)
        self._checks: dict[Key, Mapping[str, float]] = {}

    @property
    def total(self) -> int:
        """Steps of all rounds."""
        return sum(self.rounds)

    def add(self, number: int, step: int, figures: Mapping[str, float]) -> None:
        """Take the figures of one check; a check done again takes the place of the first."""
        self._checks[number, step] = dict(figures)

    def load(self, out: Path) -> None:
        """Take the checks of the training that lies in the folder of a model, if one does."""
        try:
            with (default_work(out) / "curves.csv").open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
        except (OSError, ValueError, csv.Error):
            return  # the curves then merely begin anew
        for row in rows:
            try:
                known = {name: float(value) for name, value in row.items() if value}
                self.add(int(known.pop("round")), int(known.pop("step")), known)
            except (ValueError, KeyError, TypeError):
                continue  # a line cut short by a crash

    def has(self, name: str) -> bool:
        """Return whether any check measured this figure."""
        return any(name in figures for figures in self._checks.values())

    def last(self, name: str) -> float | None:
        """Return the figure as it was measured last."""
        values = [figures[name] for _, figures in sorted(self._checks.items()) if name in figures]
        return values[-1] if values else None

    def line(self, name: str) -> tuple[list[float], list[float]]:
        """Return steps since the beginning and values, with a gap (nan) between two rounds.

        Each round learns from other outlines, so that its figures do not go on from the last's.
        """
        steps: list[float] = []
        values: list[float] = []
        before = None
        for (number, step), figures in sorted(self._checks.items()):
            if name not in figures:
                continue
            at = float(sum(self.rounds[:number]) + step)
            if before is not None and number != before:
                steps.append(at)
                values.append(float("nan"))
            steps.append(at)
            values.append(figures[name])
            before = number
        return steps, values

    def __len__(self) -> int:
        """Return how many checks there are."""
        return len(self._checks)


class StepTimer:
    """Times the steps since this process began; silent until the first check.

    Parameters
    ----------
    rounds
        Steps of each round.
    """

    def __init__(self, rounds: Sequence[int] = ()) -> None:
        self.rounds = tuple(rounds)
        self._round = -1
        self._first = (0, 0.0)
        self._per_step: float | None = None
        self._done = 0

    def follow(self, number: int, step: int, *, checked: bool, now: float | None = None) -> None:
        """Take note of a step; `checked` if it ends with a check, whose time counts too."""
        moment = time.monotonic() if now is None else now
        if number != self._round:
            # The time between two rounds is none of their steps'.
            self._round, self._first = number, (step, moment)
        self._done = step
        begun, since = self._first
        if checked and step > begun:
            self._per_step = (moment - since) / (step - begun)

    def seconds_left(self) -> float | None:
        """Return what all steps to come will take; None before the first check."""
        if self._per_step is None or self._round < 0:
            return None
        to_come = sum(self.rounds[self._round :]) - self._done
        return max(0, to_come) * self._per_step


class Curves(QWidget):
    """The difference on images kept aside, and the agreement on those learnt from.

    Parameters
    ----------
    theme
        napari's, by its name.
    """

    def __init__(self, theme: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.history, self._aside = MetricHistory(), True
        self._colours = plot_colours(theme)
        self.difference: _Plot | None = None
        self.agreement: _Plot | None = None
        self.note = QLabel(LOWER, self)
        self.note.setObjectName("quiet")
        self.note.setAccessibleName("How to read the curves")
        self.note.setWordWrap(True)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)
        self._layout.addWidget(self.note)
        self.hide()

    def begin(self, history: MetricHistory, aside: bool = True) -> None:
        """Show the curves of a training; its axis is as long as the training will be.

        Parameters
        ----------
        history
            What is drawn, now and whenever `follow` is called.
        aside
            Whether this kind of training keeps images aside, if there are enough.
        """
        self.history, self._aside = history, aside
        self.show()
        self._make()
        self.follow()

    def follow(self) -> None:
        """Draw what is known by now."""
        if self.difference is None or self.agreement is None:
            return
        shown = self.history.has("area_error") or not len(self.history)
        self.difference.setVisible(self._aside and shown)
        self.note.setText(LOWER if shown or not self._aside else messages.NONE_ASIDE)
        steps, values = self.history.line("area_error")
        self.difference.draw(steps, [100 * value for value in values], self.history)
        self.agreement.draw(*self.history.line("loss"), self.history)

    def set_theme(self, theme: str) -> None:
        """Take the colours of another theme."""
        self._colours = plot_colours(theme)
        for plot in (self.difference, self.agreement):
            if plot is not None:
                plot.set_colours(self._colours)

    def _make(self) -> None:
        """Make the plots when they are first wanted: their package takes a while to load."""
        if self.difference is not None:
            return
        if not can_plot():
            self.note.setText(NO_PLOTS)
            return
        tip = "On images kept aside, half the sum of what each tissue is off; lower is better"
        self.difference = _Plot(DIFFERENCE, tip, "points", self)
        tip = "On the images learnt from; lower is better"
        self.agreement = _Plot(AGREEMENT, tip, "disagreement", self)
        for plot in (self.difference, self.agreement):
            plot.set_colours(self._colours)
            self._layout.addWidget(plot)


class _Plot(SmallPlot):
    """One curve over the whole length of a training, with a line between its rounds."""

    def __init__(self, title: str, tip: str, up: str, parent: QWidget) -> None:
        super().__init__(title, tip, ("step", up), parent)
        self._borders: list[Any] = []
        self._pen: Any = None

    def draw(self, steps: list[float], values: list[float], history: MetricHistory) -> None:
        """Show a curve over the whole length of the training."""
        self.curve.setData(steps, values)
        known = [value for value in values if value == value]  # noqa: PLR0124 - leaves out nan
        self.plot.setXRange(0, max(history.total, 1), padding=0.02)
        self.plot.setYRange(0, 1.15 * max([*known, 1e-3]), padding=0)
        self._mark_rounds(history)

    def set_colours(self, colours: PlotColours) -> None:
        """Take the colours of a theme."""
        import pyqtgraph

        super().set_colours(colours)
        self._pen = pyqtgraph.mkPen(colours.text, width=1, style=Qt.PenStyle.DotLine)
        for border in self._borders:
            border.setPen(self._pen)

    def _mark_rounds(self, history: MetricHistory) -> None:
        import pyqtgraph

        wanted = [sum(history.rounds[:number]) for number in range(1, len(history.rounds))]
        if [border.value() for border in self._borders] == wanted:
            return
        for border in self._borders:
            self.plot.removeItem(border)
        self._borders = [pyqtgraph.InfiniteLine(at, angle=90, pen=self._pen) for at in wanted]
        for border in self._borders:
            self.plot.addItem(border)
