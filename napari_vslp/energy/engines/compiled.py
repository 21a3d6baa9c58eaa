"""How the loops of the solver are compiled: by numba, kept on disk where that may be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - what numba makes of it
    """Compile a loop over rows of pixels on its first call.

    What was compiled is kept beside the package, or else in the user's cache. Where neither can be
    written, as in a container with a read-only home, each process compiles anew.
    """
    options = {"nogil": True, "fastmath": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except (RuntimeError, OSError):  # numba finds no folder that it may write to
        return numba.njit(**options)(function)
