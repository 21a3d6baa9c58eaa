"""The command line: ``napari-vslp`` with its commands, all listed by ``--help``.

Read `arguments` (what can be typed) and `flags` (flags made from options), then a command each:
`demo`, `segment`, those of `results/`, `train`, `regulariser`, `evaluate`, `models`, `cache`.
`terminal` shows progress and tables. Nothing slow is imported before a command
runs.
"""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Sequence

from napari_vslp.cli.arguments import build_parser
from napari_vslp.cli.terminal import flush_all, make_printable, replace_closed, silence
from napari_vslp.core.errors import Cancelled, VslpError

FAILED = 2
STOPPED = 130
# What writing to a full disk, or to a terminal that is gone, ends in.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status.

    0: done; 2: something has to be mended first, and one sentence on stderr says what; 130:
    stopped by Ctrl-C. Files in the output folder are replaced only when all new ones are written.
    A reader that stops reading, as ``head`` does, is no error; a full disk behind stdout is one.

    Parameters
    ----------
    argv
        Arguments without the program's name; by default those of the process.
    """
    replace_closed()
    make_printable(sys.stdout, sys.stderr)
    try:
        status = _run(argv)
        flush_all()
    except BrokenPipeError:
        silence()
        return 0
    except OSError as error:
        if error.errno not in _FULL:
            raise
        _tell(f"Not all could be written ({error.strerror}).")
        silence()
        return FAILED
    return status


def _run(argv: Sequence[str] | None) -> int:
    try:
        arguments = build_parser().parse_args(argv)
        arguments.run(arguments)
    except VslpError as error:
        _tell(str(error))
        return FAILED
    except (KeyboardInterrupt, Cancelled) as error:
        _tell(str(error) or "Stopped; nothing was written.")
        return STOPPED
    return 0


def _tell(sentence: str) -> None:
    # Where stderr cannot be written either, the exit status has to do.
    with contextlib.suppress(OSError):
        print(f"napari-vslp: {sentence}", file=sys.stderr)  # noqa: T201 - the sentence for the user
