"""Write docs/options.md from the options themselves: ``python docs/make_options.py``."""

from __future__ import annotations

from dataclasses import Field
from pathlib import Path
from typing import Any

from napari_vslp.core.options import Option, flag_of, options_of
from napari_vslp.core.registries import LEARNERS
from napari_vslp.core.settings import Settings

PAGE = Path(__file__).with_name("options.md")
INTRODUCTION = """# Options

Made from the options themselves by `docs/make_options.py`; a test holds it to them. The same
description makes the flag of the command line, the row in the window, the check of the value and
the part of a cache key ([architecture.md](architecture.md)).
"""
HEAD = "| in Python | on the command line | in the window | default | allowed | what it does |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the page as Markdown."""
    parts = [INTRODUCTION, "## Segmenting\n", _table(Settings)]
    for name in LEARNERS.names():
        learner = LEARNERS.get(name)
        parts += [f"## Learning: {learner.title}\n", _table(learner.Options)]
    return "\n".join(parts)


def _table(options: type) -> str:
    rows = [_row(one, described) for one, described in options_of(options)]
    return "\n".join([HEAD, "|---|---|---|---|---|---|", *rows]) + "\n"


def _row(one: Field[Any], described: Option) -> str:
    flag = flag_of(one, described)
    cells = (
        f"`{one.name}`",
        f"`{flag}`" if flag else "–",
        described.label if described.dock else "–",
        _shown(one.default),
        _allowed(one, described),
        " ".join(described.tip.split()),
    )
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _shown(value: Any) -> str:  # noqa: ANN401 - any default
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _allowed(one: Field[Any], described: Option) -> str:
    if described.choices is not None:
        return ", ".join(f"`{value}`" for value in described.values())
    if isinstance(one.default, bool):
        return "on, off"
    words = [f"`{word}`" for word in described.words]
    if described.low is None and described.high is None:
        return ", ".join(words) or "text"
    if described.low is None:
        return ", ".join([f"up to {described.high:g}", *words])
    low = f"{'above' if described.open_below else 'from'} {described.low:g}"
    high = "" if described.high is None else f" to {described.high:g}"
    return ", ".join([low + high, *words])


if __name__ == "__main__":
    main()
