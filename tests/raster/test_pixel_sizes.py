"""Pixel sizes as files and people write them, in µm or unknown, never nonsense."""

from decimal import Decimal

import numpy as np
import pytest
import tifffile

from napari_vslp.core.errors import VslpError
from napari_vslp.raster.contract import open_raster
from napari_vslp.raster.pixel_size import (
    check_pixel_size,
    compared,
    from_aperio,
    from_ome,
    from_philips,
    from_unit,
    from_ventana,
    microns_of,
)
from tests.raster.made import RGB, save_png, save_tiff

APERIO = "Aperio Image Library v11.2.1\n12x17 |AppMag = 20|"
CM = {"resolution": (20_000, 10_000), "resolutionunit": "CENTIMETER"}


@pytest.mark.parametrize(
    ("options", "size"),
    [
        (CM, (1.0, 0.5)),
        ({"resolution": (50_800, 50_800), "resolutionunit": "INCH"}, (0.5, 0.5)),
        ({"resolution": (72, 72), "resolutionunit": "INCH"}, None),
        ({"resolution": (2, 2), "resolutionunit": "NONE"}, None),
        ({"resolution": (2, 4), "imagej": True, "metadata": {"unit": "um"}}, (0.25, 0.5)),
        ({"resolution": (2, 4), "imagej": True, "metadata": {"unit": "pixel"}}, None),
        ({"description": f"{APERIO}MPP = 0.4990"}, (0.499, 0.499)),
        ({"description": APERIO, **CM}, (1.0, 0.5)),
        ({"description": f"{APERIO}MPP = none", **CM}, (1.0, 0.5)),
    ],
)
def test_a_tiff_tells_its_pixel_size_if_a_microscope_wrote_it(tmp_path, options, size):
    found = open_raster(save_tiff(tmp_path / "a.tif", **options)).pixel_size_um
    assert found == (size if size is None else pytest.approx(size, rel=1e-6))


def test_an_ome_tiff_tells_its_pixel_size(tmp_path):
    told = {"axes": "YXS", "PhysicalSizeY": 500.0, "PhysicalSizeYUnit": "nm", "PhysicalSizeX": 0.25}
    tifffile.imwrite(tmp_path / "a.ome.tif", RGB, photometric="rgb", metadata=told)
    assert open_raster(tmp_path / "a.ome.tif").pixel_size_um == pytest.approx((0.5, 0.25))


def test_a_png_tells_its_pixel_size(tmp_path):
    path = save_png(tmp_path / "a.png", dpi=(50_800, 25_400))
    assert open_raster(path).pixel_size_um == pytest.approx((1.0, 0.5), rel=1e-3)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0.2520", 0.252),
        ("0,2520", 0.252),
        ("2.52e-1", 0.252),
        (" .5 ", 0.5),
        ("0.25.20", None),
        ("-0.25", None),
        ("nan", None),
        ("inf", None),
        ("0", None),
        ("1e-9", None),
        ("900", None),
    ],
)
def test_aperios_sizes(text, size):
    found = from_aperio(f"{APERIO}MPP = {text}|Left = 1")
    assert found == (None if size is None else pytest.approx((size, size)))


@pytest.mark.parametrize(
    ("unit", "microns"),
    [
        *[(unit, 1) for unit in ("um", "µm", "μm", "UM", "micron", "Microns", "micrometer")],
        *[(unit, 1) for unit in ("micrometre", "micrometers", "\\u00B5m", "Âµm", "µm.")],
        *[(unit, 1e-3) for unit in ("nm", "nanometer")],
        *[(unit, 1e3) for unit in ("mm", "millimetre")],
        *[(unit, 1e4) for unit in ("cm", "centimeter")],
        *[(unit, 1e6) for unit in ("m", "meter", "metre")],
        *[(unit, 25_400) for unit in ("in", "inch", '"')],
        *[(unit, 1e-4) for unit in ("Å", "\N{ANGSTROM SIGN}", "angstrom")],
        *[(unit, None) for unit in ("pixel", "Mm", "parsec", "", "reference frame", "s")],
    ],
)
def test_units_of_any_spelling(unit, microns):
    assert microns_of(unit) == (None if microns is None else pytest.approx(microns))


@pytest.mark.parametrize("unit", ["&#xB5;m", "&#181;m", "µm"])
def test_omes_units_are_xml(unit):
    xml = (
        '<OME xmlns="http://x"><Image><Pixels PhysicalSizeX="0.5" PhysicalSizeY="0.25" '
        f'PhysicalSizeXUnit="{unit}" PhysicalSizeYUnit="{unit}"/></Image></OME>'
    )
    assert from_ome(xml) == (0.25, 0.5)


def test_philips_and_ventana():
    attribute = (
        '<Attribute Name="DICOM_PIXEL_SPACING" Group="0x0028" PMSVR="IDoubleArray">'
        "{0}0.000227{0} {0}0.000226{0}</Attribute>"
    )
    for quote in ('"', "&quot;"):
        assert from_philips(attribute.format(quote)) == pytest.approx((0.227, 0.226))
    assert from_philips('<Attribute Name="OTHER">"1" "2"</Attribute>') is None
    assert from_ventana('<iScan Magnification="40" ScanRes="0.2500"/>') == (0.25, 0.25)


def test_pixel_sizes_without_sense_are_unknown():
    assert from_unit(0.5, 0.5, "parsec") is None
    assert from_unit(float("nan"), 0.5, "um") is None
    assert from_aperio("no size here") is None
    assert from_ome('<Pixels PhysicalSizeX="0.5"/>') is None
    assert from_ome('<Pixels PhysicalSizeX="wide" PhysicalSizeY="0.5"/>') is None
    assert from_ome("no XML <") is None


@pytest.mark.parametrize(
    ("typed", "size"),
    [
        (None, None),
        (0.5, (0.5, 0.5)),
        ((0.5, 0.25), (0.5, 0.25)),
        ([Decimal("0.5")], (0.5, 0.5)),
        (np.array([0.5, 0.25]), (0.5, 0.25)),
        (np.float32(0.5), (0.5, 0.5)),
    ],
)
def test_typed_sizes(typed, size):
    assert check_pixel_size(typed) == size


@pytest.mark.parametrize(
    "typed",
    [0, -1, (0.5, -1), float("nan"), float("inf"), 1e-6, 1e8, 1e300, (1, 2, 3), "wide", True],
)
def test_absurd_sizes_are_refused(typed):
    with pytest.raises(VslpError, match="not a pixel size"):
        check_pixel_size(typed)


def test_a_model_of_another_magnification_is_spoken_of():
    assert compared(None, 0.5) == compared((0.5, 0.5), None) == compared((0.55, 0.5), 0.5) == ""
    assert "0.25 µm per pixel" in compared((0.25, 0.25), 0.5)
    assert "trained at 0.5" in compared((2, 2), 0.5)
