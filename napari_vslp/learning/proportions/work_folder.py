"""The folder of a training that is under way: labels, checkpoints, curves; made to be resumed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.atomic import partials_of, write_whole
from napari_vslp.learning.cohort import Cohort
from napari_vslp.learning.proportions.learner import Recipe

FORMAT = 1
_STATE, _CURVES = "state.json", "curves.csv"
# What was written before the state listed the files.
_UNLISTED = re.compile(r"curves\.csv|(labels|student)-\d+\.safetensors|round-\d+\.ckpt")
_COLUMNS = ("round", "step", "loss", "held_out_loss", "area_error", "seconds")


class TrainingFolder:
    """A folder that a stopped training goes on from.

    Its ``state.json`` lists the files that the training writes. No file is overwritten or deleted
    that is not listed there.

    Parameters
    ----------
    path : Path
        Made if missing.
    cohort, recipe
        What the training learns from and how; a folder of others is refused.
    restart : bool
        Whether to throw away what an earlier training left there.
    masks : bool
        Whether it learns from masks.

    Raises
    ------
    VslpError
        If the folder belongs to another table, recipe or version, holds files of others under the
        names of its own, or cannot be written.
    """

    def __init__(
        self, path: Path, cohort: Cohort, recipe: Recipe, *, restart: bool, masks: bool = False
    ) -> None:
        self.path = path
        self._began = time.monotonic()
        self._spent = 0.0
        how = recipe.fingerprint() + (" with masks" if masks else "")
        own = {"format": FORMAT, "cohort": cohort_hash(cohort), "recipe": how}
        if restart:
            self.remove()
        try:
            path.mkdir(parents=True, exist_ok=True)
            # Without labels or a checkpoint nothing was begun, but for a slip in the command.
            begun = [name for name in self._listed() if (path / name).exists()]
            if begun:
                self._check(own)
            else:
                self._claim(own, _file_names(len(recipe.rounds)))
        except OSError as error:
            raise VslpError(
                f"The folder {path} cannot be written ({error.strerror})",
                mend="choose another --work",
                remedy="folder",
            ) from error
        self._spent = max((line["seconds"] for line in self.curves()), default=0.0)

    @property
    def seconds(self) -> float:
        """Time that the training took, over all its runs up to their last checks."""
        return self._spent + time.monotonic() - self._began

    def checkpoint(self, number: int) -> Path:
        """Return where a round's checkpoint lies."""
        return self.path / f"round-{number}.ckpt"

    def has_labels(self, number: int) -> bool:
        """Return whether a round's labels were made already."""
        return (self.path / f"labels-{number}.safetensors").exists()

    def labels(self, number: int) -> list[Tensor] | None:
        """Return the labels that a round learns from, if they were made already."""
        found = self._load(f"labels-{number}.safetensors")
        return None if found is None else [found[name] for name in sorted(found)]

    def save_labels(self, number: int, labels: Sequence[Tensor]) -> None:
        """Keep the labels of a round; raises `VslpError` if the disk is full."""
        named = {f"{i:07d}": one for i, one in enumerate(labels)}
        self._save(f"labels-{number}.safetensors", named)

    def student(self, number: int) -> dict[str, Tensor] | None:
        """Return the weights that a round ended with, if it has ended."""
        return self._load(f"student-{number}.safetensors")

    def save_student(self, number: int, weights: Mapping[str, Tensor]) -> None:
        """Keep the weights of a round; raises `VslpError` if the disk is full."""
        self._save(f"student-{number}.safetensors", weights)

    def record(self, number: int, figures: Mapping[str, float]) -> None:
        """Add a line to the curves."""
        path = self.path / _CURVES
        text = io.StringIO()
        writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
        if not path.exists():
            writer.writeheader()
        writer.writerow({"round": number, "seconds": round(self.seconds, 1), **figures})
        before = path.read_bytes() if path.exists() else b""
        self._write(path.name, before + text.getvalue().encode())

    def curves(self) -> list[dict[str, float]]:
        """Return all lines of the curves; a figure that was not measured is left out."""
        path = self.path / _CURVES
        if not path.exists():
            return []
        with path.open(newline="") as file:
            return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]

    def remove(self) -> None:
        """Delete what a training left in its folder, and the folder unless it holds other files.

        Raises
        ------
        VslpError
            If the folder holds a ``state.json`` of another program.
        """
        listed = self._listed()
        with suppress(OSError):
            for name in (*listed, _STATE):
                if listed:
                    (self.path / name).unlink(missing_ok=True)
                    for partial in partials_of(self.path / name):
                        partial.unlink(missing_ok=True)
            self.path.rmdir()

    def _listed(self) -> tuple[str, ...]:
        """Return the names of the training's own files, whether they exist yet or not."""
        state = self._state()
        if state is None:
            return ()
        if "files" in state:
            return tuple(map(str, state["files"]))
        found = sorted(path.name for path in self.path.iterdir() if path.is_file())
        return (_CURVES, *(name for name in found if _UNLISTED.fullmatch(name)))

    def _state(self) -> dict[str, Any] | None:
        """Return what the state says; None if there is none."""
        path = self.path / _STATE
        if not path.exists():
            return None
        try:
            state = json.loads(path.read_text())
        except ValueError:
            state = None
        if not isinstance(state, dict) or "format" not in state:
            raise VslpError(
                f"{path} is of another program, or of another version of napari-vslp",
                mend="name another folder with --work",
                remedy="folder",
            )
        return state

    def _claim(self, own: Mapping[str, object], names: Sequence[str]) -> None:
        """Take the names of files that the training will write, unless others have them."""
        taken = [name for name in names if (self.path / name).exists()]
        if taken:
            raise VslpError(
                f"“{taken[0]}” in {self.path} was not written by a training and would be "
                "overwritten",
                mend="move it away, or name another folder with --work",
                remedy="folder",
            )
        write_whole(self.path / _STATE, json.dumps({**own, "files": names}).encode())

    def _load(self, name: str) -> dict[str, Tensor] | None:
        path = self.path / name
        if not path.exists():
            return None
        try:
            found: dict[str, Tensor] = load_file(path)
        except (OSError, SafetensorError) as error:
            raise VslpError(
                f"{path} is damaged",
                mend="delete it and give the same command again",
                remedy="delete and again",
            ) from error
        return found

    def _save(self, name: str, tensors: Mapping[str, Tensor]) -> None:
        whole = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        self._write(name, save(whole))

    def _write(self, name: str, content: bytes) -> None:
        try:
            write_whole(self.path / name, content)
        except OSError as error:
            raise VslpError(
                f"{name} could not be saved in {self.path} ({error.strerror})",
                mend="make room and give the same command again",
                remedy="room and again",
            ) from error

    def _check(self, own: Mapping[str, object]) -> None:
        there = self._state() or {}
        if there.get("format") != FORMAT:
            raise VslpError(
                f"The training in {self.path} was begun by another version of napari-vslp",
                mend="add --restart to begin anew, or go on with that version",
                remedy="restart or version",
            )
        for key, what in (
            ("cohort", "another table or other images"),
            ("recipe", "other settings"),
        ):
            if there.get(key) != own[key]:
                raise VslpError(
                    f"The training in {self.path} was begun with {what}",
                    mend="add --restart to begin anew, or name another folder with --work",
                    remedy="restart or folder",
                )


def _file_names(rounds: int) -> tuple[str, ...]:
    """Return the names of all files that a training of so many rounds writes."""
    each = ("labels-{}.safetensors", "round-{}.ckpt", "student-{}.safetensors")
    return (_CURVES, *(name.format(number) for number in range(rounds) for name in each))


def cohort_hash(cohort: Cohort) -> str:
    """Return the SHA-256 of a table with the names, sizes and shares of its images."""
    digest = hashlib.sha256(repr(cohort.tissues).encode())
    for bag in cohort.bags:
        size = bag.image.stat().st_size
        digest.update(repr((bag.image.name, size, bag.region, bag.lower, bag.upper)).encode())
    return digest.hexdigest()
