"""COCO, ASAP, ImageScope and OME's ROIs, read back by other libraries: pixels, names, colours."""

import contextlib
import io
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import ImageReference
from napari_vslp.export.options import CocoOptions
from napari_vslp.export.results import write_result
from tests.export.conftest import ABSENT, NAMES

shapely = pytest.importorskip("shapely", reason="the extra “export” is not installed")
OUTLINES = ("coco.json", "asap.xml", "imagescope.xml", "rois.ome.tif")


def written(result, folder, name, options=None):
    rgb = np.zeros((*result.labels.shape, 3), np.uint8)
    (path,) = write_result(result, rgb, folder, [name], {name: options} if options else None)
    return path


def parsed(path):
    lxml = pytest.importorskip("lxml.etree", reason="the extra “test” is not installed")
    return lxml.parse(str(path)).getroot()


def whole_mask(result):
    top, left, bottom, right = result.region
    mask = np.zeros(result.image_shape, np.uint8)
    mask[top:bottom, left:right] = result.labels
    return mask


def drawn(polygons, shape):
    """Return (H, W) uint8: the labels of polygons, drawn at the centres of pixels."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    found = np.zeros(shape, np.uint8)
    for label, corners in polygons:
        polygon = shapely.Polygon(corners)
        assert polygon.is_valid
        inside = shapely.contains_xy(polygon, columns.ravel() + 0.5, rows.ravel() + 0.5)
        inside = inside.reshape(shape)
        assert polygon.area == inside.sum()
        assert not found[inside].any()
        found[inside] = label
    return found


def coco_of(path):
    coco = pytest.importorskip("pycocotools.coco", reason="the extra “test” is not installed")
    with contextlib.redirect_stdout(io.StringIO()):
        return coco.COCO(str(path))


def test_pycocotools_finds_the_pixels_of_each_region(awkward, tmp_path):
    found, mask = coco_of(written(awkward, tmp_path, "coco.json")), whole_mask(awkward)
    assert [one["name"] for one in found.loadCats(found.getCatIds())] == list(NAMES)
    colours = [tuple(one["color"]) for one in found.loadCats(found.getCatIds())]
    assert colours == [tissue.colour for tissue in awkward.tissues]
    again = np.zeros_like(mask)
    for one in found.loadAnns(found.getAnnIds()):
        inside = found.annToMask(one).astype(bool)
        assert one["area"] == inside.sum()
        rows, columns = np.nonzero(inside)
        left, top, wide, high = one["bbox"]
        assert (left, top) == (columns.min(), rows.min())
        assert (left + wide, top + high) == (columns.max() + 1, rows.max() + 1)
        assert not again[inside].any()
        again[inside] = one["category_id"]
    np.testing.assert_array_equal(again, mask)


def test_coco_polygons_have_the_area_of_the_pixels(awkward, tmp_path):
    found = coco_of(written(awkward, tmp_path, "coco.json", CocoOptions("polygons")))
    mask = whole_mask(awkward)
    polygons = []
    for one in found.loadAnns(found.getAnnIds()):
        assert one["iscrowd"] == 0
        corners = [np.reshape(flat, (-1, 2)) for flat in one["segmentation"]]
        assert sum(shapely.Polygon(ring).area for ring in corners) == one["area"]
        polygons += [(one["category_id"], ring) for ring in corners]
    np.testing.assert_array_equal(drawn(polygons, mask.shape), mask)


def test_asap_has_a_group_for_each_tissue(awkward, tmp_path):
    root = parsed(written(awkward, tmp_path, "asap.xml"))
    groups = {one.get("Name"): one.get("Color") for one in root.find("AnnotationGroups")}
    colours = {t.name: f"#{bytes(t.colour).hex()}" for t in awkward.tissues}
    assert groups == colours
    polygons = []
    for one in root.find("Annotations"):
        assert one.get("Type") == "Polygon"
        corners = sorted(one.find("Coordinates"), key=lambda corner: int(corner.get("Order")))
        label = NAMES.index(one.get("PartOfGroup")) + 1
        polygons.append((label, [(float(c.get("X")), float(c.get("Y"))) for c in corners]))
    mask = whole_mask(awkward)
    np.testing.assert_array_equal(drawn(polygons, mask.shape), mask)


def test_imagescope_has_a_layer_for_each_tissue(awkward, tmp_path):
    root = parsed(written(awkward, tmp_path, "imagescope.xml"))
    assert float(root.get("MicronsPerPixel")) == pytest.approx((0.5 * 0.25) ** 0.5)
    assert [layer.get("Name") for layer in root] == list(NAMES)
    polygons = []
    for label, layer in enumerate(root, start=1):
        number = int(layer.get("LineColor"))
        assert tuple(number.to_bytes(3, "little")) == awkward.tissues[label - 1].colour
        for region in layer.find("Regions").findall("Region"):
            assert region.get("NegativeROA") == "0"
            corners = [(float(c.get("X")), float(c.get("Y"))) for c in region.find("Vertices")]
            assert shapely.Polygon(corners).area == float(region.get("Area"))
            polygons.append((label, corners))
    mask = whole_mask(awkward)
    np.testing.assert_array_equal(drawn(polygons, mask.shape), mask)


def test_rois_are_valid_ome_and_refer_to_their_image(awkward, tmp_path):
    ome_types = pytest.importorskip("ome_types", reason="the extra “test” is not installed")
    path, mask = written(awkward, tmp_path, "rois.ome.tif"), whole_mask(awkward)
    np.testing.assert_array_equal(tifffile.imread(path), mask)
    with tifffile.TiffFile(path) as file:
        told = ome_types.from_xml(file.ome_metadata, validate=True)
    pixels = told.images[0].pixels
    assert (pixels.physical_size_y, pixels.physical_size_x) == (0.5, 0.25)
    there = [name for i, name in enumerate(NAMES) if i + 1 != ABSENT]
    assert sorted(roi.name for roi in told.rois) == sorted(there)
    assert [one.id for one in told.images[0].roi_refs] == [roi.id for roi in told.rois]
    polygons = []
    for roi in told.rois:
        label = NAMES.index(roi.name) + 1
        for shape in roi.union:
            colour = shape.stroke_color.as_rgb_tuple(alpha=False)
            assert colour == awkward.tissues[label - 1].colour
            corners = [tuple(map(float, pair.split(","))) for pair in shape.points.split()]
            polygons.append((label, corners))
    np.testing.assert_array_equal(drawn(polygons, mask.shape), mask)


@pytest.mark.parametrize("name", OUTLINES)
def test_nothing_segmented_is_a_file_without_outlines(name, awkward, tmp_path):
    empty = replace(awkward, labels=np.zeros_like(awkward.labels))
    assert written(empty, tmp_path, name).stat().st_size > 0


@pytest.mark.parametrize("name", OUTLINES)
def test_a_coarser_level_is_refused(name, awkward, tmp_path):
    image = ImageReference(shape=(40, 60), level=2)
    coarse = replace(awkward, inputs=replace(awkward.inputs, image=image))
    with pytest.raises(VslpError, match="finest"):
        written(coarse, tmp_path, name)
