"""One line a toy: the whole of what a newcomer registers."""

from __future__ import annotations

import pytest

from napari_vslp.core.registries import EXPORTERS, SOURCES, TERMS


@pytest.fixture
def darkness():
    SOURCES.add("darkness", "tests.trial.toy_source:Darkness")
    yield "darkness"
    SOURCES.remove("darkness")


@pytest.fixture
def left():
    TERMS.add("left", "tests.trial.toy_term:Left")
    yield "left"
    TERMS.remove("left")


@pytest.fixture
def shares_text():
    from tests.trial.toy_exporter import SharesText

    EXPORTERS.add("shares.txt", SharesText())
    yield "shares.txt"
    EXPORTERS.remove("shares.txt")
