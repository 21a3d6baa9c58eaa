"""Every plug point of the package, with the built-in members of each.

A new built-in member is one line here; a member of another package is an entry point of the
group; a script or a test calls `Registry.add`. The contracts are the Protocols named beside.
"""

from __future__ import annotations

from typing import Any

from napari_vslp.core.registry import Registries, Registry

# Classes of napari_vslp.energy.penalties.contract.Penalty
PENALTIES: Registry[Any] = Registry(
    "way to trust the shares",
    "napari_vslp.penalties",
    {
        "measured": "napari_vslp.energy.penalties.constraints:Measured",
        "interval": "napari_vslp.energy.penalties.constraints:Interval",
        "robust": "napari_vslp.energy.penalties.soft:Robust",
        "quadratic": "napari_vslp.energy.penalties.soft:Quadratic",
        "kl": "napari_vslp.energy.penalties.soft:KullbackLeibler",
        "none": "napari_vslp.energy.penalties.constraints:Free",
    },
    {
        "measured": "Exactly as typed",
        "interval": "Within the ± I gave",
        "robust": "Overrule a number far off",
        "quadratic": "Near them; the image may pull",
        "kl": "Near them; keep rare tissues",
        "none": "Ignore the numbers",
    },
)

# Classes of napari_vslp.energy.engines.contract.Engine: the first that supports a problem solves it
ENGINES: Registry[Any] = Registry(
    "solver engine",
    "napari_vslp.engines",
    {
        "binary": "napari_vslp.energy.engines.fused:BinaryEngine",
        "fused": "napari_vslp.energy.engines.fused:FusedEngine",
        "graphs": "napari_vslp.energy.engines.graphs:GraphEngine",
        "reference": "napari_vslp.energy.engines.reference:ReferenceEngine",
    },
)

# Classes of napari_vslp.confidence.contract.ConfidenceSource, in the order in which they speak
SOURCES: Registry[Any] = Registry(
    "source of confidence",
    "napari_vslp.sources",
    {
        "head": "napari_vslp.confidence.head:Head",
        "clusters": "napari_vslp.confidence.clusters:Clusters",
        "white": "napari_vslp.confidence.white:White",
        "clicks": "napari_vslp.confidence.clicks:Clicks",
        "contrast": "napari_vslp.confidence.contrast:Contrast",
        "colours": "napari_vslp.confidence.colours:OwnColours",
    },
)

# Classes of napari_vslp.energy.terms.contract.Term: what the energy holds beside costs, boundaries
# and proportions
TERMS: Registry[Any] = Registry(
    "term of the energy",
    "napari_vslp.terms",
    {"learned": "napari_vslp.energy.terms.regulariser:Learned"},
    {"learned": "doubt: shapes"},
)

# Members whose own `Options` ride in `Settings.extras`: the flags of the command line and the rows
# of the dock come from these.
EXTRAS = Registries((SOURCES, TERMS))

# napari_vslp.export.contract.Exporter
EXPORTERS: Registry[Any] = Registry(
    "kind of output",
    "napari_vslp.exporters",
    {
        "mask.tif": "napari_vslp.export.arrays.images:mask_tiff",
        "mask.png": "napari_vslp.export.arrays.images:mask_png",
        "overlay.png": "napari_vslp.export.overlay:overlay",
        "energy-maps": "napari_vslp.export.arrays.images:energy_maps_tiff",
        "evidence-maps": "napari_vslp.export.arrays.images:evidence_maps_tiff",
        "tissues.geojson": "napari_vslp.export.annotations.geojson:tissues_geojson",
        "asap.xml": "napari_vslp.export.annotations.viewers:asap_xml",
        "imagescope.xml": "napari_vslp.export.annotations.viewers:imagescope_xml",
        "coco.json": "napari_vslp.export.annotations.coco:coco_json",
        "areas.csv": "napari_vslp.export.tables.areas:areas_csv",
        "regions.csv": "napari_vslp.export.tables.areas:regions_csv",
        "areas.xlsx": "napari_vslp.export.tables.areas:areas_xlsx",
        "mask.ome.tif": "napari_vslp.export.arrays.ome_tiff:mask_ome_tiff",
        "rois.ome.tif": "napari_vslp.export.annotations.ome_rois:rois_ome_tiff",
        "confidence.ome.tif": "napari_vslp.export.arrays.ome_tiff:confidence_ome_tiff",
        "energy.ome.tif": "napari_vslp.export.arrays.ome_tiff:energy_ome_tiff",
        "mask.ome.zarr": "napari_vslp.export.arrays.ome_zarr:mask_ome_zarr",
        "maps.ome.zarr": "napari_vslp.export.arrays.ome_zarr:maps_ome_zarr",
        "mask.dcm": "napari_vslp.export.arrays.dicom_seg:mask_dicom",
        "summary.json": "napari_vslp.export.summary:summary_json",
    },
    {
        "mask.tif": "Mask, indexed TIFF",
        "mask.png": "Mask, indexed PNG",
        "overlay.png": "Overlay with legend, PNG",
        "energy-maps": "Energy maps, TIFF",
        "evidence-maps": "Maps of what was read, TIFF",
        "tissues.geojson": "Outlines for QuPath, GeoJSON",
        "asap.xml": "Outlines for ASAP, XML",
        "imagescope.xml": "Outlines for ImageScope, XML",
        "coco.json": "Regions, COCO",
        "areas.csv": "Areas, CSV",
        "regions.csv": "Regions, CSV",
        "areas.xlsx": "Areas and regions, Excel",
        "mask.ome.tif": "Mask, OME-TIFF",
        "rois.ome.tif": "Mask with ROIs for OMERO, OME-TIFF",
        "confidence.ome.tif": "Confidences, OME-TIFF",
        "energy.ome.tif": "Energy maps, OME-TIFF",
        "mask.ome.zarr": "Mask, OME-Zarr",
        "maps.ome.zarr": "Confidences and energy maps, OME-Zarr",
        "mask.dcm": "Mask, DICOM Segmentation",
        "summary.json": "Numbers, JSON",
    },
)

# napari_vslp.learning.contract.Learner
LEARNERS: Registry[Any] = Registry(
    "way to learn",
    "napari_vslp.learners",
    {
        "proportions": "napari_vslp.learning.proportions.learner:LEARNER",
        "regulariser": "napari_vslp.learning.regulariser.learner:LEARNER",
    },
    {"proportions": "Shares of tissues", "regulariser": "Shapes of tissues"},
)
