"""What cannot be measured is said in one sentence, and a stopped run writes nothing."""

import numpy as np
import pytest
from PIL import Image

from napari_vslp import cli
from napari_vslp.core.files.result_folder import writing_results
from napari_vslp.evaluation import run as evaluation_run
from napari_vslp.evaluation.report import KIND

from . import typed


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("--split", "val"), "split"),
        (("--tissues", "nerve"), "nerve"),
        (("--limit", "0"), "--limit"),
        (("--smoothness", "-1"), "Smoothness"),
        (("--labels", "gland=1"), "no value for other"),
        (("--labels", "gland=1,other=2"), "none of the values that --labels names"),
        (("--images", "nowhere"), "are not in"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_sentence(cohort, tmp_path, change, said, capsys):
    assert cli.main(typed(cohort, "--out", str(tmp_path / "out"), *change)) == 2
    told = capsys.readouterr().err.strip()
    assert told.startswith("napari-vslp: ")
    assert said in told
    assert "\n" not in told
    assert not (tmp_path / "out" / "summary.json").exists()


def test_bad_tables_and_missing_masks_are_said_before_the_network_runs(
    cohort, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(evaluation_run, "prepare", None)
    (tmp_path / "t.csv").write_text("image,gland\n0.png,lots\n")
    base = ["--images", str(cohort), "--masks", str(tmp_path)]
    assert cli.main(["evaluate", "bundled", str(tmp_path / "t.csv"), *base]) == 2
    assert "lots" in capsys.readouterr().err
    (tmp_path / "t.csv").write_text("image,gland\n0.png,0.5\n")
    assert cli.main(["evaluate", "bundled", str(tmp_path / "t.csv"), *base]) == 2
    assert "There is no mask" in capsys.readouterr().err
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(tmp_path / "0.png")
    assert cli.main(["evaluate", "bundled", str(tmp_path / "t.csv"), *base]) == 2
    assert "5 × 5 px" in capsys.readouterr().err
    assert cli.main(["evaluate", "nothing.safetensors", str(tmp_path / "t.csv"), *base]) == 2
    assert "nothing.safetensors" in capsys.readouterr().err


def test_a_stopped_evaluation_leaves_what_was_there(cohort, tmp_path, monkeypatch, capsys):
    with writing_results(tmp_path, KIND) as stage:
        (stage / "summary.json").write_text("before")

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluation_run, "fuse", stop)
    assert cli.main(typed(cohort, "--out", str(tmp_path))) == cli.STOPPED
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["summary.json"]
    assert (tmp_path / "summary.json").read_text() == "before"
