"""Inputs, edits and the session: one state, one door, and a way back that is exact."""

from __future__ import annotations

import json
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from napari_vslp.core import edits
from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.inputs_file import inputs_as_json, inputs_of_json
from napari_vslp.core.inputs import ImageReference, Inputs, Paint
from napari_vslp.core.session import Session
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import Click, Tissue, coloured

SHAPE = (24, 32)
NAMES = ("gland", "stroma", "Drüse", "lumen", "肿瘤")


def first_inputs() -> Inputs:
    table = coloured([Tissue("gland", 0.5), Tissue("stroma", 0.3), Tissue("lumen", 0.2)])
    image = ImageReference("slide", "/nowhere/slide.tif", "ab" * 32, SHAPE, 0, (0.5, 0.25))
    return Inputs(image, tuple(table))


def painted(places, code, owners):
    whole = np.zeros(SHAPE, np.uint8)
    for row, column in places:
        whole[row, column] = code
    return Paint.of(whole, owners)


# ---- edits as a hand makes them: by the place in the table, whatever it is called by then

PLACES = st.integers(0, 5)
PIXELS = st.tuples(st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1))


KINDS = [
    "share",
    "drag",
    "unknown",
    "rename",
    "lock",
    "colour",
    "add",
    "remove",
    "preset",
    "click",
    "clear",
    "paint",
    "region",
    "size",
    "options",
    "undo",
    "redo",
]


@st.composite
def moves(draw):
    """Draw (what, arguments); the edit itself is made from the table as it is at that moment."""
    kind = draw(st.sampled_from(KINDS))
    return kind, draw(PLACES), draw(PIXELS), draw(st.floats(0, 1)), draw(st.sampled_from(NAMES))


def edit_of(inputs, kind, place, pixel, share, name):
    tissue = inputs.tissues[place % len(inputs.tissues)].id if inputs.tissues else "none"
    owners = tuple(t.id for t in inputs.tissues)
    made = {
        "share": lambda: edits.SetShare(tissue, share),
        "drag": lambda: edits.SetShare(tissue, share),
        "unknown": lambda: edits.SetUnknown(tissue, share > 0.5),
        "rename": lambda: edits.EditTissue(tissue, (("name", f"{name} {place}"),)),
        "lock": lambda: edits.EditTissue(tissue, (("locked", share > 0.5),)),
        "colour": lambda: edits.EditTissue(tissue, (("colour", (place, 9, 200)),)),
        "add": lambda: edits.AddTissue(name),
        "remove": lambda: edits.RemoveTissue(tissue),
        "preset": lambda: edits.ReplaceTissues(tuple(coloured([Tissue(name, 1.0), Tissue("x")]))),
        "click": lambda: edits.PlaceClick(Click(tissue, *pixel)),
        "clear": lambda: edits.SetClicks(inputs.clicks[1:]),
        "paint": lambda: edits.SetPaint(painted([pixel], len(owners), owners) if owners else None),
        "region": lambda: edits.SetRegion((0, 0, pixel[0] + 1, pixel[1] + 1)),
        "size": lambda: edits.SetPixelSize((share + 0.1, share + 0.1)),
        "options": lambda: edits.SetOptions(replace(inputs.options, smoothness=share)),
    }
    return made[kind]()


def holds_together(inputs: Inputs) -> None:
    """Check that nothing refers to a tissue that is not there, and that ids are unique."""
    ids = [t.id for t in inputs.tissues]
    assert len(set(ids)) == len(ids)
    assert {c.tissue for c in inputs.clicks} <= set(ids)
    if inputs.paint is not None:
        codes = set(np.unique(inputs.paint.codes)) - {0}
        assert {inputs.paint.owners[code - 1] for code in codes} <= set(ids)
        assert inputs.paint.codes.any()


def play(session: Session, sequence) -> None:
    for kind, *arguments in sequence:
        if kind in ("undo", "redo"):
            getattr(session, kind)()
        else:
            edit = edit_of(session.inputs, kind, *arguments)
            try:
                session.apply(edit, merge="drag" if kind == "drag" else "")
            except VslpError:
                continue  # such as two tissues of one name: refused, and nothing has changed
        holds_together(session.inputs)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.lists(moves(), max_size=40))
def test_undoing_everything_gives_back_the_first_state_exactly(sequence):
    first = first_inputs()
    session = Session(first)
    play(session, sequence)
    last = session.inputs
    steps = 0
    while session.undo():
        holds_together(session.inputs)
        steps += 1
    assert session.inputs == first
    for _ in range(steps):
        assert session.redo()
    assert session.inputs == last


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(moves(), max_size=25))
def test_what_is_written_as_json_is_read_back_the_same(sequence):
    session = Session(first_inputs())
    play(session, sequence)
    told = json.loads(json.dumps(inputs_as_json(session.inputs)))
    assert inputs_of_json(told) == session.inputs


def test_a_drag_is_one_step_and_loses_no_proportions():
    session = Session(first_inputs())
    for value in (0.6, 0.9, 1.0, 0.7, 0.5):
        session.apply(edits.SetShare("gland", value), merge="drag 1")
    assert session.inputs == first_inputs()
    session.apply(edits.SetShare("gland", 0.8), merge="drag 2")
    session.apply(edits.SetShare("gland", 0.9), merge="drag 2")
    session.undo()
    assert session.inputs == first_inputs()


def test_an_edit_that_changes_nothing_is_no_step():
    session = Session(first_inputs())
    assert not session.apply(edits.SetShare("gland", 0.5))
    assert (session.undo(), session.undo_title) == (False, "")


def test_a_new_edit_forgets_what_could_have_been_done_again():
    session = Session(first_inputs())
    session.apply(edits.SetShare("gland", 0.6))
    session.undo()
    assert session.redo_title == "move a share"
    session.apply(edits.SetPixelSize(None))
    assert (session.redo(), session.redo_title) == (False, "")


def test_clicks_and_paint_follow_the_tissue_and_not_its_name():
    session = Session(first_inputs())
    session.apply(edits.PlaceClick(Click("gland", 3, 4)))
    session.apply(edits.SetPaint(painted([(1, 1)], 2, ("gland", "stroma"))))
    session.apply(edits.EditTissue("gland", (("name", "tubule"),)))
    session.apply(edits.EditTissue("stroma", (("name", "gland"),)))
    assert session.inputs.clicks == (Click("gland", 3, 4),)
    assert session.inputs.tissue("gland").name == "tubule"
    fresh = session.apply(edits.AddTissue("stroma"))
    assert fresh
    assert len({t.id for t in session.inputs.tissues}) == 4
    assert session.inputs.paint.by_position(session.inputs.tissues)[1, 1] == 2


def test_removing_a_tissue_takes_its_clicks_and_paint_and_undo_brings_them_back():
    session = Session(first_inputs())
    session.apply(edits.PlaceClick(Click("lumen", 3, 4)))
    session.apply(edits.SetPaint(painted([(1, 1)], 3, ("gland", "stroma", "lumen"))))
    before = session.inputs
    session.apply(edits.RemoveTissue("lumen"))
    assert (session.inputs.clicks, session.inputs.paint) == ((), None)
    session.undo()
    assert session.inputs == before


def test_two_tissues_of_one_name_are_refused_at_once():
    session = Session(first_inputs())
    with pytest.raises(VslpError, match="already a tissue"):
        session.apply(edits.EditTissue("gland", (("name", "Stroma"),)))
    assert session.inputs == first_inputs()


# ---- results


def test_a_result_belongs_to_the_inputs_it_was_made_from(result):
    session = Session(replace(first_inputs(), tissues=result.tissues))
    asked = session.inputs
    session.apply(edits.SetShare("tumour", 0.2))
    session.take(result, asked)  # the job was started before the slider moved
    assert session.result is result
    assert session.stale
    session.undo()
    assert session.result is result
    assert not session.stale


def test_undo_brings_back_the_result_of_that_step(result):
    session = Session(replace(first_inputs(), tissues=result.tissues))
    session.take(result, session.inputs)
    session.apply(edits.SetShare("tumour", 0.2))
    other = replace(result, gap=0.5)
    session.take(other, session.inputs)
    assert session.result is other
    session.undo()
    assert session.result.gap == result.gap
    session.redo()
    assert session.result.gap == 0.5


def test_before_the_first_result_there_is_none(result):
    session = Session(replace(first_inputs(), tissues=result.tissues))
    session.apply(edits.SetShare("tumour", 0.2))
    session.take(result, session.inputs)
    session.undo()
    assert session.result is None
    session.redo()
    assert session.result is not None


def test_a_rename_dresses_the_result_and_keeps_what_was_said(result):
    session = Session(replace(first_inputs(), tissues=result.tissues))
    session.take(result, session.inputs)
    session.apply(edits.EditTissue("tumour", (("name", "carcinoma"), ("colour", (1, 2, 3)))))
    shown = session.result
    assert (shown.tissues[0].name, shown.tissues[0].colour) == ("carcinoma", (1, 2, 3))
    assert shown.reached["carcinoma"] == 0.5
    assert shown.inputs.tissues[0].name == "tumour"
    assert not session.stale


def test_a_result_that_comes_after_a_rename_wears_the_new_name(result):
    session = Session(replace(first_inputs(), tissues=result.tissues))
    asked = session.inputs
    session.apply(edits.EditTissue("tumour", (("name", "carcinoma"),)))
    session.take(result, asked)
    assert session.result.tissues[0].name == "carcinoma"
    assert not session.stale


# ---- what is read back


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda told: told.update(version=99), "version 99"),
        (lambda told: told.pop("tissues"), "damaged"),
        (lambda told: told.update(tissues=[{"name": "a"}]), "damaged"),
        (lambda told: told["options"].update(smoothness=-3), "Smoothness"),
        (lambda told: told["options"].update(unheard="of"), "unheard"),
        (lambda told: told.update(region=[0, 1]), "damaged"),
        (lambda told: told["image"].update(shape=[9]), "damaged"),
        (lambda told: told["image"].update(pixel_size_um=[0.5]), "damaged"),
        (lambda told: told["image"].update(level=float("inf")), "damaged"),
        (lambda told: told["paint"].update(codes="!!!"), "damaged"),
        (lambda told: told["paint"].update(box=[0, 0, 999, 999]), "damaged"),
        (lambda told: told.update(clicks=[{"tissue": "a", "row": "x", "column": 1}]), "damaged"),
    ],
)
def test_damaged_inputs_are_refused_in_one_sentence(change, said):
    session = Session(first_inputs())
    session.apply(edits.SetPaint(painted([(1, 1)], 1, ("gland",))))
    told = json.loads(json.dumps(inputs_as_json(session.inputs)))
    change(told)
    with pytest.raises(VslpError, match=said):
        inputs_of_json(told)


def test_options_keep_every_field():
    chosen = Settings(smoothness="auto", trust="kl", trust_strength=2.5, edges=False, seed=7)
    inputs = replace(first_inputs(), options=chosen)
    assert inputs_of_json(inputs_as_json(inputs)).options == chosen


@pytest.mark.parametrize("painted", [np.full((4, 4), np.nan), np.ones((4, 4)), "paint"])
def test_paint_is_of_whole_numbers(painted):
    with pytest.raises(VslpError, match="whole numbers"):
        Paint.of(painted, ["a"], (4, 4))


def test_a_drag_there_and_back_leaves_nothing_to_undo(result):
    session = Session(replace(first_inputs(), tissues=result.tissues))
    session.take(result, session.inputs)
    session.apply(edits.SetShare("tumour", 0.2), merge="drag")
    session.take(replace(result, gap=0.5), session.inputs, passing=True)
    session.apply(edits.SetShare("tumour", 0.5), merge="drag")
    assert (session.undo_title, session.stale) == ("", False)
    assert session.result.gap == result.gap
    session.apply(edits.SetShare("tumour", 0.3), merge="drag")
    assert session.undo()
    assert session.inputs.tissues == result.tissues
    assert not session.undo()


def test_a_result_that_was_taken_back_meanwhile_waits_for_redo(result):
    session = Session(replace(first_inputs(), tissues=result.tissues))
    session.take(result, session.inputs)
    session.apply(edits.SetShare("tumour", 0.2))
    asked = session.inputs
    session.undo()  # before the job ends
    session.take(replace(result, gap=0.5), asked)
    assert (session.result.gap, session.stale) == (result.gap, False)
    session.redo()
    assert (session.result.gap, session.stale) == (0.5, False)


def test_quick_looks_are_put_back_to_what_was_shown_before(result):
    session = Session(result.inputs)
    look, first = replace(result, gap=0.5), replace(result, gap=0.1)
    session.take(look, result.inputs, passing=True)
    session.put_back(None)
    assert session.result is None
    session.take(first, result.inputs)
    before = session.passing
    session.take(look, result.inputs, passing=True)
    assert session.stale
    session.put_back(before)
    assert session.result.gap == first.gap
    assert not session.stale
