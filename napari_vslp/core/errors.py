"""The one error that reaches the user: a clear sentence, never a traceback."""

from __future__ import annotations

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


class VslpError(Exception):
    """Something the user can mend; its text is one sentence saying what is wrong and what to do.

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
        super().__init__(f"{what}: {mend}." if mend else what)
        self.what, self.mend, self.remedy = what, mend, remedy


class Cancelled(Exception):
    """The user asked a running job to stop; whatever was there before is kept."""
