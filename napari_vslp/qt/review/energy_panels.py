"""The energies of a result by tissue, and of the search that led to it step by step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from napari_vslp.core.progress import Progress
from napari_vslp.core.tissues import Colour, Tissue
from napari_vslp.qt.parts.icons import name_label, swatches
from napari_vslp.qt.parts.small_plot import NO_PLOTS, PlotPanel, SmallPlot, can_plot
from napari_vslp.qt.review import messages

if TYPE_CHECKING:
    from napari_vslp.review.overview import EnergyByTissue

LEGEND = "Their part of all doubt. Full: numbers, pale: boundaries."
HOW_MUCH = "How doubtful their pixels are (% of them)"
_TIP = "To the right lie the pixels with more doubt; each curve has the colour of its tissue"
_FEWEST = 0.01  # per cent, the lower end of the scale
DISTANCE = "Distance from the best possible (%)"
ENERGIES = "Numbers (dotted), boundaries (thousands)"
_DISTANCE_TIP = "Proven at each step; the search ends when it is small enough"
_ENERGIES_TIP = "The doubt of numbers and of boundaries, which the search weighs against each other"
NONE_YET = "Press Segment: the search is drawn here while it runs."
AT_ONCE = "The last search was over at once: there is nothing to draw."


class TwoPartBar(QWidget):
    """Two lengths one after the other, in a full and a pale colour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.parts = (0.0, 0.0)
        self._colour = QColor("grey")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Return a bar as low as can still be read."""
        return QSize(120, 14)

    def show_parts(self, first: float, second: float, colour: Colour) -> None:
        """Show two lengths, as shares of the width."""
        self.parts, self._colour = (first, second), QColor(*colour)
        self.update()

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Paint track and parts."""
        painter = QPainter(self)
        painter.setPen(Qt.PenStyle.NoPen)
        track = self.palette().color(QPalette.ColorRole.WindowText)
        track.setAlphaF(0.14)
        pale = QColor(self._colour)
        pale.setAlphaF(0.5)
        first, second = (part * self.width() for part in self.parts)
        top = self.height() / 2 - 4
        for left, width, colour in (
            (0.0, float(self.width()), track),
            (0.0, first, self._colour),
            (first, second, pale),
        ):
            painter.setBrush(colour)
            painter.drawRect(QRectF(left, top, width, 8))
        painter.end()


class EnergyPanel(PlotPanel):
    """A bar a tissue, and the distribution of the energy over its pixels."""

    def __init__(self, theme: str, parent: QWidget | None = None) -> None:
        super().__init__(LEGEND, theme, parent)
        self._shown: tuple[EnergyByTissue, Sequence[Tissue]] | None = None
        self.bars: list[TwoPartBar] = []
        self.plot: SmallPlot | None = None
        self._curves: list[Any] = []
        self._rows = QWidget(self)
        self._layout.addWidget(self._rows)

    def show_energy(self, found: EnergyByTissue, tissues: Sequence[Tissue]) -> None:
        """Show the energies; drawn when the panel is next seen."""
        self._shown = (found, tissues)
        self._draw_if_seen()

    def _draw(self) -> None:
        if self._shown is None:
            return
        found, tissues = self._shown
        self._draw_bars(found, tissues)
        if self.plot is None:
            if not can_plot():
                self.note.setText(f"{LEGEND}\n{NO_PLOTS}")
                return
            self.plot = SmallPlot(
                HOW_MUCH, _TIP, ("doubt of a pixel", "pixels (%)"), self, symbol=None
            )
            self._layout.addWidget(self.plot)
            self._colour_plots()
        self._draw_curves(self.plot, found, tissues)

    def _draw_bars(self, found: EnergyByTissue, tissues: Sequence[Tissue]) -> None:
        old, self._rows = self._rows, QWidget(self)
        self.bars = []
        grid = QGridLayout(self._rows)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(1)
        total = max(sum(t.total for t in found.tissues), 1e-12)
        longest = max([t.total for t in found.tissues] + [1e-12])
        for row, (energy, tissue) in enumerate(zip(found.tissues, tissues, strict=True)):
            square = QLabel(self._rows)
            square.setPixmap(swatches(tissue.colour))
            bar = TwoPartBar(self._rows)
            parts = energy.fidelity / longest, energy.regularisation / longest
            bar.show_parts(*parts, tissue.colour)
            share = QLabel(messages.per_cent(energy.total / total), self._rows)
            share.setAlignment(Qt.AlignmentFlag.AlignRight)
            tip = (
                f"{tissue.name}: {energy.fidelity:,.0f} of numbers and "
                f"{energy.regularisation:,.0f} of boundaries, on {energy.pixels:,} pixels"
            )
            for column, widget in enumerate((square, name_label(tissue.name), bar, share)):
                grid.addWidget(widget, row, column)
                widget.setToolTip(tip)
            bar.setAccessibleName(tip)
            self.bars.append(bar)
        grid.setColumnStretch(1, 2)
        grid.setColumnStretch(2, 3)
        self._layout.replaceWidget(old, self._rows)
        old.deleteLater()

    def _draw_curves(
        self, plot: SmallPlot, found: EnergyByTissue, tissues: Sequence[Tissue]
    ) -> None:
        import pyqtgraph

        for curve in self._curves:
            plot.plot.removeItem(curve)
        middles = (found.edges[:-1] + found.edges[1:]) / 2
        self._curves = []
        for energy, tissue in zip(found.tissues, tissues, strict=True):
            pen = pyqtgraph.mkPen(QColor(*tissue.colour), width=2)
            values = np.log10(np.maximum(100 * energy.share, _FEWEST))
            self._curves.append(plot.plot.plot(middles, values, pen=pen))
        plot.plot.setXRange(0, float(found.edges[-1]), padding=0.02)
        plot.plot.setYRange(np.log10(_FEWEST), 2, padding=0.02)

    def _colour_plots(self) -> None:
        if self.plot is None:
            return
        self.plot.set_colours(self._colours)
        ticks = [(n, f"{10.0**n:g}") for n in range(-2, 3)]
        self.plot.plot.getAxis("left").setTicks([ticks, []])


class SearchPanel(PlotPanel):
    """Two plots over the steps of the last full search, drawn while it runs."""

    def __init__(self, theme: str, parent: QWidget | None = None) -> None:
        super().__init__(NONE_YET, theme, parent)
        self.steps: list[Progress] = []
        self.distance: SmallPlot | None = None
        self.energies: SmallPlot | None = None
        self._numbers: Any = None

    def add_head(self, widget: QWidget) -> None:
        """Put a widget above the plots."""
        self._layout.insertWidget(0, widget)

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
        self.distance = SmallPlot(DISTANCE, _DISTANCE_TIP, ("step", "%"), self)
        self.energies = SmallPlot(ENERGIES, _ENERGIES_TIP, ("step", "thousands"), self)
        self._numbers = self.energies.plot.plot(connect="finite")
        ticks = [(n, f"{10.0**n:g}") for n in range(-6, 5)]
        self.distance.plot.getAxis("left").setTicks([ticks, []])
        for plot in (self.distance, self.energies):
            self._layout.addWidget(plot)
        self._colour_plots()
        return True

    def _colour_plots(self) -> None:
        if self.distance is None or self.energies is None:
            return
        import pyqtgraph

        self.distance.set_colours(self._colours)
        self.energies.set_colours(self._colours)
        dotted = pyqtgraph.mkPen(self._colours.line, width=2, style=Qt.PenStyle.DotLine)
        self._numbers.setPen(dotted)
