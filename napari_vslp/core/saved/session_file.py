"""A session as one ``.vslp`` file: every step with its inputs, the results, and what they rest on.

`docs/sessions.md` says what the file holds. It says who and when only if somebody typed it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.folders import check_plain, read_start
from napari_vslp.core.files.inputs_file import box_of, inputs_as_json, inputs_of_json
from napari_vslp.core.inputs import Box, Inputs, Paint
from napari_vslp.core.saved.archive import (
    MOST_BYTES,
    Array,
    ArrayOf,
    damaged,
    read_archive,
    write_archive,
)
from napari_vslp.core.saved.migrations import FORMAT, VERSION, migrated
from napari_vslp.core.saved.results import result_arrays, result_as_json, result_of_json
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.session import MOST_STEPS, History, Kept

SUFFIX = ".vslp"
# Of all maps of all results. The result shown is stored first, also if it alone is larger, up to
# what leaves room for the paint; one that is not stored is solved again from its inputs.
RESULT_BYTES = MOST_BYTES // 4
_MOST_OF_ONE = MOST_BYTES // 2
_ZIP_START = b"PK"
_MOST_SUMMARY = 512 * 2**20  # bytes; a summary of a long list of clicks and much paint has a few MB


@dataclass(frozen=True)
class Identity:
    """By what an image is known again: the hash of the pixels of a region of it.

    Attributes
    ----------
    sha256
        Empty if the pixels were never read.
    region
        Top, left, bottom, right (px); None for the whole image.
    """

    sha256: str = ""
    region: Box | None = None


@dataclass(frozen=True)
class SavedSession:
    """What a session file holds.

    Attributes
    ----------
    history
        All steps; the results of some are left out where a file should not grow too large.
    identity
        By what the image is known again.
    signed
        What somebody typed of who made it and when.
    told
        The numbers of the result of each step, None where it has none: what was asked, the hash of
        the labels, versions, the hash of the weights.
    """

    history: History
    identity: Identity = field(default_factory=Identity)
    signed: str = ""
    told: tuple[Mapping[str, Any] | None, ...] = ()

    @property
    def shown(self) -> int | None:
        """The step whose result is shown: the present one, or the last one before that has any."""
        steps = range(self.history.now, -1, -1)
        return next((i for i in steps if self.told[i] is not None), None)


def write_session(
    path: Path,
    history: History,
    identity: Identity | None = None,
    signed: str = "",
    with_results: bool = True,
) -> None:
    """Write a session file, whole or not at all.

    Parameters
    ----------
    path
        An older file is replaced.
    history
        Of `Session.history`.
    identity
        By what the image is known again; by default as the last result says.
    signed
        Who made it and when, as typed.
    with_results
        Whether the results' arrays are stored, which `RESULT_BYTES` bounds, and not their numbers
        alone.

    Raises
    ------
    OSError
        If the disk does not take it; the older file is then as it was.
    """
    arrays: dict[str, Array] = {}
    results: list[dict[str, Any]] = []
    places: dict[int, int] = {}
    known: dict[int, dict[str, Any]] = {}
    stored = _stored(history) if with_results else set()
    steps = []
    for step in history.steps:
        place = None
        if step.result is not None:
            place = places.setdefault(id(step.result), len(results))
            if place == len(results):
                results.append(_result(step.result, place, id(step.result) in stored, arrays))
        if id(step.inputs) not in known:
            known[id(step.inputs)] = _inputs(step.inputs, arrays)
        steps.append({"title": step.title, "inputs": known[id(step.inputs)], "result": place})
    identity = identity or identity_of(history)
    told = {
        "format": FORMAT,
        "version": VERSION,
        "signed": signed,
        "image": {"sha256": identity.sha256, "region": identity.region},
        "now": history.now,
        "steps": steps,
        "results": results,
    }
    write_archive(path, told, arrays)


def read_session(path: Path) -> SavedSession:
    """Read a session file of this or an earlier version, or a ``summary.json``.

    Raises
    ------
    VslpError
        If it cannot be opened, is no such file, is damaged or of a newer version.
    """
    start = read_start(path, len(_ZIP_START))
    if start != _ZIP_START:
        told, version = read_summary(path), 0
        if "inputs" not in told:
            raise VslpError(
                f"“{path}” does not hold all that was said (an earlier version wrote it): "
                "segment the image again."
            )
        array: ArrayOf = _no_array
    else:
        told, read = read_archive(path)
        array = functools.cache(read)  # many steps share one paint
        version = _version(path, told)
    try:
        return _session(migrated(told, version), array)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise damaged(path, f"{type(error).__name__}: {error}") from error


def read_summary(path: Path) -> dict[str, Any]:
    """Return the JSON object of a ``summary.json``.

    Raises
    ------
    VslpError
        If it is not there or no JSON object.
    """
    check_plain(path)
    neither = VslpError(
        f"“{path}” is no summary and no session: name the summary.json of a result, or a .vslp "
        "file."
    )
    try:
        if path.stat().st_size > _MOST_SUMMARY:
            raise neither
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise VslpError(f"“{path}” cannot be opened ({error.strerror}): check its name.") from error
    except (ValueError, RecursionError) as error:
        raise neither from error
    if not isinstance(told, dict):
        raise neither
    return told


def identity_of(history: History) -> Identity:
    """Return by what the image of a history is known, as its last result says."""
    for step in reversed(history.steps):
        result = step.result
        if result is not None and result.inputs.image.sha256:
            return Identity(result.inputs.image.sha256, result.region)
    return Identity()


def _stored(history: History) -> set[int]:
    """Return which results are stored with their arrays: those nearest to the present step."""
    now = history.now
    order = (*history.steps[now::-1], *history.steps[now + 1 :])
    stored: set[int] = set()
    held = 0
    for step in order:
        result = step.result
        if result is None or id(result) in stored:
            continue
        held += sum(values.nbytes for values in result_arrays(result).values())
        if held > (RESULT_BYTES if stored else _MOST_OF_ONE):
            break
        stored.add(id(result))
    return stored


def _result(
    result: Segmentation, place: int, stored: bool, arrays: dict[str, Array]
) -> dict[str, Any]:
    if stored:
        for name, values in result_arrays(result).items():
            arrays[f"result-{place}-{name}"] = values
    return result_as_json(result) | {"arrays": stored}


def _inputs(inputs: Inputs, arrays: dict[str, Array]) -> dict[str, Any]:
    """Return inputs as JSON, their paint as an array, which steps of the same paint share."""
    told = inputs_as_json(replace(inputs, paint=None))
    paint = inputs.paint
    if paint is not None:
        name = f"paint-{sha256(paint.codes.tobytes()).hexdigest()[:32]}"
        arrays[name] = paint.codes
        shape, box, owners = list(paint.shape), list(paint.box), list(paint.owners)
        told["paint"] = {"shape": shape, "box": box, "owners": owners, "array": name}
    return told


def _version(path: Path, told: object) -> int:
    version = told.get("version") if isinstance(told, dict) else None
    if not isinstance(told, dict) or told.get("format") != FORMAT or not isinstance(version, int):
        raise damaged(path, "it says nothing of a session")
    if not 1 <= version <= VERSION:
        raise VslpError(
            f"“{path}” is a session of version {version}, which this napari-vslp does not know: "
            "update napari-vslp."
        )
    return version


def _session(told: Mapping[str, Any], array: ArrayOf) -> SavedSession:
    results = [_read_result(one, i, array) for i, one in enumerate(told["results"])]
    steps, numbers = [], []
    for step in told["steps"]:
        place = step["result"]
        if place is not None and not 0 <= int(place) < len(results):
            raise ValueError("a result is missing")
        result = None if place is None else results[int(place)]
        numbers.append(None if place is None else told["results"][int(place)])
        steps.append(Kept(_read_inputs(step["inputs"], array), str(step["title"]), result))
    now = int(told["now"])
    if not 0 <= now < len(steps) <= 2 * MOST_STEPS:
        raise ValueError("its steps do not fit together")
    image = told["image"]
    identity = Identity(str(image["sha256"]), box_of(image["region"]))
    return SavedSession(History(tuple(steps), now), identity, str(told["signed"]), tuple(numbers))


def _read_result(told: Mapping[str, Any], place: int, array: ArrayOf) -> Segmentation | None:
    if not told["arrays"]:
        inputs_of_json(told["inputs"])  # so that a damaged one is refused now
        return None
    return result_of_json(told, lambda name: array(f"result-{place}-{name}"))


def _read_inputs(told: Mapping[str, Any], array: ArrayOf) -> Inputs:
    paint = told["paint"]
    if paint is None or "array" not in paint:
        return inputs_of_json(told)
    inputs = inputs_of_json({**told, "paint": None})
    return replace(inputs, paint=_paint(paint, array(str(paint["array"]))))


def _paint(told: Mapping[str, Any], codes: Array) -> Paint | None:
    box, owners = box_of(told["box"]), [str(owner) for owner in told["owners"]]
    height, width = (int(side) for side in told["shape"])
    inside = Paint.of(codes, owners)
    if box is None or not (0 <= box[0] <= box[2] <= height and 0 <= box[1] <= box[3] <= width):
        raise ValueError("the paint lies outside its image")
    if codes.shape != (box[2] - box[0], box[3] - box[1]):
        raise ValueError("the paint does not fit its place")
    if inside is None:
        return None
    top, left, bottom, right = inside.box
    place = (box[0] + top, box[1] + left, box[0] + bottom, box[1] + right)
    return replace(inside, shape=(height, width), box=place)


def _no_array(name: str) -> Array:
    raise LookupError(name)
