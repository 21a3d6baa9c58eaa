"""How the search for the best result went: its distance from it, and the energies, step by step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_vslp.core.progress import Progress
from napari_vslp.qt.parts.small_plot import NO_PLOTS, PlotPanel, SmallPlot, can_plot

DISTANCE = "Distance from the best possible (%)"
ENERGIES = "Numbers (dotted), boundaries (thousands)"
_DISTANCE_TIP = "Proven at each step; the search ends when it is small enough"
_ENERGIES_TIP = "The doubt of numbers and of boundaries, which the search weighs against each other"
NONE_YET = "Press Segment: the search is drawn here while it runs."
AT_ONCE = "The last search was over at once: there is nothing to draw."


class SearchPanel(PlotPanel):
    """Two plots over the steps of the last full search, drawn while it runs."""

    def __init__(self, theme: str, parent: QWidget | None = None) -> None:
        super().__init__(NONE_YET, theme, parent)
        self.steps: list[Progress] = []
        self.distance: SmallPlot | None = None
        self.energies: SmallPlot | None = None
        self._numbers: Any = None

    def follow(self, progress: Progress) -> None:
        """Add one step; a step before the last one belongs to a new search."""
        if progress.iteration is None:
            return
        if self.steps and progress.iteration <= (self.steps[-1].iteration or 0):
            self.steps = []
        self.steps.append(progress)
        self._draw_if_seen()

    def show_steps(self, steps: Iterable[Progress]) -> None:
        """Show a whole search."""
        self.steps = list(steps)
        self._draw_if_seen()

    def _draw(self) -> None:
        if self.distance is None and not self._make():
            return
        if self.distance is None or self.energies is None:
            return
        enough = len(self.steps) > 1
        self.note.setVisible(not enough)
        for plot in (self.distance, self.energies):
            plot.setVisible(enough)
        self.note.setText(AT_ONCE if self.steps else NONE_YET)
        steps = np.array([p.iteration or 0 for p in self.steps], float)
        gaps = np.array([max(100 * (p.gap or 0.0), 1e-6) for p in self.steps])
        numbers = np.array([(p.fidelity or 0.0) / 1000 for p in self.steps])
        boundaries = np.array([(p.regularisation or 0.0) / 1000 for p in self.steps])
        self.distance.curve.setData(steps, np.log10(gaps))
        self.energies.curve.setData(steps, boundaries)
        self._numbers.setData(steps, numbers)
        for plot in (self.distance, self.energies):
            plot.plot.setXRange(0, max([*steps, 1.0]), padding=0.02)
        logs = np.log10(gaps) if len(gaps) else np.zeros(1)
        self.distance.plot.setYRange(np.floor(logs.min()), np.ceil(logs.max() + 1e-9), padding=0.05)
        top = max([*numbers, *boundaries, 1e-3])
        self.energies.plot.setYRange(0, 1.1 * top, padding=0)

    def _make(self) -> bool:
        if not can_plot():
            self.note.setText(NO_PLOTS)
            return False
        self.distance = SmallPlot(DISTANCE, _DISTANCE_TIP, self)
        self.energies = SmallPlot(ENERGIES, _ENERGIES_TIP, self)
        self._numbers = self.energies.plot.plot(connect="finite")
        ticks = [(n, f"{10.0**n:g}") for n in range(-6, 5)]
        self.distance.plot.getAxis("left").setTicks([ticks, []])
        for plot in (self.distance, self.energies):
            self._layout.addWidget(plot)
        self._wear()
        return True

    def _wear(self) -> None:
        if self.distance is None or self.energies is None:
            return
        import pyqtgraph

        self.distance.wear(self._look)
        self.energies.wear(self._look)
        dotted = pyqtgraph.mkPen(self._look.line, width=2, style=Qt.PenStyle.DotLine)
        self._numbers.setPen(dotted)
