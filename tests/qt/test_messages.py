"""Numbers of a result in a pathologist's words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_vslp.core.tissues import Click
from napari_vslp.qt.parts import messages
from napari_vslp.review import wording

pytestmark = pytest.mark.window


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        (0.2, "Within 20 % of the best possible"),
        (0.0004, "Within 0.04 % of the best possible"),
        (1.234, "Within 123 % of the best possible"),
        (0.0, "Within 0.001 % of the best possible"),
    ],
)
def test_the_distance_from_the_best_is_no_power_of_ten(result, gap, said):
    assert wording.within(replace(result, gap=gap)) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "under 1 s"), (12.4, "12 s"), (203, "3 min 23 s")]
)
def test_times_are_true_and_short(seconds, said):
    assert messages.done(seconds).startswith(f"Done in {said}. Next:")


def test_flags_of_the_command_line_are_not_shown_in_the_window(result):
    note = "Allow more steps (--max-iterations), or press Segment again."
    shown = wording.hints(replace(result, notes=(note,), start_only=False))
    assert shown == ["Allow more steps, or press Segment again."]


def test_a_click_that_changed_nothing_but_itself_says_what_helps(result):
    more = replace(result.inputs, clicks=(*result.clicks, Click(result.tissues[0].id, 1, 1)))
    after = replace(result, inputs=more, labels=result.labels.copy())
    assert messages.click_alone(result, after) == messages.CLICK_ALONE
    changed = np.where(after.labels == 1, 2, 1).astype(np.uint8)
    assert messages.click_alone(result, replace(after, labels=changed)) == ""
    assert messages.click_alone(None, after) == ""
