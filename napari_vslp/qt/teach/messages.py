"""The sentences of the dock “Teach tissues”, and what mends an error in the window."""

from __future__ import annotations

from napari_vslp.core.errors import Remedy, VslpError

READY = "Choose a table, name the model, then press Start."
READING = "Reading the table…"
STARTING = "Starting…"
STOPPING = "Stopping, saving…"
STOPPED = "Stopped and saved. Press Go on to go on from there."
STOPPED_EARLY = "Stopped before anything was learnt."
STOPPED_BY_CLOSING = "The training was stopped and saved; Teach tissues goes on from there."
STILL_SAVING = "The training before this one is still being saved: try again in a moment."
SAVED_BEFORE = "A stopped training of this name lies there: go on with it, or start over."
TAKEN = "There is already a model called “{}”: type another name."
STILL_READING = "The table is still being read: try again in a moment."
NO_TABLE = "No table is chosen yet: press Choose… or drop a CSV file here."
NOT_STARTED = "The training could not be started: install napari-vslp again, then try once more."
NONE_ASIDE = "Too few images to keep some aside, so only those learnt from are shown."

# What to do, by the code that an error carries: the window's buttons, not the command line's flags.
REMEDIES: dict[Remedy, str] = {
    "again": "press Go on",
    "columns": "name that column, remove it or tick only the columns of tissues",
    "delete and again": "delete it and press Go on",
    "encoder": "start from the built-in model",
    "folder": "keep the model in another folder",
    "known encoder": "start from a model that was trained on them",
    "name": "type another name",
    "no share": "write a number such as 60, 60±5 or nothing, or tick only the columns of tissues",
    "restart": "press Start over",
    "restart or folder": "press Start over, or type another name",
    "restart or version": "press Start over, or go on with that version",
    "room and again": "make room and press Go on",
    "steps": "choose another thoroughness",
    "sum": "correct them, add the missing tissue or tick the right columns",
}


def refusal(error: VslpError) -> str:
    """Return the sentence of an error with the window's own way to mend it."""
    remedy = REMEDIES.get(error.remedy)
    return str(error) if remedy is None else f"{error.what}: {remedy}."


def left(seconds: float) -> str:
    """Say how long learning will still take: “about 12 min”."""
    if seconds < 90:
        return f"about {max(10, 10 * round(seconds / 10))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"about {minutes} min"
    return f"about {minutes // 60} h {10 * (minutes % 60 // 10)} min"


def progress(stage: str, seconds: float | None) -> str:
    """Say what a training does, and how long its learning will take if that is known."""
    if seconds is None:
        return f"{stage}…"
    return f"{stage}…\n{left(seconds).capitalize()} of learning left."


def summary(images: int, tissues: int) -> str:
    """Say how much a table holds."""
    return f"{images} image{'s' * (images != 1)}, {tissues} tissues; their shares vary:"


def span(shares: tuple[float, float] | None) -> str:
    """Say how much the shares of a tissue vary: “5–80 %”."""
    if shares is None:
        return "hardly stated"
    low, high = (_rounded(100 * share) for share in shares)
    return f"{low} %" if low == high else f"{low}–{high} %"


def _rounded(points: float) -> str:
    """Write whole points, and tenths where whole ones would hide a rare tissue."""
    return f"{points:.1f}" if 0.05 <= points < 0.95 else f"{points:.0f}"


def ready(name: str, where: str | None) -> str:
    """Say where a file is; `where` is None if it is in the list of models."""
    return f"“{name}” is ready, {'in the list of models' if where is None else f'in {where}'}."


def done(name: str, where: str | None, difference: float | None) -> str:
    """Say where a model is and how good it is.

    Parameters
    ----------
    name
        Of the model.
    where
        Its file; None if it is in the list of models.
    difference
        Of its areas from the typed ones on images kept aside, 0…1; None if there were none.
    """
    if difference is None:
        return f"{ready(name, where)} It was not tried on images kept aside: too few."
    return (
        f"{ready(name, where)} On images kept aside its areas are "
        f"{100 * difference:.1f} points from the typed ones."
    )


def crashed(can_go_on: bool, said: str, by_system: bool) -> str:
    """Say that the training ended by itself, and that what it had learnt is not lost."""
    if by_system:
        what = "The system ended the training, perhaps because memory ran out"
    else:
        what = f"Something went wrong in the training ({said or 'it gave no reason'})"
    button = "press Go on to go on from the last save" if can_go_on else "press Start to try again"
    return f"{what}: {button}."
