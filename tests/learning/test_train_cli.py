"""``napari-vslp train`` as a user types it: what it refuses, what it prints, how it is stopped."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_vslp import cli
from napari_vslp.cli import train as command
from napari_vslp.core.progress import CancelToken
from napari_vslp.encoders.weights import BUNDLED, file_hash, load_model
from napari_vslp.learning.proportions import learner
from napari_vslp.learning.proportions import train as train_module

from .made import TINY, write_sections

FIRST = "Learning, round 1 of 2"
# The command line itself, with a recipe that is done in seconds.
TYPED = """
import sys
from dataclasses import replace
import torch
from napari_vslp import cli
from napari_vslp.learning.proportions import learner
from tests.learning.made import TINY
torch.set_num_threads(1)
real = learner.recipe_of
learner.recipe_of = lambda *given, **more: replace(TINY, rounds=real(*given, **more).rounds)
sys.exit(cli.main(["train", *sys.argv[1:]]))
"""


@pytest.fixture
def quick(monkeypatch):
    """Let the command train by TINY, but with the steps and the seed that were typed."""
    real = learner.recipe_of

    def recipe(options, masks=False):
        typed = real(options, masks)
        return replace(
            TINY, encoder=typed.encoder, rounds=typed.rounds, seed=typed.seed, frozen=typed.frozen
        )

    monkeypatch.setattr(learner, "recipe_of", recipe)


def two(*rows):
    return "image,stroma,nest\n" + "\n".join(rows) + "\n"


GOOD = two("0.png,90,10", "5.png,50,50", "11.png,10,90")
TABLES = {
    "GOOD": GOOD,
    "GONE": two("0.png,90,10", "nowhere.png,50,50"),
    "SUMS": two("0.png,90,10", "1.png,60,60"),
    "TWICE": two("0.png,90,10", "1.png,50,50", "0.png,10,90"),
    "ONE": two("0.png,90,10"),
    "ALIKE": two("0.png,50,50", "1.png,51,49", "2.png,50,50"),
    "UNKNOWN": two("0.png,?,?", "1.png,,"),
    "MIXED": "image,mpp,nest\n0.png,0.5,10\n1.png,0.25,90\n",
    "WHITE": "image,background,nest\n0.png,90,10\n1.png,20,80\n",
    "TINY": two("0.png,90,10", "small.png,10,90"),
    "BROKEN": two("0.png,90,10", "broken.png,10,90"),
    "WORDS": two("0.png,much,little", "1.png,10,90"),
}


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("nowhere.csv", [], "There is no file"),
        ("GONE", [], "“nowhere.png” (line 3)"),
        ("SUMS", [], "Line 3 of “SUMS.csv”"),
        ("TWICE", [], "Lines 2 and 4 of “TWICE.csv” both name “0.png”"),
        ("ONE", [], "One image with its shares"),
        ("ALIKE", [], "not identifiable"),
        ("UNKNOWN", [], "known share"),
        ("MIXED", [], "0.25 µm per pixel in line 3 but up to 0.5 in line"),
        ("WHITE", [], "only one tissue is left to learn"),
        ("TINY", [], "The image of row 3, small.png, is only 20 × 20 px"),
        ("BROKEN", [], "broken.png"),
        ("WORDS", [], "Line 2 of “WORDS.csv” has “much”"),
        ("GOOD", ["--out", "OUT/model.pt"], "let its name end in .safetensors"),
        ("GOOD", ["--out", "OUT/0.csv/model.safetensors"], "choose another folder"),
        ("GOOD", ["--steps", "many"], "“many” is no list of steps"),
        ("GOOD", ["--steps", "300,"], "is no list of steps"),
        ("GOOD", ["--steps", "0"], "raise --steps"),
        ("GOOD", ["--steps", "1.5"], "is no list of steps"),
        ("GOOD", ["--encoder", "nowhere"], "no readable model file"),
        ("GOOD", ["--encoder", "timm:no_such_net"], "no architecture"),
        ("GOOD", ["--encoder", "timm:test_resnet"], "could not be downloaded"),
        ("GOOD", ["--tissues", "nerve"], "no tissue column “nerve”"),
        ("GOOD", ["--split", "train"], "no column “split”"),
        ("GOOD", ["--tolerance", "500"], "is no fraction"),
        ("GOOD", ["--tolerance", "wide"], "--tolerance"),
        ("GOOD", ["--pixel-size", "0"], "is not a pixel size"),
        ("GOOD", ["--seed", "-1"], "choose another"),
        ("GOOD", ["--device", "quantum"], "There is no device"),
        ("GOOD", ["--devices", "0"], "at least one device"),
        ("GOOD", ["--precision", "7-bit"], "--precision"),
        ("GOOD", ["--images", "OUT"], "3 of the 3 images"),
        ("GOOD", ["--masks", "OUT"], "There is no mask"),
        ("GOOD", ["--masks", "MASKS", "--labels", "nerve=1"], "--labels names “nerve”"),
        ("GOOD", ["--work", "OUT/0.csv"], "cannot be written"),
        ("GOOD", ["--colour"], "--colour"),
        ("GOOD", ["--from", "stars"], "--from"),
    ],
)
def test_bad_input_gets_one_sentence_and_loses_nothing(
    name, options, said, table, tmp_path, capsys, quick
):
    folder = table.parent
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(folder / "small.png")
    (folder / "broken.png").write_bytes((folder / "0.png").read_bytes()[:200])
    out = tmp_path / "out"
    out.mkdir()
    (out / "0.csv").touch()
    shutil.copy(BUNDLED, out / "model.safetensors")
    earlier = file_hash(out / "model.safetensors")
    places = {"OUT": str(out), "MASKS": str(folder / "masks")}
    words = [_placed(word, places) for word in options]
    path = tmp_path / f"{name}.csv"
    if name in TABLES:
        path.write_text(TABLES[name], encoding="utf-8")
    typed = ["train", str(path), "--images", str(folder), "--steps", "2"]
    typed += ["--out", str(out / "model.safetensors"), "--device", "cpu", *words]
    assert cli.main(typed) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("napari-vslp: ")
    assert printed.err.count("\n") == 1
    assert said in printed.err
    assert file_hash(out / "model.safetensors") == earlier
    assert (out / "0.csv").read_bytes() == b""


def _placed(word, places):
    first, slash, rest = word.partition("/")
    return places.get(first, first) + slash + rest


def test_a_training_tells_where_its_model_is(table, tmp_path, capsys, quick):
    out = tmp_path / "new" / "model.safetensors"
    typed = ["train", str(table), "--out", str(out), "--steps", "2", "--device", "cpu"]
    typed += ["--data", "made-up sections", "--licence", "CC0", "--attribution", "nobody"]
    assert cli.main([*typed, "--pixel-size", "0.5", "--seed", "3", "--frozen"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{out}: stroma, nest; ")
    assert "\n  loss: " in printed.out
    assert "model.md" in printed.err
    card = load_model(out)[1]
    assert (card.data, card.licence, card.attribution) == ("made-up sections", "CC0", "nobody")
    assert (card.microns_per_pixel, card.seed) == (0.5, 3)
    assert '"frozen": true' in card.provenance["recipe"]
    assert cli.main([*typed, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_masks_of_sixteen_bit_images_train_the_ceiling(tmp_path, capsys, quick):
    folder = tmp_path / "here"
    write_sections(folder, 3)
    lines = ["image,mask,region,nest"]
    for index, share in enumerate((10, 50, 90)):
        image = np.asarray(Image.open(folder / f"{index}.png")).astype(np.uint16) * 257
        tifffile.imwrite(folder / f"{index}.tif", image, photometric="rgb")
        lines.append(f'{index}.tif,{index}.png,"4,0,64,56",{share}')
    path = folder / "sixteen.csv"
    path.write_text("\n".join(lines) + "\n")
    out = tmp_path / "ceiling.safetensors"
    typed = ["train", str(path), "--out", str(out), "--masks", str(folder / "masks")]
    assert cli.main([*typed, "--steps", "2", "--device", "cpu"]) == 0
    assert load_model(out)[1].tissues == ("other", "nest")


def test_without_lightning_it_says_what_to_install(table, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(train_module, "find_spec", lambda _: None)
    out = tmp_path / "model.safetensors"
    assert cli.main(["train", str(table), "--out", str(out), "--device", "cpu"]) == 2
    assert "napari-vslp[train]" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process at once")
@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_whoever_asks_politely_is_heard_while_it_trains_and_not_after(name):
    token, before = CancelToken(), signal.getsignal(name)
    with command._stopped_by_ctrl_c(token):
        os.kill(os.getpid(), name)
        assert token.cancelled
    assert signal.getsignal(name) is before


def started(table, out, *more):
    words = [sys.executable, "-c", TYPED, str(table), "--out", str(out), "--device", "cpu"]
    return subprocess.Popen(
        [*words, "--json-lines", *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_ctrl_c_saves_and_the_same_command_goes_on(table, tmp_path):
    out = tmp_path / "model.safetensors"
    running = started(table, out, "--steps", "20,2")
    last = None
    for text in running.stdout:
        line = json.loads(text)
        if line["kind"] == "round":
            assert (line["round"], line["rounds"], line["steps"]) == (0, 2, 20)
            last = line["step"]
            if last == 5:
                running.send_signal(signal.SIGINT)
    said = running.stderr.read()
    assert running.wait(60) == 130
    assert said.startswith("napari-vslp: Stopped and saved; give the same command again")
    assert said.count("\n") == 1
    assert not out.exists()
    again = started(table, out, "--steps", "20,2")
    told, said = again.communicate(timeout=120)
    assert (again.returncode, said) == (0, "")
    lines = [json.loads(text) for text in told.splitlines()]
    stages = list(dict.fromkeys(line["stage"] for line in lines))
    assert stages[0] == "Reading the images"
    assert not any(stage.startswith("Telling") for stage in stages)
    assert stages[-1] == "Done"
    steps = [line["step"] for line in lines if line["stage"] == FIRST]
    assert steps[0] == 2 * (last // 2) + 1
    assert steps[-1] == 20
    checks = [line["figures"]["loss"] for line in lines if line["kind"] == "check"]
    assert len(checks) == (20 - steps[0] + 1) // 2 + 1
    assert (lines[-1]["kind"], lines[-1]["path"]) == ("done", str(out))
    assert lines[-1]["figures"] == load_model(out)[1].figures
    assert out.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.md", "model.safetensors"]
