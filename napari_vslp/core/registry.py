"""The plug points: named members of one contract, built-in or from other packages.

A built-in member is listed by its address and imported when it is first asked for, so that a
registry costs nothing to look at. Another package adds members by an entry point of the
registry's group, a script or a test by `Registry.add`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar, cast

from napari_vslp.core.errors import VslpError

Member = TypeVar("Member")


class Registry(Generic[Member]):
    """Members of one contract, by name, in the order in which they act.

    Parameters
    ----------
    kind
        What a member is called in a sentence, such as ``"source of confidence"``.
    group
        Entry-point group that other packages add members by.
    built_in
        Name → ``"module:attribute"``.
    titles
        Name → what the window calls a built-in member.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        built_in: Mapping[str, str],
        titles: Mapping[str, str] | None = None,
    ) -> None:
        self.kind, self.group = kind, group
        self._found: dict[str, Member | str | EntryPoint] = dict(built_in)
        self._titles = dict(titles or {})
        self._built_in = frozenset(built_in)
        self._others_known = False

    def add(self, name: str, member: Member | str) -> None:
        """Add a member, or the ``"module:attribute"`` where it is.

        Raises
        ------
        VslpError
            If the name is taken.
        """
        if name in self._all():
            raise VslpError(f"There is already a {self.kind} “{name}”: choose another name.")
        self._found[name] = member

    def remove(self, name: str) -> None:
        """Take a member away again."""
        self._all().pop(name, None)

    def names(self) -> tuple[str, ...]:
        """Return the names of all members, in order."""
        return tuple(self._all())

    def added(self) -> tuple[str, ...]:
        """Return the names of the members that are not built in."""
        return tuple(name for name in self._all() if name not in self._built_in)

    def get(self, name: str) -> Member:
        """Return a member.

        Raises
        ------
        VslpError
            If there is none of that name, with the names that there are; or if the package that
            offers it cannot be imported.
        """
        found = self._all().get(name)
        if found is None:
            known = ", ".join(self.names()) or "none"
            raise VslpError(f"There is no {self.kind} “{name}”: choose one of {known}.")
        if isinstance(found, str | EntryPoint):
            found = self._found[name] = self._load(name, found)
        return cast("Member", found)

    def title(self, name: str) -> str:
        """Return what the window calls a member: its own ``title``, or else its name."""
        if name not in self._titles:
            self._titles[name] = str(getattr(self.get(name), "title", name))
        return self._titles[name]

    def __iter__(self) -> Iterator[Member]:
        """Return the members, in order."""
        return iter([self.get(name) for name in self.names()])

    def __contains__(self, name: object) -> bool:
        """Return whether there is a member of that name."""
        return name in self._all()

    def _all(self) -> dict[str, Any]:
        if not self._others_known:
            self._others_known = True
            for point in _offered().select(group=self.group):
                self._found.setdefault(point.name, point)
        return self._found

    def _load(self, name: str, address: str | EntryPoint) -> Member:
        try:
            if isinstance(address, EntryPoint):
                return cast("Member", address.load())
            module, _, attribute = address.partition(":")
            return cast("Member", getattr(import_module(module), attribute))
        except (ImportError, AttributeError) as error:
            raise VslpError(
                f"The {self.kind} “{name}” cannot be loaded ({error}): "
                "install the package that offers it again."
            ) from error


@cache
def _offered() -> Any:  # noqa: ANN401 - Python 3.11 and 3.12 give other types
    # Looking through all installed packages takes 9 ms, which --help would pay once a registry.
    return entry_points()


class Registries:
    """Several registries looked at as one, for what their members have in common.

    Parameters
    ----------
    members
        Registries whose names do not clash.
    """

    def __init__(self, members: Sequence[Registry[Any]]) -> None:
        self._members = tuple(members)

    def get(self, name: str) -> Any:  # noqa: ANN401 - a member of any contract
        """Return the member of that name in the first registry that has one.

        Raises
        ------
        VslpError
            If none has.
        """
        for registry in self._members:
            if name in registry:
                return registry.get(name)
        kinds = " or ".join(registry.kind for registry in self._members)
        raise VslpError(f"There is no {kinds} “{name}”: install the package that offers it.")

    def added(self) -> dict[str, Any]:
        """Return the members that are not built in and have options of their own, by name.

        Only these are loaded: the built-in members' options are fields of `Settings`.
        """
        found = {name: r.get(name) for r in self._members for name in r.added()}
        return {name: member for name, member in found.items() if hasattr(member, "Options")}
