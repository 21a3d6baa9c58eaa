"""Pages that are made from the code, or name parts of it, hold."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# `core/session.py`, `napari_vslp/energy/`, `docs/cli.md`; not `result/summary.json` or `mask.tif`.
PATHS = re.compile(
    r"`((?:napari_vslp|tests|docs|benchmarks|[a-z_]+)(?:/[\w.]+)*/?(?:\w+\.(?:py|md))?)`"
)
LINKS = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


def test_the_page_of_options_is_what_the_options_say():
    spec = importlib.util.spec_from_file_location("make_options", ROOT / "docs/make_options.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "options.md").read_text(encoding="utf-8") == module.page()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_folder_that_a_page_names_is_there(page):
    text = page.read_text(encoding="utf-8")
    folders = {path.name for path in (ROOT / "napari_vslp").iterdir() if path.is_dir()}
    missing = []
    for named in PATHS.findall(text):
        first = named.split("/")[0]
        is_path = "/" in named and (first in folders or (ROOT / first).is_dir())
        places = (ROOT / named, ROOT / "napari_vslp" / named)
        if is_path and not any(place.exists() for place in places):
            missing.append(named)
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_repository_leads_somewhere(page):
    links = LINKS.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


ROOMS = sorted((ROOT / "napari_vslp").rglob("__init__.py"))[1:]
ROOM_NAMES = {room.parent.name for room in ROOMS}


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.parent.name)
def test_each_room_says_what_lives_there(room):
    """Every module that it names is there, and every module that is there is named."""
    named = set(re.findall(r"`(\w+)/?`", ast.get_docstring(ast.parse(room.read_text("utf-8")))))
    here = {path.stem for path in room.parent.glob("[a-z]*.py")}
    here |= {path.parent.name for path in room.parent.glob("*/__init__.py")}
    assert here <= named
    below = {path.stem for path in room.parent.rglob("[a-z]*.py")}
    others = {name for name in named if name.islower()} - here - below - ROOM_NAMES
    source = "".join(path.read_text("utf-8") for path in room.parent.rglob("*.py"))
    assert [name for name in others if f"def {name}(" not in source] == []
