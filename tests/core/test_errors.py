"""The one error that reaches the user is one line of text, whatever it repeats."""

import pytest

from napari_vslp.core.errors import VslpError


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("plain", "plain"),
        ("Drüse ± 肿瘤", "Drüse ± 肿瘤"),
        ("two\nlines", "two\\nlines"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("half a letter \udcff", "half a letter \\udcff"),
        ("\u2028", "\\u2028"),
    ],
)
def test_what_a_sentence_repeats_does_not_break_its_line(typed, shown):
    assert str(VslpError(f"“{typed}” is no name.")) == f"“{shown}” is no name."
    error = VslpError(f"“{typed}” is no name", mend="write another")
    assert str(error) == f"“{shown}” is no name: write another."
    assert error.what == f"“{shown}” is no name"


def test_of_a_very_long_text_the_middle_is_left_out():
    said = str(VslpError(f"“{'x' * 5000}” is no name: write another."))
    assert len(said) < 1100
    assert said.endswith("is no name: write another.")
