"""The small form before an export: the options of the chosen exporter, if it has any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from napari_vslp.core.errors import VslpError
from napari_vslp.qt.parts.form import OptionsForm


class ExportForm(QDialog):
    """Asks how an exporter is to write; it closes once its options can be meant.

    Parameters
    ----------
    title
        Of the exporter.
    options
        As they were chosen last.
    go_on
        Is told the options when the hand goes on.
    parent
        The window.
    """

    def __init__(
        self,
        title: str,
        options: Any,  # noqa: ANN401 - any dataclass of options
        go_on: Callable[[Any], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Export: {title}")
        self._go_on = go_on
        self.form = OptionsForm(options)
        self.refusal = QLabel()
        self.refusal.setWordWrap(True)
        self.refusal.setAccessibleName("What has to be mended")
        self.refusal.hide()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.go_on = self.buttons.addButton("Choose where…", QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for widget in (self.form, self.refusal, self.buttons):
            layout.addWidget(widget)

    def _accept(self) -> None:
        try:
            options = self.form.value()
        except VslpError as error:
            self.refusal.setText(str(error))
            self.refusal.show()
            return
        self.accept()
        self._go_on(options)
