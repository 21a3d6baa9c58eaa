"""Which of the network's tissues, or white background, a pathologist's word means.

A name is read without case and accents, word by word, in this order:

1. A name that the head itself uses means that tissue.
2. Words for supporting tissue (stroma, lymphocytes, muscle, fat, necrosis, …) mean the head's
   ``other``, whatever else the name says, so that “tumour stroma” is stroma.
3. Background, white, glass, lumen, empty and “no tissue” mean the white background, which is
   found by a pixel rule.
4. Negations (“non-tumour”, “no gland”) mean ``other``.
5. Words for glands, epithelium and tumour mean the head's ``gland``.
6. Everything else means ``other``, if the head has it, and nothing the head knows otherwise.

Word stems are given in English, German, French, Spanish, Italian and Portuguese.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

WHITE: Final = "white"
Meaning = int | str | None

GLAND_STEMS = (
    *("gland", "epithel", "tumor", "tumour", "carcinom", "adenocarcinom", "cancer", "malign"),
    *("neoplas", "adenom", "crypt", "acin", "polyp"),
    *("drus", "drues", "karzinom", "krebs", "krypt"),
    *("tumeur", "glandul", "epiteli", "neoplasi", "tumoral", "ghiandol", "cripta", "cripte"),
)
WHITE_STEMS = (
    *("background", "white", "glass", "lumen", "empty", "slide", "blank"),
    *("hintergrund", "weiss", "glas", "leer", "fond", "blanc", "verre", "vide"),
    *("fondo", "vidrio", "vacio", "sfondo", "bianco", "vetro", "vuoto", "fundo", "vazio"),
)
OTHER_STEMS = (
    *("other", "strom", "estrom", "lymph", "linf", "immun", "inflam", "muscl", "muscul", "fat"),
    *("adipo", "necro", "nekro", "connectiv", "blood", "vessel", "nerve", "debris", "mucus"),
    *("bindegewebe", "fett", "muskel", "blut", "sonst", "andere", "autre", "conjonctif", "otro"),
    *("altro", "outro", "granul", "plasma", "fibr", "collagen", "kollagen", "entzund"),
    *("matter", "pulp"),
)
_TISSUE_STEMS = ("tissue", "gewebe", "tissu", "tejido", "tessuto", "tecido")
_NEGATIONS = ("non", "not", "no", "kein", "keine", "nicht", "ohne", "without", "pas", "sans")
# Stems that other words begin with.
_WHOLE_WORDS = ("fat", "glas", "fond", "slide", "leer")


def match_tissues(names: Sequence[str], head_tissues: Sequence[str]) -> tuple[Meaning, ...]:
    """Return what each name means: a head's tissue, the white background, or nothing known.

    Parameters
    ----------
    names : sequence of str
        As the user wrote them.
    head_tissues : sequence of str
        Names of the head's tissues; empty without a head.

    Returns
    -------
    tuple of int, str or None
        The index in `head_tissues`, or `WHITE`, or None.
    """
    return tuple(_match(name, head_tissues) for name in names)


def _match(name: str, head_tissues: Sequence[str]) -> Meaning:
    words = words_of(name)
    known = {words_of(one): index for index, one in enumerate(head_tissues)}
    if words in known:
        return known[words]
    kind = kind_of(name)
    if kind == WHITE:
        return WHITE
    alike = [index for index, one in enumerate(head_tissues) if kind_of(one) == kind]
    return alike[0] if alike else None


def kind_of(name: str) -> str:
    """Return ``"gland"``, ``"white"`` or ``"other"`` for a name, by the table above."""
    words = words_of(name)
    negated = any(word in _NEGATIONS for word in words)
    if _any(words, OTHER_STEMS):
        return "other"
    if _any(words, WHITE_STEMS) or (negated and _any(words, _TISSUE_STEMS)):
        return WHITE
    return "gland" if _any(words, GLAND_STEMS) and not negated else "other"


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case without accents; “Drüse (re.)” → druse, re."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return tuple(re.findall(r"[^\W\d_]+", re.sub(r"[\u0300-\u036f]", "", plain)))


def _any(words: Sequence[str], stems: Sequence[str]) -> bool:
    return any(
        word == stem or (word.startswith(stem) and stem not in _WHOLE_WORDS)
        for word in words
        for stem in stems
    )
