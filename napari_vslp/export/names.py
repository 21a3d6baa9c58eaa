"""Names in the formats of others: what a spreadsheet would compute, and what XML cannot hold."""

from __future__ import annotations

import re

# The wide forms too: spreadsheets in East Asia take them for the narrow ones.
_BEGINS_A_FORMULA = tuple("=+-@＝＋－＠")
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def no_formula(name: str) -> str:
    """Return a name that no spreadsheet computes: with an apostrophe before it, if it would."""
    return f"'{name}" if name.lstrip().startswith(_BEGINS_A_FORMULA) else name


def for_xml(name: str) -> str:
    """Return a name with what XML 1.0 cannot hold replaced by U+FFFD."""
    return _NOT_IN_XML.sub("\ufffd", name)
