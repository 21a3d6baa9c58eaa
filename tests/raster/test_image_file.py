"""Image files of all kinds, written here with other libraries than read them."""

import contextlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_vslp.core.errors import VslpError
from napari_vslp.raster import tiff
from napari_vslp.raster.image_file import read_image
from napari_vslp.raster.pixel_size import from_aperio, from_ome, from_unit

RGB = np.random.default_rng(0).integers(0, 256, (12, 17, 3), dtype=np.uint8)


def save_tiff(path, image=RGB, **options):
    tifffile.imwrite(path, image, **{"photometric": "rgb", **options})
    return path


def save_png(path, image=RGB, **options):
    Image.fromarray(image).save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.ppm", "wrong-name.jpg"])
def test_pictures_are_read_whatever_they_are_called(tmp_path, name):
    path = tmp_path / name
    Image.fromarray(RGB).save(path, format="PNG" if name.endswith("jpg") else None)
    pixels, size, notes = read_image(path)
    np.testing.assert_array_equal(pixels, RGB)
    assert (size, notes) == (None, ())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"compression": "jpeg2000"},
        {"compression": "zstd", "tile": (16, 16)},
    ],
)
def test_tiffs_of_all_kinds_are_read(tmp_path, options):
    pixels, size, notes = read_image(save_tiff(tmp_path / "a.tif", **options))
    np.testing.assert_array_equal(pixels, RGB)
    assert (size, notes) == (None, ())


def test_a_sixteen_bit_png_keeps_its_depth(tmp_path):
    grey = RGB[:, :, 0].astype(np.uint16) * 257
    pixels, _, _ = read_image(save_png(tmp_path / "a.png", grey))
    np.testing.assert_array_equal(pixels, grey)


def test_indexed_colours_are_looked_up(tmp_path):
    colours = np.random.default_rng(2).integers(0, 256, (256, 3), dtype=np.uint8)
    index = RGB[:, :, 0]
    indexed = Image.frombytes("P", (17, 12), index.tobytes())
    indexed.putpalette(colours.tobytes())
    indexed.save(tmp_path / "a.png")
    colormap = colours.T.astype(np.uint16) * 257
    save_tiff(tmp_path / "a.tif", index, photometric="palette", colormap=colormap)
    for name in ("a.png", "a.tif"):
        pixels, _, notes = read_image(tmp_path / name)
        np.testing.assert_array_equal(pixels, colours[index])
        assert "indexed colours" in notes[0]


def test_a_negative_is_turned_round(tmp_path):
    path = save_tiff(tmp_path / "a.tif", RGB[:, :, 0], photometric="miniswhite")
    pixels, _, notes = read_image(path)
    np.testing.assert_array_equal(pixels, 255 - RGB[:, :, 0])
    assert notes


def test_only_the_first_of_several_pictures_is_read(tmp_path):
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    pixels, _, notes = read_image(tmp_path / "a.gif")
    assert pixels.shape[:2] == RGB.shape[:2]
    assert any("only the first" in note for note in notes)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"resolution": (20_000, 10_000), "resolutionunit": "CENTIMETER"}, (1.0, 0.5)),
        ({"resolution": (50_800, 50_800), "resolutionunit": "INCH"}, (0.5, 0.5)),
        ({"resolution": (72, 72), "resolutionunit": "INCH"}, None),
        ({"resolution": (2, 2), "resolutionunit": "NONE"}, None),
        ({"resolution": (2, 4), "imagej": True, "metadata": {"unit": "um"}}, (0.25, 0.5)),
        ({"description": "Aperio Image Library v11.2.1\n12x17 |AppMag = 20|MPP = 0.4990"}, 0.499),
    ],
)
def test_a_tiff_tells_its_pixel_size_if_a_microscope_wrote_it(tmp_path, options, size):
    found = read_image(save_tiff(tmp_path / "a.tif", **options)).pixel_size_um
    wanted = (size, size) if isinstance(size, float) else size
    assert found == (wanted if wanted is None else pytest.approx(wanted, rel=1e-6))


def test_an_ome_tiff_tells_its_pixel_size(tmp_path):
    told = {"axes": "YXS", "PhysicalSizeY": 500.0, "PhysicalSizeYUnit": "nm", "PhysicalSizeX": 0.25}
    tifffile.imwrite(tmp_path / "a.ome.tif", RGB, photometric="rgb", metadata=told)
    assert read_image(tmp_path / "a.ome.tif").pixel_size_um == pytest.approx((0.5, 0.25))


def test_a_png_tells_its_pixel_size(tmp_path):
    path = save_png(tmp_path / "a.png", dpi=(50_800, 25_400))
    assert read_image(path).pixel_size_um == pytest.approx((1.0, 0.5), rel=1e-3)


def test_pixel_sizes_without_sense_are_unknown():
    assert from_unit(0.5, 0.5, "parsec") is None
    assert from_unit(float("nan"), 0.5, "um") is None
    assert from_aperio("no size here") is None
    assert from_ome('<Pixels PhysicalSizeX="0.5"/>') is None
    assert from_ome('<Pixels PhysicalSizeX="wide" PhysicalSizeY="0.5"/>') is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "There is no file"),
        (b"", "is empty"),
        (b"Dear colleague,", "no image that can be read"),
        (b"\x80\x04\x95pickle", "no image that can be read"),
        (b"II*\0", "damaged"),
        (b"II*\0\xff\xff\xff\xff", "damaged"),
        (b"\x89PNG\r\n\x1a\n and no more", "read"),
    ],
)
def test_what_is_no_image_file_is_refused(tmp_path, content, said):
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VslpError, match=said) as caught:
        read_image(path)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused(tmp_path, suffix, kept):
    image = np.random.default_rng(3).integers(0, 256, (90, 80, 3), dtype=np.uint8)
    path = tmp_path / f"a.{suffix}"
    save_tiff(path, image, compression="zlib") if suffix == "tif" else save_png(path, image)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(VslpError, match=r"damaged or incomplete|can be read"):
        read_image(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_a_file_with_wrong_bytes_is_read_or_refused(tmp_path, suffix):
    rng = np.random.default_rng(4)
    path = tmp_path / f"a.{suffix}"
    save_tiff(path, compression="lzw") if suffix == "tif" else save_png(path)
    data = path.read_bytes()
    for _ in range(100):
        broken = bytearray(data)
        for position in rng.integers(0, len(data), 4):
            broken[position] = rng.integers(256)
        path.write_bytes(broken)
        with contextlib.suppress(VslpError):
            assert read_image(path).pixels.size > 0


def test_folders_and_printing_colours_are_refused(tmp_path):
    with pytest.raises(VslpError, match="is a folder"):
        read_image(tmp_path)
    cmyk = np.dstack([RGB, RGB[:, :, :1]])
    with pytest.raises(VslpError, match="CMYK"):
        read_image(save_tiff(tmp_path / "a.tif", cmyk, photometric="separated"))


def test_an_image_larger_than_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff, "MAX_FILE_PIXELS", 200)
    with pytest.raises(VslpError, match="12 × 17 px, more than"):
        read_image(save_tiff(tmp_path / "a.tif"))
    # Pillow's own limit is twice this number.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(VslpError, match="too many pixels"):
        read_image(save_png(tmp_path / "a.png"))


def test_real_slides_are_read(shared_data):
    pixels, size, _ = read_image(shared_data / "wsi" / "CMU-1-Small-Region.svs")
    assert pixels.shape == (2967, 2220, 3)
    assert size == pytest.approx((0.499, 0.499))
