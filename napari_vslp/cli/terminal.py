"""Words on a terminal: progress in colour, results as a table, plain letters where needed."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from napari_vslp.core.progress import Job, Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from napari_vslp.core.segmentation import Segmentation

_PLAIN = {
    "±": "+-",
    "µ": "u",
    "×": "x",
    "–": "-",
    "…": "...",
    "“": '"',
    "”": '"',
    "λ": "lambda",
    "²": "2",
    "›": ">",
}
_HANDLER = "napari_vslp.plain"


def make_printable(*streams: TextIO) -> None:
    """Let streams that know only ASCII or Latin-1 write ``+-`` for ± instead of failing."""
    codecs.register_error(_HANDLER, _plain_letters)
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_HANDLER)


def replace_closed() -> None:
    """Give a process that was started without stdout or stderr something to write to."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # Kept open for as long as the process lives, like the stream it stands for.
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115


def flush_all() -> None:
    """Write out all that was printed, while what goes wrong can still be told.

    Raises
    ------
    OSError
        If nobody reads stdout any more or the disk behind it is full.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def silence() -> None:
    """Let what is left to print go nowhere, so that Python does not try again when it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


def _plain_letters(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    failed = error.object[error.start : error.end]
    return "".join(_PLAIN.get(letter, "?") for letter in failed), error.end


def say(text: str) -> None:
    """Print to stderr, where it does not mix with results."""
    print(text, file=sys.stderr)  # noqa: T201 - this is the command line's voice


@contextmanager
def following(quiet: bool) -> Iterator[Job]:
    """Give a job whose progress is shown on a terminal, and nowhere else."""
    if quiet or not sys.stderr.isatty():
        yield Job()
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        SpinnerColumn(),
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TextColumn("[cyan]{task.fields[detail]}"),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        follower = _Follower(bars)
        yield Job(on_progress=follower)
        follower.finish()


class _Follower:
    """One bar for each stage of a job."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, progress: Progress) -> None:
        """Show one report."""
        if progress.note is not None:
            self._bars.console.print(progress.note, style="yellow", markup=False)
            return
        if progress.stage not in self._tasks:
            self.finish()
            self._tasks[progress.stage] = self._bars.add_task(progress.stage, total=1, detail="")
        self._bars.update(
            self._tasks[progress.stage], completed=progress.fraction, detail=_detail(progress)
        )

    def finish(self) -> None:
        """Fill the bars of all stages so far."""
        for task in self._tasks.values():
            self._bars.update(task, completed=1)


def _detail(progress: Progress) -> str:
    step: int | None = getattr(progress, "step", None)  # of a learner's event
    if step is not None:
        return f"step {step}"
    if progress.iteration is None:
        return ""
    gap = "" if progress.gap is None else f", gap {progress.gap:.1e}"
    return f"iteration {progress.iteration}{gap}"


def readable_size(size: int) -> str:
    """Return a number of bytes in words, such as “9.1 MB”; a MB has a million."""
    for unit, bytes_each in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= bytes_each:
            return f"{size / bytes_each:.1f} {unit}"
    return f"{size} bytes"


def table(result: Segmentation) -> str:
    """Return the tissues with the shares asked and reached, ready to print."""
    areas = result.areas_mm2()
    header = ["tissue", "asked", "reached"] + (["area"] if areas else [])
    rows = [header]
    for tissue in result.tissues:
        row = [tissue.name, _asked(*result.asked[tissue.name])]
        row.append(f"{100 * result.reached[tissue.name]:.1f} %")
        if areas:
            row.append(f"{areas[tissue.name]:.4g} mm²")
        rows.append(row)
    widths = [max(len(text) for text in column) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: list[str], widths: list[int]) -> str:
    numbers = (f"  {text:>{width}}" for text, width in zip(row[1:], widths[1:], strict=True))
    return f"{row[0]:<{widths[0]}}{''.join(numbers)}"


def _asked(low: float, high: float) -> str:
    if (low, high) == (0.0, 1.0):
        return "unknown"
    return f"{100 * low:g} %" if low == high else f"{100 * low:g} – {100 * high:g} %"
