"""The one error that reaches the user: a clear sentence, never a traceback."""

from __future__ import annotations


class VslpError(Exception):
    """Something the user can mend; its text is one sentence saying what is wrong and what to do."""


class Cancelled(Exception):
    """The user asked a running job to stop; whatever was there before is kept."""
