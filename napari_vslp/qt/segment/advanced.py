"""The settings that most users never need, folded away."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_vslp.core.registries import PENALTIES
from napari_vslp.core.settings import Settings
from napari_vslp.qt.parts.steady import SteadyCombo, SteadySpin
from napari_vslp.qt.segment.model_choice import ModelChoice
from napari_vslp.qt.segment.shapes_choice import ShapesChoice

TRUSTS = {name: PENALTIES.title(name) for name in PENALTIES.names()}
DEVICES = {"auto": "Automatic", "cpu": "Processor", "cuda": "Graphics card"}
_SOFT = ("quadratic", "kl", "robust")


class AdvancedPanel(QWidget):
    """A fold with the settings of a segmentation.

    Signals
    -------
    fusion_changed
        A setting changed that a quick new solve can follow.
    """

    fusion_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fold = QPushButton("▸  Advanced settings", self)
        self.fold.setCheckable(True)
        self.fold.setAccessibleName("Advanced settings")
        self.fold.setStyleSheet("text-align: left;")
        self.body = QWidget(self)
        self.body.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.fold)
        layout.addWidget(self.body)
        self._make_controls()
        self._lay_out()
        self._connect()

    def _make_controls(self) -> None:
        self.trust = _combo("Meet the shares", list(TRUSTS.values()))
        self.trust.setToolTip("How far the numbers typed are to be trusted against the image")
        self.strength = _spin("Strength", 1.0, (0.01, 1000.0), "How strongly the numbers pull")
        self.smoothness = _spin(
            "Boundary smoothness", 2.0, (0.0, 1000.0), "Larger: smoother, fewer small islands"
        )
        self.auto = QPushButton("Auto")
        self.auto.setAccessibleName("Choose the smoothness from the image")
        self.auto.setToolTip(
            "Let the image choose: parts of it are hidden, and the smoothness is kept\n"
            "that still tells what was there. Takes about a second more."
        )
        self.auto.setCheckable(True)
        self.shapes = ShapesChoice()
        self.edges = _check("Boundaries follow edges in the image", True)
        self.colours = _check("Colours help to tell the tissues apart", True)
        self.colours.setToolTip(
            "Which tissue has which colour is learnt from each image anew.\n"
            "Switch it off where stain and tissue do not go together."
        )
        self.tissue_only = _check("Leave out white background", False)
        self.tissue_only.setToolTip("Shares are then shares of the tissue, not of the region")
        self.model = ModelChoice(self)
        self.augmentation = _check("Look from eight sides (slower, surer)", True)
        self.device = _combo("Compute on", list(DEVICES.values()))

    def _lay_out(self) -> None:
        form = QFormLayout(self.body)
        form.setContentsMargins(4, 4, 0, 4)
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Meet the shares", self.trust)
        form.addRow("Strength", self.strength)
        smoothness = QHBoxLayout()
        smoothness.addWidget(self.smoothness, 1)
        smoothness.addWidget(self.auto)
        form.addRow("Smoothness", smoothness)
        form.addRow("Shapes", self.shapes)
        form.addRow(self.edges)
        form.addRow(self.colours)
        form.addRow(self.tissue_only)
        form.addRow("Model", self.model.menu)
        form.addRow(self.model.where)
        form.addRow(self.augmentation)
        form.addRow("Compute on", self.device)
        self._follow_choices()

    def _connect(self) -> None:
        self.fold.toggled.connect(self._unfold)
        self.trust.currentIndexChanged.connect(self._follow_choices)
        self.auto.toggled.connect(self.smoothness.setDisabled)
        for signal in (
            self.trust.currentIndexChanged,
            self.strength.valueChanged,
            self.smoothness.valueChanged,
            self.auto.toggled,
            self.shapes.changed,
            self.edges.toggled,
            self.colours.toggled,
            self.tissue_only.toggled,
        ):
            signal.connect(lambda *_: self.fusion_changed.emit())

    def settings(self) -> Settings:
        """Return the settings as they stand.

        Raises
        ------
        VslpError
            If one of them cannot be meant.
        """
        return Settings(
            encoder=self.model.spec(),
            augmentation=self.augmentation.isChecked(),
            smoothness="auto" if self.auto.isChecked() else self.smoothness.value(),
            edges=self.edges.isChecked(),
            regulariser=self.shapes.spec(),
            colours=self.colours.isChecked(),
            trust=list(TRUSTS)[self.trust.currentIndex()],
            trust_strength=self.strength.value(),
            tissue_only=self.tissue_only.isChecked(),
            device=list(DEVICES)[self.device.currentIndex()],
        )

    def show_smoothness(self, used: float) -> None:
        """Show the smoothness that was chosen, so that it stays when Auto is let go."""
        if self.auto.isChecked():
            with QSignalBlocker(self.smoothness):
                self.smoothness.setValue(used)

    def _unfold(self, on: bool) -> None:
        self.fold.setText(f"{'▾' if on else '▸'}  Advanced settings")
        self.body.setVisible(on)

    def _follow_choices(self, *_: object) -> None:
        self.strength.setEnabled(list(TRUSTS)[self.trust.currentIndex()] in _SOFT)


def _combo(name: str, choices: list[str]) -> SteadyCombo:
    box = SteadyCombo()
    box.setAccessibleName(name)
    box.addItems(choices)
    return box


def _spin(name: str, value: float, limits: tuple[float, float], tip: str) -> SteadySpin:
    spin = SteadySpin()
    spin.setAccessibleName(name)
    spin.setToolTip(tip)
    spin.setRange(*limits)
    spin.setSingleStep(0.5)
    spin.setValue(value)
    return spin


def _check(text: str, on: bool) -> QCheckBox:
    box = QCheckBox(text)
    box.setAccessibleName(text)
    box.setChecked(on)
    return box
