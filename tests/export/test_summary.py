"""The numbers of a result."""

import json
from dataclasses import replace

import pytest

from napari_vslp.core.files.inputs_file import inputs_of_json
from napari_vslp.export.summary import summary


def test_the_summary_holds_what_was_asked_and_reached(result):
    told = summary(result)
    assert told == json.loads(json.dumps(told))
    assert told["asked"]["tumour"] == pytest.approx([0.45, 0.55])
    assert told["asked"]["stroma"] == [0.0, 1.0]
    assert told["reached"] == {"tumour": 0.5, "Lymphozyten (µ)": 0.3, "stroma": 0.2}
    assert told["gap"] == 8e-5
    assert told["region"] == [5, 10, 35, 50]
    assert told["areas_mm2"]["tumour"] == pytest.approx(600 * 0.5 * 0.25 * 1e-6)
    assert told["clicks"] == [{"tissue": "tumour", "row": 8, "column": 12}]
    assert {"iterations", "seconds", "versions", "seed", "weights", "settings", "prices"} <= set(
        told
    )


def test_the_summary_tells_tissues_by_their_present_names_and_colours(result):
    renamed = [
        replace(t, name=f"{t.name} II", colour=(1, 2, i)) for i, t in enumerate(result.tissues)
    ]
    later = replace(result.inputs, tissues=tuple(renamed))
    told = summary(result.dressed(later))
    again = inputs_of_json(told["inputs"])
    assert [(t.id, t.name, t.colour) for t in again.tissues] == [
        (t.id, f"{t.name} II", (1, 2, i)) for i, t in enumerate(result.tissues)
    ]
    assert list(told["reached"]) == list(told["asked"]) == [t.name for t in again.tissues]
    assert again.solved_by == result.inputs.solved_by
