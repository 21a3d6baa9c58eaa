"""OME-Zarr: read back by zarr, and held to the specification by ome-zarr-models."""

from dataclasses import replace

import numpy as np
import pytest

from napari_vslp.core.errors import VslpError
from napari_vslp.export.arrays.images import Mask
from napari_vslp.export.arrays.ome_zarr import write_mask_zarr
from napari_vslp.export.arrays.planes import Plane
from napari_vslp.export.options import MapsZarrOptions, MaskZarrOptions
from napari_vslp.export.provenance import inputs_hash
from napari_vslp.export.results import write_result
from tests.export.conftest import NAMES
from tests.made import with_pixel_size

zarr = pytest.importorskip("zarr", reason="the extra “export” is not installed")
VERSIONS = ("0.4", "0.5")


def written(result, folder, name, options):
    rgb = np.random.default_rng(0).integers(0, 256, (*result.labels.shape, 3), np.uint8)
    (path,) = write_result(result, rgb, folder, [name], {name: options})
    return zarr.open_group(path, mode="r"), rgb


def ome(group, version):
    return group.attrs["ome"] if version == "0.5" else group.attrs


def on_whole(part):
    return np.pad(part, ((5, 5), (10, 10)))


def check_specification(group, version, kind):
    models = pytest.importorskip(f"ome_zarr_models.v{version.replace('.', '')}")
    model = getattr(models, kind)
    if version == "0.4":
        # Its own names do not reach pydantic 2.14 by themselves.
        specs = pytest.importorskip("pydantic_zarr.v2")
        for one in (models.Labels, model):
            one.model_rebuild(_types_namespace={**vars(specs), **vars(models)})
    model.from_zarr(group)


@pytest.mark.parametrize("version", VERSIONS)
def test_labels_have_names_colours_sizes_and_their_image(awkward, tmp_path, version):
    options = MaskZarrOptions(version)
    root, rgb = written(awkward, tmp_path, "mask.ome.zarr", options)
    check_specification(root, version, "Image")
    check_specification(root["labels/tissues"], version, "ImageLabel")
    labels = root["labels/tissues"]
    np.testing.assert_array_equal(labels["0"][:], on_whole(awkward.labels))
    np.testing.assert_array_equal(root["0"][:], [on_whole(rgb[:, :, i]) for i in range(3)])
    told = ome(labels, version)["image-label"]
    assert [one["name"] for one in told["properties"]] == list(NAMES)
    shown = {one["label-value"]: tuple(one["rgba"]) for one in told["colors"]}
    assert shown == {i + 1: (*t.colour, 255) for i, t in enumerate(awkward.tissues)}
    (scales,) = ome(labels, version)["multiscales"]
    assert [axis["unit"] for axis in scales["axes"]] == ["micrometer"] * 2
    scale = scales["datasets"][0]["coordinateTransformations"][0]["scale"]
    assert scale == [0.5, 0.25]
    assert ome(root["labels"], version)["labels"] == ["tissues"]
    assert labels.attrs["napari-vslp"]["inputs_sha256"] == inputs_hash(awkward.inputs)


@pytest.mark.parametrize("version", VERSIONS)
def test_maps_are_channels_with_names_and_colours(awkward, tmp_path, version):
    root, _ = written(awkward, tmp_path, "maps.ome.zarr", MapsZarrOptions(version))
    check_specification(root, version, "Image")
    maps = [awkward.fidelity_map, awkward.regularisation_map, awkward.margin, awkward.gap_map]
    wanted = [on_whole(one) for one in (*awkward.confidence, *maps)]
    assert root["0"].dtype == np.float32
    np.testing.assert_array_equal(root["0"][:], wanted)
    channels = ome(root, version)["omero"]["channels"]
    names = [*NAMES, "fidelity", "regularisation", "margin", "gap"]
    assert [one["label"] for one in channels] == names
    colours = [tuple(bytes.fromhex(one["color"])) for one in channels[:9]]
    assert colours == [tissue.colour for tissue in awkward.tissues]


def test_an_unknown_pixel_size_has_no_unit(awkward, tmp_path):
    unknown = with_pixel_size(awkward, None)
    root, _ = written(unknown, tmp_path, "mask.ome.zarr", MaskZarrOptions(with_image=False))
    assert "multiscales" not in root.attrs
    (scales,) = root["labels/tissues"].attrs["multiscales"]
    assert scales["axes"] == [{"name": side, "type": "space"} for side in "yx"]
    assert scales["datasets"][0]["coordinateTransformations"][0]["scale"] == [1, 1]


def test_a_large_mask_is_a_pyramid_of_every_second_pixel(tmp_path):
    labels = np.random.default_rng(1).integers(0, 4, (1500, 2600), np.uint8)
    plane = Plane(labels, (301, 77, 1801, 2677), (2000, 3001))
    whole = np.zeros(plane.shape, np.uint8)
    whole[301:1801, 77:2677] = labels
    mask = Mask(plane, {1: "a"}, {1: (1, 2, 3)}, (0.5, 0.5))
    write_mask_zarr(mask, tmp_path / "m.ome.zarr", "0.4")
    group = zarr.open_group(tmp_path / "m.ome.zarr" / "labels" / "tissues", mode="r")
    for level in range(3):
        step = 2**level
        np.testing.assert_array_equal(group[str(level)][:], whole[::step, ::step])
    scales = group.attrs["multiscales"][0]["datasets"]
    steps = [one["coordinateTransformations"][0]["scale"] for one in scales]
    assert steps == [[0.5, 0.5], [1, 1], [2, 2]]


def test_a_second_export_takes_the_place_of_the_first(awkward, image, tmp_path):
    write_result(awkward, image, tmp_path, ["mask.ome.zarr"])
    other = replace(awkward, labels=awkward.labels[::-1].copy())
    write_result(other, image, tmp_path, ["mask.ome.zarr"])
    found = zarr.open_group(tmp_path / "mask.ome.zarr", mode="r")["labels/tissues/0"][:]
    np.testing.assert_array_equal(found, on_whole(other.labels))
    write_result(awkward, image, tmp_path, ["mask.png"])
    assert not (tmp_path / "mask.ome.zarr").exists()


def test_without_zarr_one_sentence_says_so(awkward, image, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "zarr", None)
    with pytest.raises(VslpError, match=r"pip install “napari-vslp\[export\]”"):
        write_result(awkward, image, tmp_path, ["mask.ome.zarr"])
