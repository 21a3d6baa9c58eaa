"""The dock: what the user sees of the plugin. It opens before anything slow is loaded."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import napari.viewer
from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QKeyEvent, QKeySequence, QShortcut, QShowEvent
from qtpy.QtWidgets import (
    QApplication,
    QFrame,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from napari_vslp.qt.parts.theme import heading, style
from napari_vslp.qt.review.comparing import Comparing
from napari_vslp.qt.review.page import AuditPage
from napari_vslp.qt.segment.advanced import AdvancedPanel
from napari_vslp.qt.segment.controller import Controller, Panels
from napari_vslp.qt.segment.exporting import Exporting
from napari_vslp.qt.segment.importing import Importing
from napari_vslp.qt.segment.region_panel import RegionPanel
from napari_vslp.qt.segment.run_panel import RunPanel
from napari_vslp.qt.segment.show_panel import PEEK, ShowPanel
from napari_vslp.qt.segment.tissue_table import TissueTable
from napari_vslp.qt.sessions.actions import SessionActions
from napari_vslp.qt.sessions.bar import SessionBar
from napari_vslp.qt.work import warmup

WIDTH = 352
AUDIT = 1  # the second page
_LAID_OUT_MS = 100
_IN_SIGHT_MS = 500  # by then the dock is drawn


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
        # Else napari leaves the rest of the column empty below a short table of tissues.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.region = RegionPanel()
        self.table = TissueTable()
        self.advanced = AdvancedPanel()
        self.show_panel = ShowPanel()
        self.run = RunPanel()
        self.session_bar = SessionBar()
        self.audit = AuditPage(str(viewer.theme))
        self._lay_out()
        panels = Panels(
            self.region, self.table, self.advanced, self.show_panel, self.run, self.audit
        )
        self.controller = Controller(viewer, panels)
        self.exporting = Exporting(
            self, self.run.say, self.controller.solving.refuse, lambda: self.controller.binding
        )
        self.run.export.clicked.connect(self.exporting.ask)
        self.comparing = Comparing(
            self, viewer, self.controller.solving.refuse, lambda: self.controller.binding
        )
        self.audit.compare.clicked.connect(self.comparing.ask)
        self.importing = Importing(self, self.run.say, self.controller)
        self.import_button.clicked.connect(self.importing.ask)
        self.sessions = SessionActions(
            viewer,
            self.session_bar,
            present=lambda: self.controller.binding,
            choose=self.region.choose_image,
            say=self.run.say,
            refuse=self.controller.solving.refuse,
        )
        self.controller.turned.connect(self.sessions.show_state)
        self.sessions.show_state()
        self.tabs.currentChanged.connect(self._turn_to)
        self._follow_theme(viewer)
        self._add_shortcuts()
        self._stop_at_the_end()
        self._warming = QTimer(self)  # it ends with the dock
        self._warming.setSingleShot(True)
        self._warming.setInterval(_IN_SIGHT_MS)
        self._warming.timeout.connect(self._warm_up)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Load what Segment needs once the dock is in sight."""
        super().showEvent(event)
        self._warming.start()

    def sizeHint(self) -> QSize:
        """Return a width that holds every control, and the height of what is in it."""
        hint = super().sizeHint()
        hint.setWidth(WIDTH)
        return hint

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Peek, or put the tools away, while the dock has the focus."""
        self._on_key(event, True, super().keyPressEvent)

    def keyReleaseEvent(self, event: QKeyEvent | None) -> None:
        """Show the result again."""
        self._on_key(event, False, super().keyReleaseEvent)

    def _on_key(
        self, event: QKeyEvent | None, down: bool, other: Callable[[QKeyEvent | None], None]
    ) -> None:
        if event is not None and event.key() == Qt.Key.Key_Escape and down:
            self.controller.put_tools_away()
        elif event is None or QKeySequence(event.key()).toString() != PEEK:
            other(event)
        elif not event.isAutoRepeat():
            self.controller.showing.peek(down)

    def _lay_out(self) -> None:
        self.tabs = QTabBar(self)
        self.tabs.setAccessibleName("Segment or audit")
        self.tabs.setExpanding(True)
        self.tabs.setDrawBase(False)
        for name, tip in (
            ("Segment", "Say what is there, and let it be found"),
            ("Audit", "Look the result over: where it is doubtful, and why"),
        ):
            self.tabs.setTabToolTip(self.tabs.addTab(name), tip)
        self.pages = QStackedWidget(self)
        first, second = _scrolled(self._segment_page()), _scrolled(self.audit)
        for page in (first, second):
            self.pages.addWidget(page)
        self._show_unfolded(first, second)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(8, 6, 6, 6)
        outer.addWidget(self.tabs)
        outer.addWidget(self.pages, 1)
        outer.addWidget(self.show_panel)
        self.run.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        outer.addWidget(self.session_bar)
        outer.addWidget(self.run)  # outside the scroll area: Segment is always in sight

    def _show_unfolded(self, first: QScrollArea, second: QScrollArea) -> None:
        """Scroll what was just unfolded into sight, once it has its size."""
        show = partial(first.ensureWidgetVisible, self.advanced.body)
        self.advanced.fold.toggled.connect(lambda: QTimer.singleShot(0, show))
        unfolded: list[QWidget] = []
        later = QTimer(self)  # it ends with the dock, unlike a single shot
        later.setSingleShot(True)
        later.setInterval(_LAID_OUT_MS)
        later.timeout.connect(lambda: second.ensureWidgetVisible(unfolded[-1], 0, 0))
        self.audit.unfolded.connect(unfolded.append)
        self.audit.unfolded.connect(lambda _fold: later.start())

    def _segment_page(self) -> QWidget:
        inner = QWidget()
        panels = QVBoxLayout(inner)
        panels.setContentsMargins(0, 0, 4, 0)
        panels.setSpacing(6)
        for widget in (heading("Image"), self.region, heading("Tissues and their shares")):
            panels.addWidget(widget)
        panels.addWidget(self.table)
        self.import_button = QPushButton("Import…", inner)
        self.import_button.setAccessibleName("Import…")
        self.import_button.setToolTip("Take shares, clicks, paint or the region from a file")
        panels.addWidget(self.import_button, 0, Qt.AlignmentFlag.AlignLeft)
        panels.addWidget(self.advanced)
        panels.addStretch(1)
        return inner

    def _turn_to(self, page: int) -> None:
        self.pages.setCurrentIndex(page)
        if page == AUDIT:
            self.controller.put_tools_away()
        self.controller.reviewing.set_open(page == AUDIT)

    @staticmethod
    def _warm_up() -> None:
        token, app = warmup.start(), QApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(token.cancel)

    def next_doubt(self) -> None:
        """Turn to the audit and go to the next doubtful place."""
        self.tabs.setCurrentIndex(AUDIT)
        self.audit.next.click()

    def _add_shortcuts(self) -> None:
        # While the dock has the focus; napari's canvas has keys of its own (`viewer.images`).
        for keys, button in (
            (QKeySequence("Ctrl+Z"), self.run.undo),
            (QKeySequence("Ctrl+Shift+Z"), self.run.redo),
        ):
            shortcut = QShortcut(keys, self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(button.click)

    def _stop_at_the_end(self) -> None:
        # By then this widget is gone: the controller must not be reached through it.
        shutdowns = (
            self.controller.shutdown,
            self.exporting.shutdown,
            self.importing.shutdown,
            self.comparing.shutdown,
            self.sessions.shutdown,
        )
        shutdown = shutdowns[0]
        self.destroyed.connect(lambda _gone: [stop() for stop in shutdowns])
        app = QApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(shutdown)

    def _follow_theme(self, viewer: napari.viewer.Viewer) -> None:
        self.setStyleSheet(style(viewer.theme))
        viewer.events.theme.connect(self._restyle)

    def _restyle(self, event: object) -> None:
        theme = str(getattr(event, "value", "dark"))
        self.setStyleSheet(style(theme))
        self.audit.set_theme(theme)


def _scrolled(inner: QWidget) -> QScrollArea:
    scroll = QScrollArea()
    scroll.setWidget(inner)
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return scroll
