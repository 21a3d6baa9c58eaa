"""TIFF: what the samples of a pixel mean, however the file stores them; read where it is asked."""

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from napari_vslp.core.errors import VslpError
from napari_vslp.raster import sampled, tiff
from napari_vslp.raster.contract import open_raster
from tests.fuzz.tiffs import raw_tiff
from tests.raster.made import GREY, GREY3, RGB, packed, read, save_tiff

PHOTOMETRIC, BITS, EXTRA, COMPRESSION = 262, 258, 338, 259
YCBCR = np.asarray(Image.fromarray(RGB).convert("YCbCr"))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"rowsperstrip": 5},
        {"rowsperstrip": 5, "byteorder": ">", "predictor": True, "compression": "lzw"},
        {"compression": "jpeg2000"},
        {"compression": "zstd", "tile": (16, 16)},
        {"tile": (16, 16)},
        {"planarconfig": "separate", "rowsperstrip": 5},
        {"planarconfig": "separate", "tile": (16, 16), "compression": "zlib"},
    ],
)
def test_tiffs_of_all_kinds_are_read(tmp_path, options):
    planar = options.get("planarconfig") == "separate"
    image = RGB.transpose(2, 0, 1) if planar else RGB
    path = save_tiff(tmp_path / "a.tif", image, **options)
    pixels, notes = read(path)
    np.testing.assert_array_equal(pixels, RGB)
    assert notes == ()
    np.testing.assert_array_equal(read(path, (4, 3, 11, 17))[0], RGB[4:11, 3:17])


def test_only_tiles_below_the_box_are_decoded(tmp_path):
    image = np.tile(RGB, (8, 8, 1))
    path = save_tiff(tmp_path / "a.tif", image, tile=(32, 32), compression="zlib")
    with tifffile.TiffFile(path) as file:
        offsets = file.pages.first.dataoffsets
    data = bytearray(path.read_bytes())
    for broken in offsets[:4] + offsets[5:]:
        data[broken : broken + 4] = b"xxxx"
    path.write_bytes(data)
    # 96 × 136 px make 3 × 5 tiles; the fifth is the last of the first row.
    box = (3, 130, 30, 136)
    np.testing.assert_array_equal(read(path, box)[0], image[3:30, 130:136])
    with pytest.raises(VslpError, match="damaged"):
        read(path, (3, 120, 30, 136))


def test_every_level_of_a_pyramid_is_read(tmp_path):
    big = np.tile(RGB, (4, 4, 1))
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(big, photometric="rgb", subifds=2, metadata=None)
        for step in (2, 4):
            file.write(big[::step, ::step], photometric="rgb", subfiletype=1, metadata=None)
    raster = open_raster(tmp_path / "a.tif")
    assert [level.shape for level in raster.levels] == [(48, 68), (24, 34), (12, 17)]
    assert [level.downsample for level in raster.levels] == [1, 2, 4]
    np.testing.assert_array_equal(raster.read((1, 2, 5, 9), level=2), big[::4, ::4][1:5, 2:9])
    with pytest.raises(VslpError, match="no level 3"):
        raster.read(level=3)


def test_indexed_colours_are_looked_up_from_tables_of_16_and_of_8_bits(tmp_path):
    colours = np.random.default_rng(2).integers(0, 256, (256, 3), dtype=np.uint8)
    for factor in (257, 256, 1):
        table = colours.T.astype(np.uint16) * np.uint16(factor)
        path = save_tiff(tmp_path / "a.tif", GREY, photometric="palette", colormap=table)
        rgb, notes = read(path)
        np.testing.assert_array_equal(rgb, colours[GREY])
        assert "indexed colours" in notes[0]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.bool_])
def test_a_negative_is_turned_round(tmp_path, kind):
    values = {np.uint8: GREY, np.uint16: GREY.astype(np.uint16) * 257, np.bool_: GREY > 99}[kind]
    want = np.where(values, 0, 255) if kind is np.bool_ else 255 - GREY
    rgb, notes = read(save_tiff(tmp_path / "a.tif", values, photometric="miniswhite"))
    np.testing.assert_array_equal(rgb, np.repeat(want[:, :, None], 3, 2))
    assert any("negative" in note for note in notes)


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_few_bits_reaches_from_black_to_white(tmp_path, bits, negative):
    values = GREY >> (8 - bits)
    rows = packed(values, bits)
    path = save_tiff(tmp_path / "a.tif", rows, photometric="minisblack", rowsperstrip=12)
    with tifffile.TiffFile(path, mode="r+b") as file:
        tags = file.pages.first.tags
        tags[256].overwrite(17)
        tags[BITS].overwrite(bits)
        tags[PHOTOMETRIC].overwrite(0 if negative else 1)
    want = np.rint(values * (255 / (2**bits - 1))).astype(np.uint8)
    want = 255 - want if negative else want
    np.testing.assert_array_equal(read(path)[0], np.repeat(want[:, :, None], 3, 2))


def test_twelve_packed_bits_are_twelve_bits(tmp_path):
    values = RGB[:, :16, 0].astype(np.uint16) * 8  # none comes near 4095
    pairs = values.reshape(12, 8, 2)
    rows = np.stack(
        [pairs[..., 0] >> 4, (pairs[..., 0] & 15) << 4 | pairs[..., 1] >> 8, pairs[..., 1] & 255],
        -1,
    )
    path = tmp_path / "a.tif"
    save_tiff(path, rows.reshape(12, 24).astype(np.uint8), photometric="minisblack")
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages.first.tags[256].overwrite(16)
        file.pages.first.tags[BITS].overwrite(12)
    want = np.rint(values / 4095 * 255).astype(np.uint8)
    np.testing.assert_array_equal(read(path)[0], np.repeat(want[:, :, None], 3, 2))


def test_omes_significant_bits_are_believed(tmp_path):
    values = RGB.astype(np.uint16) * 4
    about = {"axes": "YXS", "SignificantBits": 14}
    tifffile.imwrite(tmp_path / "a.ome.tif", values, photometric="rgb", metadata=about)
    want = np.rint(values / (2**14 - 1) * 255).astype(np.uint8)
    np.testing.assert_array_equal(read(tmp_path / "a.ome.tif")[0], want)


@pytest.mark.parametrize("subsampling", [(530, 3, 2, (1, 1), True), None])
def test_ycbcr_without_jpeg_is_converted(tmp_path, subsampling):
    tags = [subsampling] if subsampling else []
    path = save_tiff(tmp_path / "a.tif", YCBCR, {PHOTOMETRIC: 6}, extratags=tags)
    rgb, notes = read(path)
    assert np.abs(rgb.astype(int) - RGB).mean() < 1.5
    assert "YCbCr" in notes[0]


def test_ycbcr_with_halved_colours_is_refused_by_name(tmp_path):
    tags = [(530, 3, 2, (2, 2), True)]
    path = save_tiff(tmp_path / "a.tif", YCBCR, {PHOTOMETRIC: 6}, extratags=tags)
    with pytest.raises(VslpError, match="YCbCr"):
        open_raster(path)


def test_jpegs_ycbcr_is_converted_once(tmp_path):
    smooth = np.repeat(np.repeat(RGB[:4, :5], 16, 0), 16, 1)
    path = save_tiff(tmp_path / "a.tif", smooth, compression="jpeg", compressionargs={"level": 98})
    with tifffile.TiffFile(path) as file:
        assert file.pages.first.photometric == 6
    assert np.abs(read(path)[0].astype(int) - smooth).mean() < 4


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("icc", [False, True])
def test_cielab_is_converted_as_little_cms_does(tmp_path, deep, icc):
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    turned = ImageCms.buildTransform(*profiles, "RGB", "LAB").apply(Image.fromarray(RGB))
    want = np.asarray(ImageCms.buildTransform(*profiles[::-1], "LAB", "RGB").apply(turned))
    # Pillow hands a* and b* out as signed bytes, as TIFF's CIELAB stores them.
    lab = np.asarray(turned)
    assert lab[0, 1].tolist() == [255, 0, 0]
    lab = lab ^ np.array([0, 128, 128], np.uint8) if icc else lab
    if deep:
        top = 65_280 if icc else 65_535
        lightness = np.rint(lab[..., :1] / 255 * top)
        lab = np.dstack([lightness, lab[..., 1:].astype(int) * 256]).astype(np.uint16)
    rgb, notes = read(save_tiff(tmp_path / "a.tif", lab, {PHOTOMETRIC: 9 if icc else 8}))
    assert np.abs(rgb.astype(int) - want).mean() <= 1.1
    assert "CIELAB" in notes[0]


@pytest.mark.parametrize("code", [5, 10, 32_803, 32_844, 34_892])
def test_colours_that_cannot_be_converted_are_refused_by_name(tmp_path, code):
    image = np.dstack([RGB, RGB[:, :, :1]]) if code == 5 else RGB
    path = save_tiff(tmp_path / "a.tif", image, {PHOTOMETRIC: code})
    with pytest.raises(VslpError, match=r"colours|camera"):
        open_raster(path)


def with_fourth(value):
    return np.dstack([RGB, np.full(RGB.shape[:2], value, np.uint8)])


def test_extra_samples_are_what_the_file_says(tmp_path):
    def saved(kind, values):
        return save_tiff(tmp_path / "a.tif", values, extrasamples=[kind])

    rgb, notes = read(saved("unspecified", with_fourth(0)))
    np.testing.assert_array_equal(rgb, RGB)
    assert "does not call alpha" in notes[0]
    np.testing.assert_array_equal(read(saved("unassalpha", with_fourth(255)))[0], RGB)
    np.testing.assert_array_equal(read(saved("unassalpha", with_fourth(0)))[0], 255)
    half = with_fourth(128)
    straight = np.rint(RGB * (128 / 255) + 127)
    assert np.abs(read(saved("unassalpha", half))[0] - straight).max() <= 1
    half[..., :3] = np.rint(RGB * (128 / 255))
    assert np.abs(read(saved("assocalpha", half))[0] - straight).max() <= 1


def test_samples_that_are_no_colours_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    save_tiff(path, RGB, photometric="minisblack", planarconfig="contig", extrasamples=[0, 0])
    with pytest.raises(VslpError, match="does not call colours"):
        open_raster(path)


@pytest.mark.parametrize("way", range(1, 9))
def test_tiffs_are_turned_upright(tmp_path, way):
    tags = [(274, 3, 1, way, True)]
    path = save_tiff(
        tmp_path / "a.tif", extratags=tags, resolution=(20_000, 10_000), resolutionunit=3
    )
    upright = {
        1: RGB,
        2: RGB[:, ::-1],
        3: RGB[::-1, ::-1],
        4: RGB[::-1],
        5: RGB.swapaxes(0, 1),
        6: np.rot90(RGB, -1),
        7: RGB[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(RGB),
    }[way]
    raster = open_raster(path)
    assert raster.shape == upright.shape[:2]
    np.testing.assert_array_equal(raster.read(), upright)
    np.testing.assert_array_equal(raster.read((1, 2, 9, 11)), upright[1:9, 2:11])
    assert raster.pixel_size_um == pytest.approx((1.0, 0.5) if way < 5 else (0.5, 1.0))
    assert any("turned upright" in note for note in raster.notes) == (way > 1)
    assert raster.sha256() == open_raster(np.ascontiguousarray(upright)).sha256()


def strip_of(path, offset=None, length=None):
    with tifffile.TiffFile(path, mode="r+b") as file:
        tags = file.pages.first.tags
        codes = (324, 325) if 324 in tags else (273, 279)
        for code, value in zip(codes, (offset, length), strict=True):
            if value is not None:
                old = tags[code].value
                tags[code].overwrite((*old[:-1], value))
    return path


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("lost", [{"offset": 0}, {"length": 0}, {"offset": 0, "length": 0}])
def test_strips_that_are_not_there_are_never_black(tmp_path, compression, lost):
    path = save_tiff(tmp_path / "a.tif", rowsperstrip=4, compression=compression)
    raster = open_raster(strip_of(path, **lost))
    np.testing.assert_array_equal(raster.read((0, 0, 8, 17)), RGB[:8])
    with pytest.raises(VslpError, match="incomplete"):
        raster.read()


def test_tiles_that_the_scanner_left_out_are_white_and_said(tmp_path):
    image = np.tile(RGB, (2, 1, 1))
    path = save_tiff(tmp_path / "a.tif", image, tile=(16, 32), compression="zlib")
    rgb, notes = read(strip_of(path, 0, 0))
    np.testing.assert_array_equal(rgb[:16], image[:16])
    np.testing.assert_array_equal(rgb[16:], 255)
    assert any("left out" in note for note in notes)


def test_an_image_larger_than_memory_is_read_in_regions(tmp_path, monkeypatch):
    monkeypatch.setattr(sampled, "MAX_PIXELS", 100)
    raster = open_raster(save_tiff(tmp_path / "a.tif"))
    with pytest.raises(VslpError, match="12 × 17 px, more than"):
        raster.read()
    np.testing.assert_array_equal(raster.read((0, 0, 10, 10)), RGB[:10, :10])
    monkeypatch.setattr(tiff, "_MAX_SEGMENT", 100)
    with pytest.raises(VslpError, match="save it in tiles"):
        open_raster(save_tiff(tmp_path / "b.tif", compression="zlib"))


def test_no_file_stays_open(tmp_path):
    path = save_tiff(tmp_path / "a.tif")
    raster = open_raster(path)
    raster.read()
    moved = path.rename(tmp_path / "b.tif")
    assert moved.is_file()
    with pytest.raises(VslpError, match="damaged or incomplete"):
        raster.read()


def test_real_slides_are_read(shared_data):
    raster = open_raster(shared_data / "wsi" / "CMU-1-Small-Region.svs")
    assert raster.shape == (2967, 2220)
    assert raster.pixel_size_um == pytest.approx((0.499, 0.499))
    whole = raster.read()
    with tifffile.TiffFile(shared_data / "wsi" / "CMU-1-Small-Region.svs") as file:
        np.testing.assert_array_equal(whole, file.series[0].asarray())
    np.testing.assert_array_equal(raster.read((230, 470, 260, 530)), whole[230:260, 470:530])


def test_grey_says_so(tmp_path):
    rgb, notes = read(save_tiff(tmp_path / "a.tif", GREY, photometric="minisblack"))
    np.testing.assert_array_equal(rgb, GREY3)
    assert any("grey" in note for note in notes)


def test_one_bit_a_pixel_may_be_an_index_into_two_colours(tmp_path):
    index = GREY > 127
    colours = np.array([[200, 30], [10, 160], [90, 250]], np.uint8)
    tags = {258: (3, [1]), 262: (3, [3]), 277: (3, [1])}
    tags[320] = (3, [int(value) * 257 for value in colours.ravel()])
    path = tmp_path / "two.tif"
    raw_tiff(path, packed(index, 1).tobytes(), index.shape, tags, "<")
    pixels, _ = read(path)
    np.testing.assert_array_equal(pixels, colours.T[index.astype(int)])
