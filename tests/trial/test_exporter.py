"""A toy exporter is listed, chosen and written, and no file but its own knows it."""

from __future__ import annotations

import pytest

from napari_vslp.cli import main
from napari_vslp.core.registries import EXPORTERS
from napari_vslp.export.results import write_result


def test_the_command_line_lists_it(shares_text, capsys):
    with pytest.raises(SystemExit):
        main(["segment", "--help"])
    assert "shares.txt" in capsys.readouterr().out


def test_it_is_written_when_it_is_asked_for(shares_text, result, image, tmp_path):
    written = write_result(result, image, tmp_path, ["shares.txt"])
    assert [path.name for path in written] == ["shares.txt"]
    text = written[0].read_text(encoding="utf-8")
    assert text == "tumour 50 %, Lymphozyten (µ) 30 %, stroma 20 %\n"


def test_the_window_has_a_title_for_it(shares_text):
    assert EXPORTERS.title("shares.txt") == "Shares, text"
