"""The dock's few own colours, taken from whatever theme napari has."""

from __future__ import annotations

from napari.utils.theme import get_theme
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QLabel, QWidget


def style(theme_id: str) -> str:
    """Return the style sheet of the dock in a napari theme."""
    theme = get_theme(theme_id)
    text, accent = QColor(theme.text.as_hex()), QColor(theme.current.as_hex())
    background = QColor(theme.background.as_hex())
    quiet = _mixed(text, background, 0.72)
    on_accent = "white" if accent.lightnessF() < 0.62 else "black"
    return f"""
        QLabel#quiet {{ color: {quiet}; }}
        QLabel#heading {{ font-weight: bold; padding-top: 2px; }}
        QLabel#hint {{
            background: {_mixed(accent, background, 0.30)}; border-radius: 3px; padding: 5px;
        }}
        QPushButton#segment {{
            background: {accent.name()}; color: {on_accent}; font-weight: bold; padding: 6px;
        }}
        QPushButton#segment:hover {{ background: {_mixed(accent, text, 0.85)}; }}
        QPushButton#segment:disabled {{
            background: {_mixed(accent, background, 0.35)}; color: {quiet};
        }}
        QTreeWidget::item {{ height: 20px; }}
        QTreeWidget::item:selected {{ background: {accent.name()}; color: {on_accent}; }}
        QPushButton:focus {{ border: 1px solid {accent.name()}; }}
        QSlider:focus {{ border: 1px solid {accent.name()}; border-radius: 3px; }}
    """


def heading(text: str, parent: QWidget | None = None) -> QLabel:
    """Return the heading of a panel."""
    label = QLabel(text, parent)
    label.setObjectName("heading")
    return label


def _mixed(one: QColor, other: QColor, share: float) -> str:
    red, green, blue = (
        round(share * a + (1 - share) * b)
        for a, b in zip(one.getRgb()[:3], other.getRgb()[:3], strict=True)
    )
    return QColor(red, green, blue).name()
