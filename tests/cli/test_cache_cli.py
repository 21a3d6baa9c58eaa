"""The command that shows and clears the cache."""

import errno
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_vslp import cli
from napari_vslp.encoders.cache import cache_folder, embed_image
from napari_vslp.encoders.network import HybridSegmenter
from tests.encoders.made import TWO, make_encoder, stored


def keep_one() -> None:
    """Leave the embedding of one image in the cache."""
    torch.manual_seed(0)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    embed_image(pixels, make_encoder(HybridSegmenter(TWO)), augmentation=False)


def test_the_command_shows_and_clears(capsys):
    assert cli.main(["cache"]) == 0
    assert "Images: 0" in capsys.readouterr().out
    keep_one()
    assert cli.main(["cache"]) == 0
    told = capsys.readouterr().out
    assert str(cache_folder()) in told
    assert "Images: 1" in told
    assert "of at most 2.1 GB" in told
    assert cli.main(["cache", "--clear"]) == 0
    assert "1 image(s)" in capsys.readouterr().out
    assert stored() == []


def test_the_command_says_that_it_is_off(capsys, monkeypatch):
    monkeypatch.setenv("VSLP_CACHE", "off")
    assert cli.main(["cache", "--clear"]) == 0
    assert "off" in capsys.readouterr().out


def test_the_command_says_what_it_cannot_clear(capsys, monkeypatch):
    keep_one()

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refused)
    assert cli.main(["cache", "--clear"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "cannot be emptied" in said


@pytest.mark.parametrize("words", [["cache", "--all"], ["cache", "clear"]])
def test_what_cannot_be_meant_gets_one_sentence(words, capsys):
    assert cli.main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1
