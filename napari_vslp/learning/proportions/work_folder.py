"""The folder of a training that is under way: labels, checkpoints, curves; made to be resumed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from napari_vslp.core.errors import VslpError
from napari_vslp.learning.cohort import Cohort
from napari_vslp.learning.proportions.recipe import Recipe

FORMAT = 1
_OWN = ("state.json", "curves.csv", "labels-*", "student-*", "round-*", ".*.partial")
_COLUMNS = ("round", "step", "loss", "held_out_loss", "area_error", "seconds")


class TrainingFolder:
    """A folder that a stopped training goes on from.

    Parameters
    ----------
    path : Path
        Made if missing.
    cohort, recipe
        What the training learns from and how; a folder of others is refused.
    restart : bool
        Whether to throw away what lies there.
    masks : bool
        Whether it learns from masks.

    Raises
    ------
    VslpError
        If the folder belongs to another table, recipe or version, or cannot be written.
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
            if (path / "state.json").exists() and any(path.glob("*-*")):
                self._check(own)
            else:
                write_whole(path / "state.json", json.dumps(own).encode())
        except OSError as error:
            raise VslpError(
                f"The folder {path} cannot be written ({error.strerror}): choose another --work."
            ) from error
        self._spent = max((line["seconds"] for line in self.curves()), default=0.0)

    @property
    def seconds(self) -> float:
        """Time that the training took, over all its runs up to their last checks."""
        return self._spent + time.monotonic() - self._began

    def checkpoint(self, turn: int) -> Path:
        """Return where a round's checkpoint lies."""
        return self.path / f"round-{turn}.ckpt"

    def has_labels(self, turn: int) -> bool:
        """Return whether a round's labels were made already."""
        return (self.path / f"labels-{turn}.safetensors").exists()

    def labels(self, turn: int) -> list[Tensor] | None:
        """Return the labels that a round learns from, if they were made already."""
        found = self._load(f"labels-{turn}.safetensors")
        return None if found is None else [found[name] for name in sorted(found)]

    def save_labels(self, turn: int, labels: Sequence[Tensor]) -> None:
        """Keep the labels of a round; raises `VslpError` if the disk is full."""
        named = {f"{i:07d}": one for i, one in enumerate(labels)}
        self._save(f"labels-{turn}.safetensors", named)

    def student(self, turn: int) -> dict[str, Tensor] | None:
        """Return the weights that a round ended with, if it has ended."""
        return self._load(f"student-{turn}.safetensors")

    def save_student(self, turn: int, weights: Mapping[str, Tensor]) -> None:
        """Keep the weights of a round; raises `VslpError` if the disk is full."""
        self._save(f"student-{turn}.safetensors", weights)

    def record(self, turn: int, figures: Mapping[str, float]) -> None:
        """Add a line to the curves."""
        path = self.path / "curves.csv"
        text = io.StringIO()
        writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
        if not path.exists():
            writer.writeheader()
        writer.writerow({"round": turn, "seconds": round(self.seconds, 1), **figures})
        before = path.read_bytes() if path.exists() else b""
        self._write(path.name, before + text.getvalue().encode())

    def curves(self) -> list[dict[str, float]]:
        """Return all lines of the curves; a figure that was not measured is left out."""
        path = self.path / "curves.csv"
        if not path.exists():
            return []
        with path.open(newline="") as file:
            return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]

    def remove(self) -> None:
        """Delete what a training left in its folder, and the folder unless it holds other files."""
        with suppress(OSError):
            for pattern in _OWN:
                for path in self.path.glob(pattern):
                    path.unlink()
            self.path.rmdir()

    def _load(self, name: str) -> dict[str, Tensor] | None:
        path = self.path / name
        if not path.exists():
            return None
        try:
            found: dict[str, Tensor] = load_file(path)
        except (OSError, SafetensorError) as error:
            raise VslpError(
                f"{path} is damaged: delete it and give the same command again."
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
                f"{name} could not be saved in {self.path} ({error.strerror}): make room and "
                "give the same command again."
            ) from error

    def _check(self, own: Mapping[str, object]) -> None:
        try:
            there = json.loads((self.path / "state.json").read_text())
        except ValueError:
            there = {}
        if there.get("format") != FORMAT:
            raise VslpError(
                f"The training in {self.path} was begun by another version of napari-vslp: add "
                "--restart to begin anew, or go on with that version."
            )
        for key, what in (
            ("cohort", "another table or other images"),
            ("recipe", "other settings"),
        ):
            if there.get(key) != own[key]:
                raise VslpError(
                    f"The training in {self.path} was begun with {what}: add --restart to begin "
                    "anew, or name another folder with --work."
                )


def cohort_hash(cohort: Cohort) -> str:
    """Return the SHA-256 of a table with the names, sizes and shares of its images."""
    digest = hashlib.sha256(repr(cohort.tissues).encode())
    for bag in cohort.bags:
        size = bag.image.stat().st_size
        digest.update(repr((bag.image.name, size, bag.region, bag.lower, bag.upper)).encode())
    return digest.hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
