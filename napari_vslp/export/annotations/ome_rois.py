"""Tissues as regions of interest in the metadata of an OME-TIFF, for OMERO and QuPath."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import tifffile

from napari_vslp.core.segmentation import Segmentation
from napari_vslp.export.annotations.pieces import Piece, pieces_of
from napari_vslp.export.arrays.images import Mask
from napari_vslp.export.arrays.ome_tiff import ome_colour, write_mask_ome
from napari_vslp.export.contract import RGB, Exporter
from napari_vslp.export.provenance import for_xml, provenance

_OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
# What the schema puts behind references to regions in an image.
_AFTER = {f"{{{_OME}}}MicrobeamManipulationRef", f"{{{_OME}}}AnnotationRef"}


def with_rois(xml: str, pieces: list[Piece]) -> str:
    """Return the metadata of an image with one ROI a tissue, of a polygon for each piece.

    Parameters
    ----------
    xml
        OME-XML of one image.
    pieces
        In px of that image, tissue by tissue.
    """
    ET.register_namespace("", _OME)
    ET.register_namespace("xsi", _XSI)
    root = ET.fromstring(xml)  # noqa: S314 - what tifffile has just written
    image = root.find(f"{{{_OME}}}Image")
    if image is None:
        return xml
    place = next((i for i, one in enumerate(image) if one.tag in _AFTER), len(image))
    rois: dict[str, ET.Element] = {}
    for number, piece in enumerate(pieces):
        tissue = piece.tissue
        if tissue.id not in rois:
            told = {"ID": f"ROI:{len(rois)}", "Name": for_xml(tissue.name)}
            roi = ET.SubElement(root, f"{{{_OME}}}ROI", told)
            rois[tissue.id] = ET.SubElement(roi, f"{{{_OME}}}Union")
            reference = ET.Element(f"{{{_OME}}}ROIRef", {"ID": told["ID"]})
            image.insert(place + len(rois) - 1, reference)
        told = {
            "ID": f"Shape:{number}",
            "Text": for_xml(tissue.name),
            "FillColor": f"{ome_colour(tissue.colour, 64)}",
            "StrokeColor": f"{ome_colour(tissue.colour)}",
            "Points": " ".join(f"{x},{y}" for x, y in piece.ring.tolist()),
        }
        ET.SubElement(rois[tissue.id], f"{{{_OME}}}Polygon", told)
    return ET.tostring(root, encoding="unicode")


class RoisOmeTiff(Exporter):
    """The labels as an OME-TIFF whose metadata hold the outlines of the tissues."""

    name = "rois.ome.tif"
    title = "Mask with ROIs for OMERO, OME-TIFF"
    suffixes = (".ome.tif", ".ome.tiff")
    layer_types = ("labels",)

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the mask, then the outlines into its metadata."""
        pieces = pieces_of(result)
        write_mask_ome(Mask.of(result), path, provenance(result))
        with tifffile.TiffFile(path) as file:
            xml = str(file.ome_metadata)
        head = '<?xml version="1.0" encoding="UTF-8"?>'
        tifffile.tiffcomment(path, (head + with_rois(xml, pieces)).encode())
        return [path]


rois_ome_tiff = RoisOmeTiff()
