"""The dock: what the user sees of the plugin. It opens before anything slow is loaded."""

from __future__ import annotations

from functools import partial

import napari.viewer
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import (
    QApplication,
    QFrame,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_vslp.widgets.advanced import AdvancedPanel
from napari_vslp.widgets.controller import Controller
from napari_vslp.widgets.look import heading, style
from napari_vslp.widgets.panels import Panels
from napari_vslp.widgets.presets import PRESETS
from napari_vslp.widgets.region_panel import RegionPanel
from napari_vslp.widgets.run_panel import RunPanel
from napari_vslp.widgets.tissue_table import TissueTable

WIDTH = 352


class SegmentDock(QWidget):
    """Segment an image from the shares of its tissues and a few clicks.

    Parameters
    ----------
    viewer
        napari's viewer, which napari itself passes in.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.setObjectName("napari-vslp")
        self.setMinimumWidth(WIDTH)
        self.region = RegionPanel(viewer)
        self.table = TissueTable()
        self.table.set_tissues(next(iter(PRESETS.values())))
        self.advanced = AdvancedPanel()
        self.run = RunPanel()
        self._lay_out()
        panels = Panels(self.region, self.table, self.advanced, self.run)
        self.controller = Controller(viewer, panels)
        self._follow_theme(viewer)
        self._stop_at_the_end()

    def sizeHint(self) -> QSize:
        """Return a width that holds every control, and the height of what is in it."""
        hint = super().sizeHint()
        hint.setWidth(WIDTH)
        return hint

    def _lay_out(self) -> None:
        inner = QWidget()
        panels = QVBoxLayout(inner)
        panels.setContentsMargins(0, 0, 4, 0)
        panels.setSpacing(6)
        for widget in (heading("Image"), self.region, heading("Tissues and their shares")):
            panels.addWidget(widget)
        panels.addWidget(self._legend())
        panels.addWidget(self.table)
        panels.addWidget(self.advanced)
        panels.addStretch(1)
        scroll = QScrollArea(self)
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # What was just unfolded is scrolled into sight, once it has its size.
        show = partial(scroll.ensureWidgetVisible, self.advanced.body)
        self.advanced.fold.toggled.connect(lambda: QTimer.singleShot(0, show))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(8, 6, 6, 6)
        outer.addWidget(scroll, 1)
        outer.addWidget(self.run)  # outside the scroll area: Segment is always in sight

    def _stop_at_the_end(self) -> None:
        # By then this widget is gone: the controller must not be reached through it.
        shutdown = self.controller.shutdown
        self.destroyed.connect(lambda _gone: shutdown())
        app = QApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(shutdown)

    def _legend(self) -> QLabel:
        label = QLabel("Band: asked for, with its ±.  Tick: reached.")
        label.setObjectName("quiet")
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        return label

    def _follow_theme(self, viewer: napari.viewer.Viewer) -> None:
        self.setStyleSheet(style(viewer.theme))
        viewer.events.theme.connect(self._restyle)

    def _restyle(self, event: object) -> None:
        self.setStyleSheet(style(str(getattr(event, "value", "dark"))))
