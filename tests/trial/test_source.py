"""A toy source of confidence is seen everywhere, and no file but its own knows it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_vslp import segment
from napari_vslp.cli import main
from napari_vslp.confidence.compose import active_sources
from napari_vslp.confidence.contract import Context, depends_on
from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.inputs_file import settings_of_json
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue
from napari_vslp.pipeline import fuse, prepare
from tests.trial.toy_source import DarknessOptions

TISSUES = (Tissue("nuclei", 0.3, 0.3), Tissue("rest", 0.7, 0.3))
FAST = Settings(augmentation=False, tolerance=1e-2, cache=False)


@pytest.fixture(scope="module")
def picture():
    rng = np.random.default_rng(3)
    picture = rng.integers(150, 256, (48, 64, 3), dtype=np.uint8)
    picture[10:30, 20:40] //= 4
    return picture


@pytest.fixture(scope="module")
def prepared(picture):
    return prepare(picture, settings=FAST)


def with_weight(weight):
    return Settings(
        augmentation=False,
        tolerance=1e-2,
        cache=False,
        extras={"darkness": DarknessOptions(weight)},
    )


def test_its_options_are_flags_of_the_command_line(darkness, capsys):
    with pytest.raises(SystemExit):
        main(["segment", "--help"])
    assert "--darkness-weight" in capsys.readouterr().out


def test_it_speaks_when_its_options_say_so(darkness, prepared):
    silent = fuse(prepared, TISSUES, settings=FAST)
    heard = fuse(prepared, TISSUES, settings=with_weight(8.0))
    inside = np.s_[12:28, 22:38]
    assert heard.confidence[0][inside].mean() > silent.confidence[0][inside].mean() + 0.2
    np.testing.assert_allclose(heard.confidence.sum(0), 1, atol=1e-5)


def test_another_value_of_its_option_is_another_cache_key(darkness, prepared):
    def key(weight):
        context = Context(prepared.image, prepared.features, TISSUES, (), with_weight(weight), {})
        return depends_on(context, active_sources(context))

    assert key(1.0) == key(1.0)
    assert key(1.0) != key(2.0)
    first = fuse(prepared, TISSUES, settings=with_weight(1.0))
    second = fuse(prepared, TISSUES, settings=with_weight(6.0))
    assert not np.array_equal(first.confidence, second.confidence)


def test_clicks_do_not_count_for_a_source_that_does_not_need_them(darkness, prepared):
    context = Context(prepared.image, prepared.features, TISSUES, (), with_weight(1.0), {})
    clicked = Context(
        prepared.image, prepared.features, TISSUES, (Click("rest", 1, 1),), with_weight(1.0), {}
    )
    sources = [source for source in active_sources(context) if source.name != "clusters"]
    assert depends_on(context, sources) == depends_on(clicked, sources)


def test_its_map_is_in_the_result_and_a_file(darkness, prepared, picture, tmp_path):
    from napari_vslp.export.results import write_result

    result = fuse(prepared, TISSUES, settings=with_weight(2.0))
    assert result.evidence["darkness"].map.shape == result.labels.shape
    write_result(result, picture, tmp_path)
    written = tifffile.imread(tmp_path / "darkness.tif")
    np.testing.assert_array_equal(written, result.evidence["darkness"].map)


def test_the_command_line_runs_it_and_the_summary_runs_again(darkness, picture, tmp_path):
    Image.fromarray(picture).save(tmp_path / "picture.png")
    words = ["--tissue", "nuclei=30±30", "--tissue", "rest=70±30", "--darkness-weight", "3"]
    fast = ["--no-augmentation", "--no-cache", "--quiet", "--tolerance", "0.01"]
    status = main(
        ["segment", str(tmp_path / "picture.png"), *words, *fast, "--out", str(tmp_path / "out")]
    )
    assert status == 0
    told = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    chosen = settings_of_json(told["inputs"]["options"])
    assert chosen.extras["darkness"] == DarknessOptions(3.0)
    assert main(["replay", str(tmp_path / "out" / "summary.json"), "--quiet"]) == 0


def test_a_value_out_of_range_is_refused_in_one_sentence(darkness, picture):
    with pytest.raises(VslpError, match="Darkness counts must lie between 0 and 100"):
        segment(picture, TISSUES, settings=with_weight(-1.0))


def test_without_the_package_a_summary_names_what_is_missing():
    told = Settings().as_dict() | {"extras": {"darkness": {"weight": 1.0}}}
    with pytest.raises(VslpError, match="“darkness”"):
        settings_of_json(told)
