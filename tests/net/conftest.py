"""The dock in a viewer, closed at the end of the test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.net.dock import Dock


@pytest.fixture
def dock(make_napari_viewer, qtbot) -> Iterator[Dock]:
    from tests.net.dock import Dock

    opened = Dock(make_napari_viewer(), qtbot)
    yield opened
    opened.close()
