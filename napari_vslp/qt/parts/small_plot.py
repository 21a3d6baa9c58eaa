"""A small plot under its title, in the colours of the theme; pyqtgraph is loaded when wanted."""

from __future__ import annotations

from typing import Any, NamedTuple

from napari.utils.theme import get_theme
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

NO_PLOTS = "The curves need one more package: pip install pyqtgraph, then open napari again."
_HEIGHT = 124
_CONTRAST = 0.3  # of lightness, 0…1
_AXIS = 56  # px, the same for all, so that what belongs together lies above each other


class PlotColours(NamedTuple):
    """The colours of a plot, as Qt names them."""

    background: str
    text: str
    line: str


def plot_colours(theme: str) -> PlotColours:
    """Return the colours of a plot in a napari theme, by its name."""
    found = get_theme(theme)
    text, accent = QColor(found.text.as_hex()), QColor(found.current.as_hex())
    background = QColor(found.background.as_hex())
    line = accent
    if abs(accent.lightnessF() - background.lightnessF()) < _CONTRAST:
        # The light theme's accent hardly stands out as a thin line.
        pairs = zip(accent.getRgb()[:3], text.getRgb()[:3], strict=True)
        line = QColor(*((one + other) // 2 for one, other in pairs))
    return PlotColours(background.name(), text.name(), line.name())


def can_plot() -> bool:
    """Load the package that draws, which takes a while; False if it is not installed."""
    try:
        import pyqtgraph  # noqa: F401
    except ImportError:
        return False
    return True


class PlotPanel(QWidget):
    """A note above plots that are drawn only while they are seen, in the theme's colours."""

    def __init__(self, note: str, theme: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colours = plot_colours(theme)
        self.note = QLabel(note, self)
        self.note.setObjectName("quiet")
        self.note.setWordWrap(True)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(4, 0, 0, 4)
        self._layout.setSpacing(2)
        self._layout.addWidget(self.note)

    def showEvent(self, event: object) -> None:
        """Draw what came while the panel was folded away."""
        super().showEvent(event)  # type: ignore[arg-type]
        self._draw()

    def set_theme(self, theme: str) -> None:
        """Take the colours of another theme."""
        self._colours = plot_colours(theme)
        self._colour_plots()

    def _draw_if_seen(self) -> None:
        if self.isVisible():
            self._draw()

    def _draw(self) -> None:
        """Bring the plots up to date, making them the first time."""
        raise NotImplementedError

    def _colour_plots(self) -> None:
        """Give the plots that there are their colours."""
        raise NotImplementedError


class SmallPlot(QWidget):
    """One curve under its title; it only shows, and leaves the wheel to the dock.

    Parameters
    ----------
    title, tip
        What is drawn, and more about it.
    axes
        What the axes say: across and up.
    symbol
        Drawn at each point of the curve; None for a line alone.
    """

    def __init__(
        self,
        title: str,
        tip: str,
        axes: tuple[str, str],
        parent: QWidget,
        symbol: str | None = "o",
    ) -> None:
        super().__init__(parent)
        import pyqtgraph

        self.title = QLabel(title, self)
        self.setToolTip(tip)
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.plot: Any = pyqtgraph.PlotWidget(self)
        self.plot.setAccessibleName(title)
        self.plot.setFixedHeight(_HEIGHT)
        self.plot.setMinimumWidth(0)
        self.plot.setAntialiasing(True)
        # Else it would keep the wheel from scrolling the dock; this widget has the mouse instead.
        self.plot.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.plot.hideButtons()
        self.plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.plot.getAxis("left").setWidth(_AXIS)
        self.plot.getAxis("left").enableAutoSIPrefix(False)
        for side, text in zip(("bottom", "left"), axes, strict=True):
            self.plot.getAxis(side).setLabel(text, **{"font-size": "8pt"})
        self.curve: Any = self.plot.plot(connect="finite", symbol=symbol, symbolSize=4)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.title)
        layout.addWidget(self.plot)

    def set_colours(self, colours: PlotColours) -> None:
        """Take the colours of a theme."""
        import pyqtgraph

        self.plot.setBackground(colours.background)
        for side in ("left", "bottom"):
            self.plot.getAxis(side).setPen(colours.text)
            self.plot.getAxis(side).setTextPen(colours.text)
        self.curve.setPen(pyqtgraph.mkPen(colours.line, width=2))
        self.curve.setSymbolBrush(colours.line)
        self.curve.setSymbolPen(colours.line)

    def value_at(self, at: QPoint) -> float:
        """Return the value on the horizontal axis below a point of this widget."""
        scene = self.plot.mapToScene(self.plot.mapFrom(self, at))
        return float(self.plot.getPlotItem().vb.mapSceneToView(scene).x())
