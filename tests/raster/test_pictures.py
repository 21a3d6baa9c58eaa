"""PNG, JPEG and their like: the colours any viewer shows, upright, or one sentence."""

import contextlib
import os
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageOps

from napari_vslp.core.errors import VslpError
from napari_vslp.raster.contract import open_raster
from tests.raster.made import GREY, GREY3, RGB, read, save_few_bits, save_png, save_tiff


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.ppm", "wrong-name.jpg"])
def test_pictures_are_read_whatever_they_are_called(tmp_path, name):
    path = tmp_path / name
    Image.fromarray(RGB).save(path, format="PNG" if name.endswith("jpg") else None)
    pixels, notes = read(path)
    np.testing.assert_array_equal(pixels, RGB)
    assert (open_raster(path).pixel_size_um, notes) == (None, ())


def test_nothing_is_decoded_before_it_is_read(tmp_path):
    path = save_png(tmp_path / "a.png")
    data = path.read_bytes()
    path.write_bytes(data[:-40])
    raster = open_raster(path)
    assert raster.shape == RGB.shape[:2]
    with pytest.raises(VslpError, match="damaged or incomplete"):
        raster.read()


def test_a_sixteen_bit_grey_png_keeps_its_depth(tmp_path):
    rgb, notes = read(save_png(tmp_path / "a.png", GREY.astype(np.uint16) * 257))
    np.testing.assert_array_equal(rgb, GREY3)
    assert any("16 bits" in note for note in notes)


def deep_files(folder, values):
    """The same 16-bit values by every format that can hold them."""
    save_tiff(folder / "a.tif", values)
    (folder / "a.png").write_bytes(imagecodecs.png_encode(values))
    coded = imagecodecs.jpeg2k_encode(values, level=0, codecformat="jp2")
    (folder / "a.jp2").write_bytes(coded)
    head = f"P6\n# a comment\n{values.shape[1]} {values.shape[0]}\n65535\n".encode()
    (folder / "a.ppm").write_bytes(head + values.astype(">u2").tobytes())
    text = " ".join(map(str, values.ravel()))
    plain = f"P3 {values.shape[1]} {values.shape[0]} 65535\n{text}\n"
    (folder / "b.ppm").write_text(plain)
    return [folder / name for name in ("a.tif", "a.png", "a.jp2", "a.ppm", "b.ppm")]


@pytest.mark.parametrize(("factor", "bits"), [(257, 16), (16, 12)])
def test_sixteen_bits_are_as_bright_in_every_format(tmp_path, factor, bits):
    values = RGB.astype(np.uint16) * np.uint16(factor)
    for path in deep_files(tmp_path, values):
        rgb, notes = read(path)
        assert np.abs(rgb.astype(int) - RGB).max() <= 1, path
        assert any(f"{bits} bits" in note for note in notes), path


def test_bits_that_the_file_tells_are_believed(tmp_path):
    values = RGB.astype(np.uint16) // 3 * 16  # no value comes near the largest
    coded = imagecodecs.jpeg2k_encode(values, level=0, codecformat="jp2", bitspersample=14)
    (tmp_path / "a.jp2").write_bytes(coded)
    head = f"P6 {values.shape[1]} {values.shape[0]} 16383\n".encode()
    (tmp_path / "a.ppm").write_bytes(head + values.astype(">u2").tobytes())
    for name in ("a.jp2", "a.ppm"):
        rgb, _ = read(tmp_path / name)
        np.testing.assert_array_equal(rgb, np.rint(values / 16383 * 255).astype(np.uint8))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_few_bits_reaches_from_black_to_white(tmp_path, bits):
    values = GREY >> (8 - bits)
    path = save_few_bits(tmp_path / "a.png", values, bits)
    want = np.rint(values * (255 / (2**bits - 1))).astype(np.uint8)
    np.testing.assert_array_equal(read(path)[0], np.repeat(want[:, :, None], 3, 2))


def test_indexed_colours_are_looked_up(tmp_path):
    colours = np.random.default_rng(2).integers(0, 256, (256, 3), dtype=np.uint8)
    indexed = Image.frombytes("P", (17, 12), GREY.tobytes())
    indexed.putpalette(colours.tobytes())
    indexed.save(tmp_path / "a.png")
    rgb, notes = read(tmp_path / "a.png")
    np.testing.assert_array_equal(rgb, colours[GREY])
    assert "indexed colours" in notes[0]


@pytest.mark.parametrize("deep", [False, True])
def test_a_colour_that_means_see_through_is_white(tmp_path, deep):
    image = RGB.copy()
    image[3:6, 4:9] = (20, 0, 60)
    want = image.copy()
    want[(image == (20, 0, 60)).all(2)] = 255
    path = save_png(tmp_path / "a.png", image, transparency=(20, 0, 60))
    if deep:
        coded = imagecodecs.png_encode(image.astype(np.uint16) * 257)
        at = coded.index(b"IDAT") - 4
        chunk = b"\0\0\0\x06tRNS" + (np.array([20, 0, 60]) * 257).astype(">u2").tobytes()
        chunk += zlib.crc32(chunk[4:]).to_bytes(4)
        path.write_bytes(coded[:at] + chunk + coded[at:])
    rgb, notes = read(path)
    np.testing.assert_array_equal(rgb, want)
    assert any("laid on white" in note for note in notes)


def test_only_the_first_of_several_pictures_is_read(tmp_path):
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    pixels, notes = read(tmp_path / "a.gif")
    assert pixels.shape[:2] == RGB.shape[:2]
    assert any("only the first" in note for note in notes)


@pytest.mark.parametrize("way", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_pictures_are_turned_upright(tmp_path, way, suffix):
    tags = Image.Exif()
    tags[274] = way
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(RGB).save(path, exif=tags, dpi=(50_800, 25_400))
    with Image.open(path) as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    raster = open_raster(path)
    assert raster.shape == upright.shape[:2]
    np.testing.assert_array_equal(raster.read(), upright)
    np.testing.assert_array_equal(raster.read((2, 3, 9, 10)), upright[2:9, 3:10])
    assert any("turned upright" in note for note in raster.notes) == (way > 1)
    np.testing.assert_array_equal(read(Image.open(path))[0], upright)
    if suffix == "png":
        turned = (1.0, 0.5) if way < 5 else (0.5, 1.0)
        assert raster.pixel_size_um == pytest.approx(turned, rel=1e-3)


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
        read(path)
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
        read(path)


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
            assert read(path)[0].size > 0


def test_folders_and_pipes_are_refused(tmp_path):
    with pytest.raises(VslpError, match="is a folder"):
        open_raster(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(VslpError, match="pipe"):
        open_raster(tmp_path / "pipe.png")


def test_a_picture_larger_than_memory_is_refused(tmp_path, monkeypatch):
    # Pillow's own limit is twice this number.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(VslpError, match="too many pixels"):
        open_raster(save_png(tmp_path / "a.png"))


@pytest.mark.parametrize(
    "kind", ["P2 2 1 1000\n5 99999999", "P2 2 1 1000\n5 1001", "P2 2 1 999\n5 x"]
)
def test_a_value_beyond_the_largest_that_a_file_tells_is_damage(tmp_path, kind):
    (path := tmp_path / "a.ppm").write_text(kind)
    with pytest.raises(VslpError, match="damaged or incomplete"):
        read(path)
