"""What others plug in appears in the window by itself: options as rows, maps as layers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from napari_vslp.core.options import option
from napari_vslp.core.registries import SOURCES
from napari_vslp.core.segmentation import EvidenceMap, TermMap
from napari_vslp.core.settings import Settings
from napari_vslp.qt.segment.solving import calls_for_live
from napari_vslp.qt.viewer.maps import EVIDENCE, PREFIX, TERM

pytestmark = pytest.mark.window


@dataclass(frozen=True)
class ToyOptions:
    weight: float = option(0.5, "Weight of the toy", "How much it counts", low=0.0, high=9.0)
    sight: bool = option(
        False, "The toy looks twice", "Reads the image anew", group="reading", live=False
    )


class Toy:
    name, title, Options = "toy", "Toy", ToyOptions


@pytest.fixture
def toy(monkeypatch):
    SOURCES.add("toy", Toy)
    yield
    SOURCES.remove("toy")


def test_options_of_a_plugged_in_source_are_rows_and_extras(toy, window, fake):
    form = window.dock.advanced.extras["toy"]
    weight = form.controls["weight"]
    assert form.rows.labelForField(weight.widget).text() == "Weight of the toy"
    assert window.inputs.options == Settings()
    weight.set_value(2.0)
    assert window.inputs.options.extras == {"toy": ToyOptions(weight=2.0)}
    window.segment()
    assert fake.asked().options.of("toy", ToyOptions).weight == 2.0
    window.dock.run.undo.click()
    assert window.inputs.options == Settings()
    assert weight.value() == 0.5


def test_a_change_of_how_the_image_is_read_reads_it_again(toy, window, fake):
    window.segment()
    form = window.dock.advanced.extras["toy"]
    form.controls["weight"].set_value(2.0)
    window.segment()
    assert fake.count("prepare") == 1
    form.controls["sight"].set_value(True)
    window.segment()
    assert fake.count("prepare") == 2


def test_live_follows_what_the_options_say(toy, window, fake):
    window.segment()
    window.dock.run.live.click()
    window.until(lambda: window.controller.solving.live.settled)
    window.settle()
    asked = fake.count("live")
    window.dock.advanced.extras["toy"].controls["sight"].set_value(True)
    assert window.controller.solving.live.settled
    window.dock.advanced.extras["toy"].controls["weight"].set_value(2.0)
    window.until(lambda: fake.count("live") == asked + 1)


@pytest.mark.parametrize(
    ("changes", "follows"),
    [
        ({"smoothness": 5.0}, True),
        ({"trust": "kl"}, True),
        ({"augmentation": False}, False),
        ({"encoder": "lung", "edges": False}, True),
        ({"extras": {"toy": ToyOptions(weight=1.0)}}, True),
        ({"extras": {"toy": ToyOptions(sight=True)}}, False),
    ],
)
def test_which_options_live_follows(window, changes, follows):
    after = replace(window.inputs, options=replace(window.inputs.options, **changes))
    assert calls_for_live(window.inputs, after) == follows


def test_maps_of_terms_and_evidence_are_layers(window, fake):
    result = window.segment()
    made = np.full(result.labels.shape, 0.25, np.float32)
    layers = window.binding.layers
    with_maps = replace(
        result,
        terms={**result.terms, "toy": TermMap.of(made, "doubt: toy")},
        evidence={"toy": EvidenceMap(2 * made, "what the toy saw", -1.0, 3.0)},
    )
    layers.show(with_maps)
    window.until(lambda: layers.settled)
    assert layers.layer(TERM + "toy").name == f"{PREFIX}doubt about toy"
    shown = layers.layer(EVIDENCE + "toy")
    assert shown.name == f"{PREFIX}what the toy saw"
    assert tuple(shown.contrast_limits) == (-1.0, 3.0)
    np.testing.assert_array_equal(shown.data, 2 * made)
    layers.show(result)
    window.until(lambda: layers.settled)
    assert layers.layer(TERM + "toy") is None
    assert layers.layer(EVIDENCE + "toy") is None
