"""Another exporter is one class and one line: it is in the help and written like the others."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image

from napari_vslp import cli, pipeline
from napari_vslp.core.options import option
from napari_vslp.core.registries import EXPORTERS
from napari_vslp.core.segmentation import EvidenceMap
from napari_vslp.export.contract import Exporter
from napari_vslp.export.results import write_result


@dataclass(frozen=True)
class ToyOptions:
    greeting: str = option("Shares", "Greeting", "What the file begins with")


class Toy(Exporter):
    name = "shares"
    title = "Shares as plain text"
    suffixes = (".txt",)
    Options = ToyOptions

    def write(self, result, image, path, options):
        path.write_text(f"{options.greeting}: {result.reached}")
        return [path]


@pytest.fixture
def toy():
    EXPORTERS.add("shares", Toy())
    yield
    EXPORTERS.remove("shares")


def test_a_toy_is_in_the_help_and_written_by_the_command_line(
    toy, result, tmp_path, monkeypatch, capsys
):
    with pytest.raises(SystemExit):
        cli.main(["segment", "--help"])
    assert "summary.json,shares}" in capsys.readouterr().out
    monkeypatch.setattr(pipeline, "segment", lambda *_, **__: result)
    Image.fromarray(np.full((40, 60, 3), 200, np.uint8)).save(tmp_path / "image.png")
    words = ["segment", str(tmp_path / "image.png"), "--out", str(tmp_path / "out")]
    words += ["--tissue", "gland=60±5", "--tissue", "other=40±5", "--region", "5,10,35,50"]
    assert cli.main([*words, "--write", "shares", "--write", "mask.png"]) == 0
    assert "mask.png, shares.txt" in capsys.readouterr().out
    assert (tmp_path / "out" / "shares.txt").read_text().startswith("Shares: {")


def test_a_toy_is_not_written_by_default_and_takes_its_options(toy, result, image, tmp_path):
    assert "shares.txt" not in [path.name for path in write_result(result, image, tmp_path)]
    write_result(result, image, tmp_path, ["shares"], {"shares": ToyOptions("Hello")})
    assert (tmp_path / "shares.txt").read_text().startswith("Hello: {")


@pytest.mark.parametrize("name", EXPORTERS.names())
def test_each_exporter_writes_the_files_that_it_names(name, result, image, tmp_path):
    exporter = EXPORTERS.get(name)
    assert exporter.name == name
    assert exporter.title == EXPORTERS.title(name)
    shown = EvidenceMap(result.spread, "Signs of it")
    result = replace(result, evidence={"signs": shown})
    written = [path.name for path in write_result(result, image, tmp_path, [name])]
    assert written
    # Which maps the sources of confidence show is known only afterwards.
    assert set(written) <= {*exporter.files(), "signs.tif"}
    assert all(file.endswith(exporter.suffixes or ".tif") for file in written)
