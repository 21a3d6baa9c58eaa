"""What the window says is short, in a pathologist's words, and all in docs/words.md."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("make_words", ROOT / "docs" / "make_words.py")
MAKE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(MAKE)
WORDS = MAKE.words()
LONGEST = 230
BANNED = (
    *("nats", "iteration", "gradient", "tensor", "logit", "regularis", "fidelity", "entropy"),
    *("embedding", "encoder", "hyperparameter", "epoch", "backprop", "softmax", "kernel"),
    *("convex", "dual", "augmentation", "inference", "segmentor", "dataset", "loss", "--"),
)
# What stands only behind “Details” or in a legend's unit, where those are asked for.
BEHIND_DETAILS = {
    "nats per pixel",
    *(t for t in WORDS["qt/review/messages.py"] if t.startswith("Energy …")),
}


def test_the_page_is_what_the_code_says():
    assert (ROOT / "docs" / "words.md").read_text(encoding="utf-8") == MAKE.page()


@pytest.mark.parametrize("place", WORDS)
def test_no_text_is_long(place):
    assert [t for t in WORDS[place] if len(t) > LONGEST and t not in BEHIND_DETAILS] == []


@pytest.mark.parametrize("place", WORDS)
def test_no_text_has_a_word_that_is_none_of_a_pathologists(place):
    found = [
        (word, text)
        for text in WORDS[place]
        for word in BANNED
        if re.search(rf"(?<!\w){re.escape(word)}", text.casefold()) and text not in BEHIND_DETAILS
    ]
    assert found == []


def test_the_table_knows_the_texts_that_everybody_sees():
    texts = {text for place in WORDS.values() for text in place}
    expected = ("Segment", "Scale to 100 %", "Peek", "It is:", "Doubtful places", "Cancel")
    assert set(expected) <= texts
