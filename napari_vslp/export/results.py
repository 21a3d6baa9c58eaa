"""A folder of results: what the exporters write of one segmentation, all of it or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.placing import placing
from napari_vslp.core.files.result_folder import check_results, writing_results
from napari_vslp.core.registries import EXPORTERS
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.export.contract import RGB, Exporter

KIND = "segmentation"


def write_result(
    result: Segmentation,
    image: RGB,
    folder: str | Path,
    write: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Write all files of a result, or none of them.

    Parameters
    ----------
    result
        What `napari_vslp.segment` returned.
    image
        (h, w, 3) uint8, the region that was segmented.
    folder
        Is made if it does not exist; an earlier result in it is replaced as a whole.
    write
        Names of exporters; None for those that are written by default.
    options
        Exporter → an instance of its `Options`, if not the default ones.

    Returns
    -------
    list of Path
        The files, by default ``mask.tif``, ``mask.png``, ``overlay.png``, a map for each term of
        the energy, such as ``fidelity.tif``, and ``summary.json``. docs/cli.md says what they hold.

    Raises
    ------
    VslpError
        If the image is not the one segmented, there is no such exporter, the folder cannot be
        written, or a file in it that is no result of napari-vslp would be replaced.
    """
    if image.shape != (*result.labels.shape, 3):
        raise VslpError("The image to draw on is not the one that was segmented.")
    if not str(folder).strip():
        raise VslpError("The folder to write to has no name: name one, or “.” for the current one.")
    folder, chosen = Path(folder), _chosen(write)
    with writing_results(folder, KIND) as stage:
        for exporter in chosen:
            path = stage / exporter.files()[0] if exporter.suffixes else stage
            given = (options or {}).get(exporter.name) or exporter.Options()
            exporter.write(result, image, path, given)
        names = sorted(path.name for path in stage.iterdir())
    return [folder / name for name in names]


def write_file(
    name: str,
    result: Segmentation,
    image: RGB,
    path: Path,
    options: Any = None,  # noqa: ANN401 - of the exporter's own class
) -> list[Path]:
    """Write what one exporter makes to a place of its own, whole or not at all.

    Parameters
    ----------
    name
        Of an exporter that writes one file, or one folder such as an OME-Zarr.
    result, image
        As for `write_result`.
    path
        Where to; a file there is replaced, and a folder if napari-vslp wrote it.
    options
        Of the exporter; None for the default ones.

    Returns
    -------
    list of Path
        The file or folder.

    Raises
    ------
    VslpError
        If there is no such exporter, it writes several files, its place cannot be written, or the
        image that was segmented lies there.
    """
    read = result.inputs.image.path
    if read and path.exists() and Path(read).exists() and path.samefile(read):
        raise VslpError(f"“{path}” is the image that was segmented: choose another name.")
    exporter = EXPORTERS.get(name)
    if not exporter.suffixes:
        raise VslpError(f"{name} writes several files: name a folder for them (--out).")
    with placing(path) as made:
        exporter.write(result, image, made, options or exporter.Options())
    return [path]


def exporter_of(path: Path) -> str:
    """Return the exporter that writes a file of this name.

    It is the one whose own name the file's name ends in, as ``case7-coco.json`` does; else the
    first one with the longest fitting suffix.

    Raises
    ------
    VslpError
        If no exporter writes such files.
    """
    wanted = path.name.lower()
    full = [name for name in EXPORTERS.names() if wanted.endswith(name)]
    if full:
        return max(full, key=len)
    fitting: dict[str, int] = {
        exporter.name: max(map(len, suffixes))
        for exporter in EXPORTERS
        if (suffixes := [one for one in exporter.suffixes if wanted.endswith(one)])
    }
    if not fitting:
        known = ", ".join(EXPORTERS.names())
        raise VslpError(f"There is no kind of output for “{path.name}”: choose one of {known}.")
    return max(fitting, key=lambda name: fitting[name])


def check_result_folder(
    folder: Path, write: Sequence[str] | None = None, inputs: Sequence[Path] = ()
) -> None:
    """Make sure that a result can be written to a folder, before any work is put into it.

    Parameters
    ----------
    folder, write
        As for `write_result`.
    inputs
        Files that are read, and so may not be replaced.

    Raises
    ------
    VslpError
        As `write_result`.
    """
    names = [name for exporter in _chosen(write) for name in exporter.files()]
    check_results(folder, KIND, names, inputs)


def _chosen(write: Sequence[str] | None) -> list[Exporter]:
    if write is None:
        return [exporter for exporter in EXPORTERS if exporter.default]
    return [EXPORTERS.get(name) for name in dict.fromkeys(write)]
