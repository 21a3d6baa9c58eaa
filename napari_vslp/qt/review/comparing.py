"""Compare the result shown with one in a folder: a layer of the differences, and a table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Qt
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_vslp.core.progress import Job
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.tissues import Tissue
from napari_vslp.qt.parts.icons import swatch_icon
from napari_vslp.qt.review.messages import NO_RESULT
from napari_vslp.qt.viewer.maps import label_colours
from napari_vslp.qt.viewer.source import add_quietly, placement
from napari_vslp.qt.work.worker import Runner
from napari_vslp.review.wording import per_cent

if TYPE_CHECKING:
    from napari_vslp.qt.viewer.images import ImageBinding
    from napari_vslp.review.compare import Comparison


class Comparing(QObject):
    """Asks which result, compares in a thread of its own and shows what differs.

    Parameters
    ----------
    window
        The dialogs' parent.
    viewer
        napari's viewer.
    refuse
        Shows a sentence about what the user can mend.
    present
        Returns the binding of the chosen image, or None.

    Attributes
    ----------
    layer, table
        What was shown last.
    """

    def __init__(
        self,
        window: QWidget,
        viewer: Viewer,
        refuse: Callable[[str], None],
        present: Callable[[], ImageBinding | None],
    ) -> None:
        super().__init__(window)
        self._window, self._layers = window, viewer.layers
        self._refuse, self._present = refuse, present
        self.layer: Labels | None = None
        self.table: DifferenceTable | None = None
        self.runner = Runner(self)
        self.runner.returned.connect(self._show)
        self.runner.refused.connect(refuse)
        self.runner.crashed.connect(lambda error: refuse(f"Nothing was compared: {error}."))

    def ask(self) -> None:
        """Ask for the folder of the other result, and compare."""
        binding = self._present()
        result = binding.session.result if binding is not None else None
        if binding is None or result is None:
            self._refuse(NO_RESULT)
            return
        title = "Compare with the result in this folder"
        found = QFileDialog.getExistingDirectory(self._window, title)
        if found:
            self.runner.start(partial(_compare, binding, result, Path(found)))

    def shutdown(self) -> None:
        """Stop; the dock or the window is closing."""
        self.runner.let_go()

    def _show(self, found: tuple[ImageBinding, str, Comparison]) -> None:
        binding, name, comparison = found
        if not binding.alive:
            return
        if self.layer is not None and self.layer in self._layers:
            self._layers.remove(self.layer)
        pairs = comparison.pairs
        self.layer = Labels(
            comparison.difference,
            name=f"Difference from {name}",
            colormap=label_colours([Tissue(pair.title, colour=pair.colour) for pair in pairs]),
            features=pd.DataFrame(
                {
                    "index": range(len(pairs) + 1),
                    "tissue": ["the same", *(pair.title for pair in pairs)],
                }
            ),
            **placement(binding.image),
        )
        self.layer.editable = False
        add_quietly(self._layers, self.layer)
        if self.table is not None:
            self.table.close()
        self.table = DifferenceTable(name, comparison, self._window)
        self.table.show()


class DifferenceTable(QDialog):
    """The agreement on each tissue, and the legend of the layer of the differences."""

    def __init__(self, name: str, comparison: Comparison, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"This result and {name}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        self.summary = QLabel(f"{per_cent(comparison.differ)} of the pixels differ.", self)
        self.tissues = _table(
            ("Tissue", "Overlap (Dice)", "This result", name),
            [
                (one.name, f"{one.dice:.3f}", *_amounts(one.shares, one.areas_mm2))
                for one in comparison.tissues
            ],
        )
        self.legend = _table(
            ("This result → the other", "Share"),
            [(pair.title, per_cent(pair.share)) for pair in comparison.pairs],
        )
        for index, pair in enumerate(comparison.pairs):
            item = self.legend.topLevelItem(index)
            if item is not None:
                item.setIcon(0, swatch_icon(pair.colour))
        self.legend.resizeColumnToContents(0)
        layout = QVBoxLayout(self)
        for widget in (self.summary, self.tissues, self.legend):
            layout.addWidget(widget)
        self.resize(560, 420)


def _amounts(shares: tuple[float, float], areas: tuple[float, float] | None) -> tuple[str, ...]:
    if areas is None:
        return tuple(per_cent(share) for share in shares)
    pairs = zip(shares, areas, strict=True)
    return tuple(f"{per_cent(share)} · {area:.4g} mm²" for share, area in pairs)


def _table(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> QTreeWidget:
    table = QTreeWidget()
    table.setAccessibleName(titles[0])
    table.setHeaderLabels(list(titles))
    table.setRootIsDecorated(False)
    table.addTopLevelItems([QTreeWidgetItem(list(row)) for row in rows])
    for column in range(len(titles)):
        table.resizeColumnToContents(column)
    return table


def _compare(
    binding: ImageBinding, result: Segmentation, folder: Path, job: Job
) -> tuple[ImageBinding, str, Comparison]:
    """Compare; the binding is only handed through, for the image may be another one by then."""
    from napari_vslp.importing.results import labelled_in
    from napari_vslp.review.compare import Labelled, compare

    found = compare(Labelled.of(result), labelled_in(folder))
    job.check()
    return binding, folder.name, found
