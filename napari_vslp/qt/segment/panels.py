"""The panels of the dock, handed around together."""

from __future__ import annotations

from dataclasses import dataclass

from napari_vslp.qt.review.page import AuditPage
from napari_vslp.qt.segment.advanced import AdvancedPanel
from napari_vslp.qt.segment.region_panel import RegionPanel
from napari_vslp.qt.segment.run_panel import RunPanel
from napari_vslp.qt.segment.tissue_table import TissueTable


@dataclass(frozen=True)
class Panels:
    """What the user holds; the panels know nothing of each other."""

    region: RegionPanel
    table: TissueTable
    advanced: AdvancedPanel
    run: RunPanel
    audit: AuditPage
