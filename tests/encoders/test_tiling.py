"""Views and tiles: what is done to an image before the network, and undone behind it."""

from itertools import pairwise

import pytest
import torch
from torch.nn import functional

from napari_vslp.encoders.reading.plan import VIEWS
from napari_vslp.encoders.tiling import (
    STRIDE,
    Tile,
    blend,
    pad_to_multiple,
    round_up,
    tiles_of,
    upsample,
)

LARGE = (592, 784)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3), (64, 64), (65, 33)])
def test_padding_reaches_the_multiple_and_keeps_the_image(shape):
    image = torch.rand(1, 3, *shape)
    padded = pad_to_multiple(image, 32, smallest=64)
    assert all(side % 32 == 0 and side >= 64 for side in padded.shape[-2:])
    assert torch.equal(padded[..., : shape[0], : shape[1]], image)
    assert padded.unique().numel() == image.unique().numel(), "nothing is invented"


def test_padding_reflects_without_repeating_the_border():
    padded = pad_to_multiple(torch.arange(5.0).view(1, 1, 1, 5), 8)
    assert padded[0, 0, 0].tolist() == [0, 1, 2, 3, 4, 3, 2, 1]


@pytest.mark.parametrize("shape", [(64, 64), (512, 512), (544, 512), (1600, 2208), LARGE])
def test_tiles_cover_the_image_with_enough_overlap_on_the_strides_grid(shape):
    tiles = tiles_of(shape, 512, 96)
    covered = torch.zeros(shape, dtype=torch.int)
    for tile in tiles:
        assert tile.top % 16 == tile.left % 16 == 0
        tile.cut(covered).add_(1)
        assert tile.cut(covered).shape == (tile.height, tile.width)
    assert covered.min() >= 1
    lefts = sorted({tile.left for tile in tiles})
    assert all(b - a <= 512 - 96 for a, b in pairwise(lefts))


@pytest.mark.parametrize("side", [513, 544, 768, 1024, 1500, 2967])
def test_tiles_that_fit_cover_the_image_with_hardly_more_than_the_overlap(side):
    length = round_up(side, 32)
    tiles = tiles_of((64, length), 512, 96, fit=32)
    assert {tile.width % 32 for tile in tiles} == {0}
    assert max(tile.width for tile in tiles) <= 512
    assert len(tiles) == len(tiles_of((64, length), 512, 96))
    lefts = [tile.left for tile in tiles]
    assert lefts[0] == 0
    assert tiles[-1].left + tiles[-1].width == length
    overlaps = [a + tiles[0].width - b for a, b in pairwise(lefts)]
    assert min(overlaps) >= 80
    assert max(overlaps) <= 96 + 48


@pytest.mark.parametrize("size", [192, 256, 320])
def test_a_local_network_gives_the_same_through_any_tile_grid(size):
    image = torch.rand(1, 3, *LARGE)
    kernel = torch.rand(2, 3, 33, 33) / 1000

    def read(tile):
        # Zero padding makes the tiles wrong at their edges, as a network's does.
        pooled = functional.conv2d(tile.cut(image), kernel, padding=16)
        return functional.avg_pool2d(pooled, STRIDE)[0]

    whole = read(Tile(0, 0, *LARGE))
    tiled = blend(tiles_of(LARGE, size, 64), LARGE, read, 64)
    difference = (tiled - whole).abs() / whole.std()
    assert tiled.shape == whole.shape
    assert difference.quantile(0.99) < 0.25
    assert difference.median() < 1e-4


def test_a_step_between_tiles_is_blended_into_a_ramp():
    tiles = tiles_of((256, 448), 256, 64)

    def read(tile):
        return torch.full((1, tile.height // STRIDE, tile.width // STRIDE), float(tile.left > 0))

    row = blend(tiles, (256, 448), read, 64)[0, 0]
    assert row[0] == 0
    assert row[-1] == 1
    assert row.diff().max() < 4 * STRIDE / 64


def test_upsampling_puts_cell_centres_at_4i_plus_1_5():
    cells = torch.arange(6.0).view(1, 1, 1, 6).expand(1, 1, 3, 6)
    full = upsample(cells, (11, 22))
    assert full.shape == (1, 1, 11, 22)
    pixels = torch.arange(2, 22)
    expected = (pixels - 1.5) / STRIDE
    assert torch.allclose(full[0, 0, 5, 2:], expected, atol=1e-6)


def test_upsampling_commutes_with_every_view():
    cells = torch.rand(1, 2, 5, 7)
    for view in VIEWS:
        height, width = view.apply(cells).shape[-2:]
        ours = upsample(view.apply(cells), (4 * height, 4 * width))
        assert torch.allclose(ours, view.apply(upsample(cells, (20, 28))), atol=1e-6)
