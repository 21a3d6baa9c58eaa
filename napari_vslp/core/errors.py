"""The one error that reaches the user: a clear sentence, never a traceback."""

from __future__ import annotations

import unicodedata
from typing import Literal

# What mends an error, where the window has another way to do it than the command line.
Remedy = Literal[
    "",
    "again",
    "columns",
    "delete and again",
    "encoder",
    "folder",
    "known encoder",
    "name",
    "no share",
    "restart",
    "restart or folder",
    "restart or version",
    "room and again",
    "steps",
    "sum",
]


# Line breaks and other control signs, also those that colour a terminal, and halves of UTF-8.
_UNWRITABLE = {"Cc", "Cs", "Zl", "Zp"}
_LONGEST = 1000  # letters


def on_one_line(text: str) -> str:
    r"""Return a text with what is no letter in it written out, such as ``\\n`` for a line break.

    Sentences repeat what people type and what files hold, which may be anything: the middle of a
    very long text is left out.
    """
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 2 :]}"
    if text.isprintable():
        return text
    return "".join(
        letter.encode("unicode_escape").decode("ascii")
        if unicodedata.category(letter) in _UNWRITABLE
        else letter
        for letter in text
    )


class VslpError(Exception):
    """Something the user can mend; its text is one sentence saying what is wrong and what to do.

    The sentence is one line of text, whatever it repeats.

    Parameters
    ----------
    what
        The sentence; or only what is wrong, without its full stop, where `mend` says what to do.
    mend
        What to do, in the words of the command line; the text is then ``"what: mend."``.
    remedy
        The same as a code: by it the window says what to do in words of its own.
    """

    def __init__(self, what: str = "", *, mend: str = "", remedy: Remedy = "") -> None:
        what, mend = on_one_line(what), on_one_line(mend)
        super().__init__(f"{what}: {mend}." if mend else what)
        self.what, self.mend, self.remedy = what, mend, remedy


class Cancelled(Exception):
    """The user asked a running job to stop; whatever was there before is kept."""
