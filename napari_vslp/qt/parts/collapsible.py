"""A part of a panel that is folded away until its title is pressed."""

from __future__ import annotations

from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QWidget
from superqt import QCollapsible

_NO_LIMIT = 16_777_215  # px: Qt's largest height


class Collapsible(QCollapsible):
    """A title that shows and hides what lies below it: superqt's, without animation.

    Its content may grow while it is open, and knows by `isVisible` whether it is seen.

    Parameters
    ----------
    title
        What is folded away.
    body
        Shown while unfolded.
    """

    def __init__(self, title: str, body: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self._title, self.body = title, body
        self.button = self.toggleButton()
        self.button.setAccessibleName(title)
        self.button.setStyleSheet("text-align: left;")
        # The arrow is text: an icon would keep the colour of the theme that it was made in.
        self.setExpandedIcon(QIcon())
        self.setCollapsedIcon(QIcon())
        self.setDuration(0)
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(4)
        self.content().hide()
        self.setContent(body)
        self.toggled.connect(self._follow)
        self._follow(False)

    def _follow(self, on: bool) -> None:
        self.setText(f"{'▾' if on else '▸'}  {self._title}")
        self.body.setVisible(on)
        if on:
            self.body.setMaximumHeight(_NO_LIMIT)
