"""The command line: ``napari-vslp`` with its commands, all listed by ``--help``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from napari_vslp.cli.arguments import build_parser
from napari_vslp.cli.terminal import make_printable
from napari_vslp.core.errors import Cancelled, VslpError

FAILED = 2
STOPPED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status.

    0: done; 2: something has to be mended first, and one sentence on stderr says what; 130:
    stopped by Ctrl-C. Files in the output folder are replaced only when all new ones are written.

    Parameters
    ----------
    argv
        Arguments without the program's name; by default those of the process.
    """
    make_printable(sys.stdout, sys.stderr)
    try:
        arguments = build_parser().parse_args(argv)
        arguments.run(arguments)
    except VslpError as error:
        print(f"napari-vslp: {error}", file=sys.stderr)  # noqa: T201 - the sentence for the user
        return FAILED
    except (KeyboardInterrupt, Cancelled) as error:
        said = str(error) or "Stopped; nothing was written."
        print(f"napari-vslp: {said}", file=sys.stderr)  # noqa: T201
        return STOPPED
    return 0
