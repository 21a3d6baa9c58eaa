"""Names of tissues in any common script can be told apart in the legend."""

import itertools

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from napari_vslp.export.lettering import Lettering


def drawn(text):
    canvas = Image.new("RGB", (300, 40), "white")
    Lettering(18).draw(ImageDraw.Draw(canvas), (4, 20), text, (0, 0, 0))
    return np.asarray(canvas)


@pytest.mark.parametrize(
    "letters",
    ["üéñßøåčřşİ", "βγδλμπΩ", "Жщёї", "±²×≤→", "肿瘤基质", "腫瘍間質", "カタひら", "종양조직"],
)
def test_no_two_letters_look_the_same(letters):
    seen = [drawn(letter) for letter in (*letters, "\uffff")]
    for one, two in itertools.combinations(seen, 2):
        assert (one != two).any()


def test_what_no_font_has_is_told_by_its_number():
    assert (drawn("\U0001f600") == drawn("[1F600]")).all()


def test_plain_text_is_drawn_as_before():
    canvas = Image.new("RGB", (300, 40), "white")
    text = "gland  60.0 %  (asked: 55 to 65 %)"
    ImageDraw.Draw(canvas).text((4, 20), text, (0, 0, 0), ImageFont.load_default(18), anchor="lm")
    assert (np.asarray(canvas) == drawn(text)).all()


@pytest.mark.parametrize("text", ["Drüse", "CD3+ 肿瘤 β", "e\u0301"])
def test_the_length_is_where_drawing_ends(text):
    canvas = ImageDraw.Draw(Image.new("RGB", (300, 40), "white"))
    letters = Lettering(18)
    assert letters.draw(canvas, (4, 20), text, (0, 0, 0)) == pytest.approx(4 + letters.length(text))


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u3000"])
@pytest.mark.parametrize("word", ["肿瘤", "Drüse", "gland", "조직"])
def test_a_space_is_white(word, space):
    assert Lettering(18).length(f"{word}{space}{word}") > 2 * Lettering(18).length(word)
    assert (drawn(space) == 255).all()


def test_composed_and_decomposed_letters_look_the_same():
    assert (drawn("e\u0301") == drawn("\u00e9")).all()
