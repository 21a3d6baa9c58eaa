"""The command line as a user types it; the science behind it is made up, so that it is quick."""

import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_vslp import cli, pipeline
from napari_vslp.cli.terminal import make_printable, table
from napari_vslp.core.errors import VslpError
from napari_vslp.core.progress import Progress
from napari_vslp.core.segmentation import Segmentation
from tests.made import with_pixel_size

SLOW = ("torch", "timm", "napari", "numba", "numpy", "skimage", "scipy", "PIL", "rich")
TWO = ("--tissue", "gland=60±5", "--tissue", "other=40±5")
GOOD = ("segment", "IMAGE", "--out", "OUT", *TWO)


@pytest.fixture
def picture(tmp_path):
    """Return the path of a 40 × 60 image, as large as the made-up result's."""
    path = tmp_path / "image.png"
    Image.fromarray(np.full((40, 60, 3), 200, np.uint8)).save(path)
    return path


@pytest.fixture
def asked(monkeypatch, result):
    """Put a made-up result in the place of the science, and return what it was asked."""
    calls = []

    def segment(image, tissues, *, job, **options) -> Segmentation:
        calls.append({"image": image, "tissues": tissues, **options})
        job.report(Progress("Fusing", 0.5, iteration=10, gap=1e-2))
        return result

    monkeypatch.setattr(pipeline, "segment", segment)
    return calls


def segment(picture, out, *more):
    return cli.main(["segment", str(picture), "--out", str(out), *more])


@pytest.mark.parametrize("options", [["--help"], ["--version"], ["segment", "--help"]])
def test_help_answers_without_loading_anything_slow(options):
    code = (
        "import sys; from napari_vslp.cli import main\n"
        "try: main(sys.argv[1:])\n"
        f"finally: print([m for m in {SLOW} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *options], check=True, capture_output=True, text=True
    )
    assert done.stderr.strip() == "[]"
    assert "napari-vslp" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "COMMAND"),
        (["paint"], "paint"),
        (["segment"], "IMAGE, --out"),
        (["segment", "IMAGE", "--out", "OUT"], "At least two tissues"),
        ([*GOOD, "--colour"], "--colour"),
        (["segment", "IMAGE", "--out", "OUT", *TWO[:2]], "At least two tissues"),
        (["segment", "IMAGE", "--out", "OUT", *TWO[:2] * 2], "Two tissues are called"),
        (["segment", "IMAGE", "--out", "OUT", *TWO[:3], "other=20"], "less than 100 %"),
        (["segment", "IMAGE", "--out", "OUT", *TWO[:3], "other"], "“other” is not a tissue"),
        ([*GOOD, "--click", "gland:9"], "is not a click"),
        ([*GOOD, "--click", "nerve:9,9"], "nerve"),
        ([*GOOD, "--click", "gland:99,9"], "outside the image"),
        ([*GOOD, "--click", "gland:9,9", "--click", "other:9,9"], "both clicked"),
        ([*GOOD, "--region", "0,0,9"], "is not a region"),
        ([*GOOD, "--region", "0,0,99,9"], "region inside"),
        ([*GOOD, "--pixel-size", "0"], "is not a pixel size"),
        ([*GOOD, "--smoothness", "-1"], "Smoothness"),
        ([*GOOD, "--smoothness", "much"], "--smoothness"),
        ([*GOOD, "--regulariser", ""], "regulariser"),
        ([*GOOD, "--trust", "blind"], "--trust"),
        ([*GOOD, "--tolerance", "2"], "Tolerance"),
        (["segment", "gone.png", "--out", "OUT", *TWO], "There is no file"),
        (["segment", "TEXT", "--out", "OUT", *TWO], "no image"),
        (["segment", "STACK", "--out", "OUT", *TWO], "stack of images"),
        (["segment", "IMAGE", "--out", "TEXT", *TWO], "choose another folder"),
        (["demo", "--out", "TEXT"], "choose another folder"),
    ],
)
def test_bad_input_gets_one_sentence_and_loses_nothing(
    arguments, said, picture, tmp_path, capsys, asked
):
    text = tmp_path / "text"
    text.write_text("no image")
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((5, 8, 9), np.uint8))
    out = tmp_path / "out"
    out.mkdir()
    (out / "mask.tif").write_bytes(b"an earlier result")
    names = {"IMAGE": picture, "TEXT": text, "STACK": tmp_path / "stack.tif", "OUT": out}
    assert cli.main([str(names.get(word, word)) for word in arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("napari-vslp: ")
    assert printed.err.count("\n") == 1
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert (out / "mask.tif").read_bytes() == b"an earlier result"
    assert text.read_text() == "no image"
    assert asked == []


def test_results_are_written_and_told(picture, tmp_path, capsys, asked):
    assert segment(picture, tmp_path / "out", *TWO, "--region", "5,10,35,50") == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0].split() == ["tissue", "asked", "reached", "area"]
    assert "45 – 55 %" in printed.out
    assert "mask.tif" in printed.out
    assert printed.err == "The image is grey; colour would help it.\n"
    assert len(list((tmp_path / "out").glob("[!.]*"))) == 6


def test_what_is_typed_reaches_the_science(picture, tmp_path, asked):
    typed = [*TWO, "--click", "gland:1,2", "--region", "5,10,35,50", "--pixel-size", "0.5,0.25"]
    typed += ["--smoothness", "4", "--trust", "kl", "--trust-strength", "3", "--no-edges"]
    typed += [
        "--no-colours",
        "--clicks-say",
        "contrast",
        "--no-augmentation",
        "--encoder",
        "hf-hub:some/net",
        "--device",
        "cpu",
    ]
    typed += ["--backend", "torch", "--tolerance", "0.01", "--max-iterations", "9", "--seed", "7"]
    typed += ["--tissue-only", "--no-cache", "--quiet"]
    assert segment(picture, tmp_path / "out", *typed) == 0
    (call,) = asked
    assert [t.interval for t in call["tissues"]] == [(0.55, 0.65), (0.35, 0.45)]
    assert len({t.colour for t in call["tissues"]}) == 2
    assert [(c.tissue, c.row, c.column) for c in call["clicks"]] == [("gland", 1, 2)]
    assert call["region"] == (5, 10, 35, 50)
    assert call["pixel_size_um"] == (0.5, 0.25)
    assert call["settings"].as_dict() == {
        "encoder": "hf-hub:some/net",
        "augmentation": False,
        "smoothness": 4.0,
        "edges": False,
        "colours": False,
        "clicks_say": "contrast",
        "regulariser": "tv",
        "trust": "kl",
        "trust_strength": 3.0,
        "tissue_only": True,
        "device": "cpu",
        "backend": "torch",
        "tolerance": 0.01,
        "max_iterations": 9,
        "seed": 7,
        "cache": False,
    }


def test_the_file_tells_the_pixel_size_unless_it_is_typed(tmp_path, asked):
    path = tmp_path / "image.tif"
    image = np.full((40, 60, 3), 200, np.uint8)
    tifffile.imwrite(path, image, resolution=(20_000, 20_000), resolutionunit="CENTIMETER")
    segment(path, tmp_path / "out", *TWO, "--region", "5,10,35,50")
    segment(path, tmp_path / "out", *TWO, "--region", "5,10,35,50", "--pixel-size", "1")
    assert [call["pixel_size_um"] for call in asked] == [(0.5, 0.5), (1.0, 1.0)]


def test_json_is_all_that_stdout_holds(picture, tmp_path, capsys, asked):
    assert segment(picture, tmp_path / "out", *TWO, "--region", "5,10,35,50", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))


def test_quiet_says_nothing(picture, tmp_path, capsys, asked):
    assert segment(picture, tmp_path / "out", *TWO, "--region", "5,10,35,50", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, VslpError("The network is not there.")])
def test_a_run_that_ends_early_keeps_the_last_result(
    stop, picture, tmp_path, capsys, asked, monkeypatch
):
    options = (*TWO, "--region", "5,10,35,50")
    segment(picture, tmp_path / "out", *options)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    capsys.readouterr()

    def ends(*_, **__):
        raise stop

    monkeypatch.setattr(pipeline, "segment", ends)
    status = segment(picture, tmp_path / "out", *options)
    assert status == (130 if stop is KeyboardInterrupt else 2)
    assert capsys.readouterr().err.count("\n") == 1
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


@pytest.mark.parametrize("earlier", [False, True])
def test_the_image_is_never_replaced_by_a_result(earlier, picture, tmp_path, capsys, asked):
    out = tmp_path / "out"
    out.mkdir()
    if earlier:
        segment(picture, out, *TWO, "--region", "5,10,35,50")
    else:
        shutil.copy(picture, out / "mask.png")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    asked.clear()
    for name in ("mask.png", *(["overlay.png"] if earlier else [])):
        assert segment(out / name, out, *TWO, "--write", "mask.png") == 2
        assert "is read, and a result would take its place" in capsys.readouterr().err
    assert asked == []
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_file_of_the_users_is_refused_before_the_work(picture, tmp_path, capsys, asked):
    (tmp_path / "learned.tif").write_bytes(b"mine")
    assert segment(picture, tmp_path, *TWO) == 2
    assert "learned.tif” would be replaced" in capsys.readouterr().err
    assert asked == []


def test_progress_is_shown_on_a_terminal_only(picture, tmp_path, capsys, asked, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    segment(picture, tmp_path / "out", *TWO, "--region", "5,10,35,50")
    assert "Fusing" in terminal.getvalue()
    assert "iteration 10" in terminal.getvalue()
    assert "Fusing" not in capsys.readouterr().out


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_every_terminal_can_print_every_sentence(encoding):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    make_printable(stream)
    stream.write("“gland” ±5 µm – 3 × 4 Δ")
    stream.flush()
    said = raw.getvalue().decode(encoding)
    assert (
        said
        == {
            "ascii": '"gland" +-5 um - 3 x 4 ?',
            "latin-1": '"gland" ±5 µm - 3 × 4 ?',
            "utf-8": "“gland” ±5 µm – 3 × 4 Δ",
        }[encoding]
    )


def test_a_sentence_with_signs_survives_an_ascii_terminal():
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "napari_vslp.cli",
            "segment",
            "x.png",
            "--out",
            "o",
            "--tissue",
            "±",
        ],
        check=False,
        capture_output=True,
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
    )
    assert done.returncode == 2
    assert done.stderr.decode("ascii").startswith('napari-vslp: "+-" is not a tissue')


def test_a_damaged_file_gets_one_line(tmp_path):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, np.zeros((90, 80, 3), np.uint8), photometric="rgb")
    path.write_bytes(path.read_bytes()[:900])
    words = ["segment", str(path), "--out", str(tmp_path / "out"), *TWO]
    done = subprocess.run(
        [sys.executable, "-m", "napari_vslp.cli", *words], check=False, capture_output=True
    )
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_table_leaves_out_areas_that_are_unknown(result):
    lines = table(with_pixel_size(result, None)).splitlines()
    assert lines[0].split() == ["tissue", "asked", "reached"]
    assert lines[3].split() == ["stroma", "unknown", "20.0", "%"]
