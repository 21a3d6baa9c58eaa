"""Registries: members by name, loaded when they are asked for, and sentences for the rest."""

from __future__ import annotations

import sys

import pytest

from napari_vslp.core.errors import VslpError
from napari_vslp.core.registry import Registries, Registry


class Loud:
    title = "Loud"


@pytest.fixture
def registry():
    return Registry("noise", "napari_vslp.noises", {"json": "json:dumps"}, {"json": "As JSON"})


def test_looking_at_a_registry_imports_nothing():
    name = "xml.dom.pulldom"
    sys.modules.pop(name, None)
    registry = Registry("noise", "napari_vslp.noises", {"dom": f"{name}:parse"})
    assert registry.names() == ("dom",)
    assert "dom" in registry
    assert name not in sys.modules
    assert callable(registry.get("dom"))
    assert name in sys.modules


def test_members_keep_their_order_and_can_be_taken_away(registry):
    registry.add("loud", Loud)
    assert registry.names() == ("json", "loud")
    assert registry.added() == ("loud",)
    assert list(registry)[1] is Loud
    registry.remove("loud")
    assert registry.names() == ("json",)


def test_titles_come_from_the_list_or_from_the_member(registry):
    registry.add("loud", Loud)
    assert (registry.title("json"), registry.title("loud")) == ("As JSON", "Loud")


def test_an_unknown_name_lists_the_known_ones(registry):
    with pytest.raises(VslpError, match="no noise “quiet”: choose one of json"):
        registry.get("quiet")


def test_a_name_is_given_once(registry):
    with pytest.raises(VslpError, match="already a noise “json”"):
        registry.add("json", Loud)


@pytest.mark.parametrize("address", ["no_such_package:Thing", "json:no_such_thing"])
def test_what_cannot_be_loaded_is_one_sentence(registry, address):
    registry.add("broken", address)
    with pytest.raises(VslpError, match="cannot be loaded"):
        registry.get("broken")


def test_several_registries_look_like_one(registry):
    other = Registry("smell", "napari_vslp.smells", {})
    other.add("loud", Loud)
    both = Registries((registry, other))
    assert both.get("loud") is Loud
    assert both.added() == {}  # it has no options of its own
    with pytest.raises(VslpError, match="no noise or smell “none”"):
        both.get("none")
