"""Sessions with everything in them, and files that were damaged on purpose."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_vslp.core.edits import EditTissue, SetClicks, SetPaint, SetRegion, SetShare
from napari_vslp.core.inputs import ImageReference, Inputs, Paint
from napari_vslp.core.segmentation import EvidenceMap, Segmentation
from napari_vslp.core.session import Session
from napari_vslp.core.tissues import Click


def busy_session(result: Segmentation) -> Session:
    """Return a session of eight steps, two of them taken back, with two results."""
    evidence = {"dark/ness": EvidenceMap(result.margin, "Dark", 0.0, 2.0)}
    table = result.tissues
    image = ImageReference(
        "Schnitt ä.png", "/weg/Schnitt ä.png", "ab" * 32, (40, 60), 0, (0.5, 0.25)
    )
    session = Session(Inputs(image, table))
    first, second = table[0].id, table[1].id
    painted = np.zeros((40, 60), np.uint8)
    painted[7:12, 20:31] = 2
    session.apply(SetClicks((Click(first, 8, 12), Click(second, 20, 40))))
    session.apply(SetRegion((5, 10, 35, 50)))
    session.take(replace(result, inputs=session.inputs, evidence=evidence), session.inputs)
    session.apply(SetPaint(Paint.of(painted, (first, second))))
    painted[30:33, 30:36] = 1
    session.apply(SetPaint(Paint.of(painted, (first, second))))
    session.apply(EditTissue(first, (("name", "Tumor „x“"), ("colour", (1, 2, 3)))))
    session.apply(SetShare(first, 0.25))
    labels = result.labels.copy()
    labels[:3] = 3
    session.take(replace(result, inputs=session.inputs, labels=labels), session.inputs)
    session.apply(SetShare(first, 0.75))
    session.apply(SetShare(second, 0.1))
    session.undo()
    session.undo()
    return session


def rewritten(source: Path, target: Path, changes: dict[str, bytes | None]) -> Path:
    """Copy a zip with members replaced, added, or (None) left out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if name not in changes:
                new.writestr(name, old.read(name))
        for name, content in changes.items():
            if content is not None:
                new.writestr(name, content)
    return target
