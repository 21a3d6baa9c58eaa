"""Outlines as XML of ASAP and of Aperio ImageScope: px of the finest level of the whole slide."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.tissues import Colour, Tissue
from napari_vslp.export.annotations.pieces import Piece, pieces_of
from napari_vslp.export.arrays.ome_tiff import hex_colour
from napari_vslp.export.contract import RGB, Exporter
from napari_vslp.export.measures import Measures
from napari_vslp.export.provenance import for_xml, provenance


def as_asap(result: Segmentation) -> ET.Element:
    """Return ``ASAP_Annotations``: one group a tissue, polygons without holes in it.

    Raises
    ------
    VslpError
        If the image was segmented at a coarser level than the finest.
    """
    root = ET.Element("ASAP_Annotations")
    annotations = ET.SubElement(root, "Annotations")
    for number, piece in enumerate(pieces_of(result)):
        name, colour = for_xml(piece.tissue.name), hex_colour(piece.tissue.colour)
        told = {"Name": f"{name} {number}", "Type": "Polygon", "PartOfGroup": name, "Color": colour}
        corners = ET.SubElement(ET.SubElement(annotations, "Annotation", told), "Coordinates")
        for order, (x, y) in enumerate(piece.ring.tolist()):
            ET.SubElement(corners, "Coordinate", Order=f"{order}", X=f"{x}", Y=f"{y}")
    groups = ET.SubElement(root, "AnnotationGroups")
    for tissue in result.tissues:
        told = {"Name": for_xml(tissue.name), "PartOfGroup": "None"}
        group = ET.SubElement(groups, "Group", told | {"Color": hex_colour(tissue.colour)})
        ET.SubElement(group, "Attributes")
    return root


def as_imagescope(result: Segmentation) -> ET.Element:
    """Return ``Annotations`` of ImageScope: one layer a tissue, a region for each polygon.

    Raises
    ------
    VslpError
        If the image was segmented at a coarser level than the finest.
    """
    size = result.pixel_size_um
    told = {} if size is None else {"MicronsPerPixel": f"{np.sqrt(size[0] * size[1]):.9g}"}
    root = ET.Element("Annotations", told)
    by_tissue = groupby(pieces_of(result), key=lambda piece: piece.tissue)
    found = {tissue.id: list(pieces) for tissue, pieces in by_tissue}
    mm2 = Measures.of_tissues(result).mm2
    for number, tissue in enumerate(result.tissues, start=1):
        layer = _layer(root, number, tissue)
        values = {"source": " ".join(provenance(result).values())}
        if mm2 is not None:
            values["Area (mm2)"] = f"{mm2[number]:.9g}"
        _attributes(layer, values)
        regions = ET.SubElement(layer, "Regions")
        ET.SubElement(regions, "RegionAttributeHeaders")
        for place, piece in enumerate(found.get(tissue.id, []), start=1):
            _region(regions, place, piece)
        ET.SubElement(layer, "Plots")
    return root


def _layer(root: ET.Element, number: int, tissue: Tissue) -> ET.Element:
    told = {
        "Id": f"{number}",
        "Name": for_xml(tissue.name),
        "ReadOnly": "0",
        "NameReadOnly": "0",
        "LineColorReadOnly": "0",
        "Incremental": "0",
        "Type": "4",
        "LineColor": f"{_bgr(tissue.colour)}",
        "Visible": "1",
        "Selected": "0",
        "MarkupImagePath": "",
        "MacroName": "",
    }
    return ET.SubElement(root, "Annotation", told)


def _attributes(layer: ET.Element, values: dict[str, str]) -> None:
    attributes = ET.SubElement(layer, "Attributes")
    for number, (name, value) in enumerate(values.items()):
        told = {"Name": name, "Id": f"{number}", "Value": value}
        ET.SubElement(attributes, "Attribute", told)


def _region(regions: ET.Element, number: int, piece: Piece) -> None:
    told = {"Id": f"{number}", "Type": "0", "Zoom": "1", "Selected": "0", "ImageLocation": ""}
    told |= {"ImageFocus": "-1", "Length": "0", "Area": f"{piece.area}", "LengthMicrons": "0"}
    told |= {"AreaMicrons": "0", "Text": "", "NegativeROA": "0", "InputRegionId": "0"}
    told |= {"Analyze": "1", "DisplayId": f"{number}"}
    region = ET.SubElement(regions, "Region", told)
    ET.SubElement(region, "Attributes")
    vertices = ET.SubElement(region, "Vertices")
    for x, y in piece.ring.tolist():
        ET.SubElement(vertices, "Vertex", X=f"{x}", Y=f"{y}", Z="0")


def _bgr(colour: Colour) -> int:
    """Return a colour as ImageScope writes it: blue, green, red in 24 bits."""
    red, green, blue = colour
    return blue << 16 | green << 8 | red


def _save(root: ET.Element, path: Path) -> list[Path]:
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    return [path]


class AsapXml(Exporter):
    """The tissues as polygons in groups, for ASAP."""

    name = "asap.xml"
    title = "Outlines for ASAP, XML"
    suffixes = (".xml",)
    layer_types = ("labels",)

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the outlines."""
        return _save(as_asap(result), path)


class ImageScopeXml(Exporter):
    """The tissues as polygons in layers, for Aperio ImageScope."""

    name = "imagescope.xml"
    title = "Outlines for ImageScope, XML"
    suffixes = (".xml",)
    layer_types = ("labels",)

    def write(self, result: Segmentation, image: RGB, path: Path, options: Any) -> list[Path]:  # noqa: ANN401, ARG002
        """Write the outlines."""
        return _save(as_imagescope(result), path)


asap_xml, imagescope_xml = AsapXml(), ImageScopeXml()
