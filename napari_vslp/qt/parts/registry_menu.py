"""A menu of the members of a registry."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtWidgets import QMenu, QWidget

from napari_vslp.core.errors import VslpError
from napari_vslp.core.registry import Registry


class RegistryMenu(QMenu):
    """Lists the members that there are when it opens: a package may have added one.

    Parameters
    ----------
    window
        Its parent.
    registry
        Whose members are listed by their titles; one that cannot be loaded is left out.
    choose
        Called with the name of the member chosen.
    """

    def __init__(
        self, window: QWidget, registry: Registry[Any], choose: Callable[[str], None]
    ) -> None:
        super().__init__(window)
        self._registry, self._choose = registry, choose
        self.aboutToShow.connect(self._list)

    def _list(self) -> None:
        self.clear()
        for name in self._registry.names():
            try:
                title = self._registry.title(name)
            except VslpError:
                continue  # its package cannot be loaded
            self.addAction(f"{title}…", partial(self._choose, name))
