"""A report as HTML: one file that needs neither a network nor a script, and prints on one page."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from napari_vslp.core.tissues import Colour
from napari_vslp.evaluation.figures import data_uri
from napari_vslp.report.content import RESEARCH_ONLY
from napari_vslp.report.drawn import DrawnReport


def html_of(drawn: DrawnReport) -> str:
    """Return the page of a report."""
    return render("report.html.jinja", report=drawn.report, pictures=drawn.pictures)


def render(template: str, **names: Any) -> str:  # noqa: ANN401 - whatever the template names
    """Fill in a template of this folder; all text is escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(data_uri=data_uri, rgb=_rgb)
    folder = files("napari_vslp.report")
    style = (folder / "style.css").read_text(encoding="utf-8")
    text = (folder / template).read_text(encoding="utf-8")
    return environment.from_string(text).render(style=style, research_only=RESEARCH_ONLY, **names)


def _rgb(colour: Colour) -> str:
    return f"rgb({', '.join(map(str, colour))})"
