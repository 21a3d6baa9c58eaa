"""Every command of README.md and of the pages named below runs, in order, on real tissue.

They share one folder, as those of a reader would: what one writes the next one reads. Training is
cut to a few steps by the same options that a user has.
"""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from napari_vslp import cli
from napari_vslp.cli.arguments import build_parser
from napari_vslp.demo import tumour_nest
from napari_vslp.learning.proportions import learner
from tests.learning.made import TINY

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/cli.md", "docs/sessions.md", "docs/learning.md")
BLOCK = re.compile(r"^```\w*\n(.*?)^```$|((?:^    [^\n]*\n)+)", re.MULTILINE | re.DOTALL)
# What stands for something else, as IMAGE and COHORT.csv do, or may be left out.
GRAMMAR = re.compile(r"\b[A-Z]{3,}\b|\[|…|\|")
# Commands that are no more than an example of what another package would add.
NOT_HERE = {"napari-vslp train --from toy": "“toy” is a plug-in of the reader's own making"}
SHORTER = {"train": ["--steps", "6,4"], "regulariser": ["--steps", "2"]}
SIDE = 64


def commands(page: str) -> list[str]:
    """Return the command lines of a page in order, of blocks and within sentences."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = [next(filter(None, found.groups())) for found in BLOCK.finditer(text)]
    found = []
    for block in blocks:
        for line in block.replace("\\\n", " ").splitlines():
            # Of a chain, what comes before is another program's: venv and pip.
            last = line.split("&&")[-1].strip().removeprefix(".venv/bin/")
            if last.startswith("napari-vslp "):
                found.append(last)
    found += re.findall(r"(?<!`)`(napari-vslp [^`\n]+)`(?!`)", BLOCK.sub("", text))
    return found


def to_run(page: str) -> list[str]:
    return [line for line in commands(page) if not GRAMMAR.search(line) and line not in NOT_HERE]


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """Return the folder of a reader who has the files that the pages name."""
    monkeypatch.chdir(tmp_path)
    for screen in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(screen, raising=False)
    monkeypatch.setattr(learner, "recipe_of", _short_recipe(learner.recipe_of))
    monkeypatch.setattr("napari_vslp.demo.tumour_nest", _corner_of_the_demo)
    whole = tumour_nest().image
    (tmp_path / "moved").mkdir()
    (tmp_path / "masks").mkdir()
    for path in ("colon.png", "moved/colon.png"):
        Image.fromarray(whole[:128, :208]).save(tmp_path / path)
    tables = {"shares.csv": range(12), "test.csv": range(12, 15)}
    for name, places in tables.items():
        rows = ["image,mask,split,tumour,stroma,background"]
        rows += [_section(tmp_path, whole, index) for index in places]
        (tmp_path / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


def _section(folder: Path, whole: np.ndarray, index: int) -> str:
    """Write a piece of the demo image and its mask by stain; return its row of the table."""
    top, left = index // 8 * SIDE, index % 8 * SIDE
    piece = whole[top : top + SIDE, left : left + SIDE]
    light = piece.astype(float).mean(axis=2)
    mask = np.where(light > 215, 2, np.where(light > 150, 1, 0)).astype(np.uint8)
    Image.fromarray(piece).save(folder / f"case-{index:02}.png")
    Image.fromarray(mask).save(folder / "masks" / f"case-{index:02}.png")
    shares = ",".join(f"{100 * (mask == value).mean():.4f}" for value in range(3))
    return f"case-{index:02}.png,case-{index:02}.png,train,{shares}"


def _short_recipe(real):
    def recipe(*given, **more):
        typed = real(*given, **more)
        return replace(TINY, encoder=typed.encoder, rounds=typed.rounds, seed=typed.seed)

    return recipe


def _corner_of_the_demo():
    sample = tumour_nest()
    kept = [click for click in sample.clicks if click.row < 160 and click.column < 160]
    return replace(sample, image=sample.image[:160, :160], clicks=type(sample.clicks)(kept))


def test_every_command_of_the_pages_runs_in_order(reader, capsys):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    lines = [line for page in PAGES for line in to_run(page)]
    assert len(lines) >= 9, lines
    try:
        for line in lines:
            assert _status(line) == 0, f"{line}\n{capsys.readouterr().err}"
    finally:
        torch.set_num_threads(threads)
    written = {path.name for path in (reader / "result").iterdir()}
    named = {"mask.tif", "mask.png", "overlay.png", "fidelity.tif", "regularisation.tif"}
    assert named | {"summary.json", "learned.tif"} <= written
    assert (reader / "vslp-demo" / "mask.tif").is_file()
    assert (reader / "report" / "report.html").is_file()
    assert (reader / "again" / "mask.png").is_file()
    assert (reader / "lung.md").is_file()


def _status(line: str) -> int:
    words = shlex.split(line, comments=True)[1:]
    try:
        return cli.main([*words, *SHORTER.get(words[0], [])])
    except SystemExit as stop:  # of --help
        return int(stop.code or 0)


def test_the_list_of_commands_names_all_that_there_are():
    usage = [line for line in commands("docs/cli.md") if GRAMMAR.search(line)]
    listed = {line.split()[1] for line in usage if line.split()[1].islower()}
    parsers = (action.choices for action in build_parser()._actions)
    there = next(choices for choices in parsers if choices and "segment" in choices)
    assert listed == set(there)


@pytest.mark.parametrize("line", sorted(NOT_HERE))
def test_what_is_left_out_stands_in_a_page(line):
    assert any(line in (ROOT / page).read_text(encoding="utf-8") for page in PAGES)
