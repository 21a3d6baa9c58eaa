"""``napari-vslp segment``: a file in, a folder of results out."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from napari_vslp.cli.flags import read_flags
from napari_vslp.cli.results.export import read_option_flags
from napari_vslp.cli.terminal import following, say, table
from napari_vslp.core.errors import VslpError
from napari_vslp.core.files.atomic import check_folder, unwritable
from napari_vslp.core.inputs import ImageReference, Inputs
from napari_vslp.core.registries import EXTRAS
from napari_vslp.core.segmentation import Segmentation
from napari_vslp.core.session import History, Kept
from napari_vslp.core.settings import Settings
from napari_vslp.core.tissues import (
    check_clicks,
    check_tissues,
    clicks_by_id,
    coloured,
    parse_click,
    parse_tissue,
)
from napari_vslp.importing.contract import importer_for


def run(arguments: argparse.Namespace) -> None:
    """Segment the image named, write the results and print them.

    Raises
    ------
    VslpError
        If anything typed cannot be used; whatever lay in the output folder is kept.
    """
    settings, options = settings_of(arguments), read_option_flags(arguments, arguments.write)
    tissues = coloured([parse_tissue(text) for text in arguments.tissue])
    clicks = [parse_click(text) for text in arguments.click]
    # All that can fail quickly does so before torch is imported.
    imports = getattr(arguments, "import")
    if not imports:
        check_tissues(tissues, settings.trust)

    from napari_vslp.encoders.model_names import resolve_model
    from napari_vslp.export.results import check_result_folder, write_result
    from napari_vslp.raster.contract import check_region, open_raster
    from napari_vslp.raster.pixel_size import check_pixel_size

    resolve_model(settings.encoder)
    check_pixel_size(arguments.pixel_size)
    raster = open_raster(arguments.image)
    check_region(arguments.region, raster.shape)
    said = Inputs(
        ImageReference(arguments.image.name, shape=raster.shape),
        tuple(tissues),
        clicks_by_id(clicks, tissues),
        region=arguments.region,
    )
    said = _with_imports(said, imports, arguments)
    check_tissues(said.tissues, settings.trust)
    check_clicks(said.clicks, said.tissues, raster.shape)
    region = check_region(said.region, raster.shape)
    shown = raster.read(region)
    read = [importer_for(text)[1] for text in imports]
    check_result_folder(arguments.out, arguments.write, [arguments.image, *read])
    if arguments.session is not None:
        _check_session(arguments.session)

    from napari_vslp.pipeline import segment

    with following(arguments.quiet or arguments.json) as job:
        result = segment(
            raster,
            said.tissues,
            clicks=said.clicks,
            painted=None if said.paint is None else said.paint.by_position(said.tissues),
            region=said.region,
            pixel_size_um=arguments.pixel_size or raster.pixel_size_um,
            settings=settings,
            job=job,
        )
    result = result.of_file(arguments.image)
    written = write_result(result, shown, arguments.out, arguments.write, options)
    if arguments.session is not None:
        save_session(result, arguments.session)
    tell(result, written, arguments)


def _with_imports(said: Inputs, imports: list[str], arguments: argparse.Namespace) -> Inputs:
    """Return what was typed with what the files say, one after the other."""
    for text in imports:
        importer, path = importer_for(text)
        found = importer.read(path, said)
        said = found(said)
        if not arguments.quiet:
            say(found.told)
    return said


def _check_session(path: Path) -> None:
    """Make sure that a session can be written, and that none with a longer history lies there."""
    if path.suffix != ".vslp":
        raise VslpError(f"“{path}” is no name of a session: end it with .vslp.")
    check_folder(path.parent)
    if path.exists():
        raise VslpError(f"“{path}” holds what was saved before: choose another name.")


def save_session(result: Segmentation, path: Path) -> None:
    """Write a result as a session of one step, which the window opens.

    Raises
    ------
    VslpError
        If it cannot be written.
    """
    from napari_vslp.core.saved.session_file import write_session

    try:
        write_session(path, History((Kept(result.inputs, "", result),)))
    except OSError as error:
        raise unwritable(path.parent, error) from error


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Return the settings that were typed, with the options of what other packages add."""
    extras = {
        name: read_flags(member.Options, arguments, name) for name, member in EXTRAS.added().items()
    }
    return replace(read_flags(Settings, arguments), extras=extras)


def tell(result: Segmentation, written: list[Path], arguments: argparse.Namespace) -> None:
    """Print notes to stderr, and the table or the JSON summary to stdout."""
    if arguments.json:
        from napari_vslp.export.summary import summary

        json.dump(summary(result), sys.stdout, indent=2)
        sys.stdout.write("\n")
    if arguments.quiet:
        return
    for note in result.notes:
        say(note)
    if not arguments.json:
        sys.stdout.write(f"{table(result)}\n")
        names = ", ".join(path.name for path in written)
        sys.stdout.write(f"Written to {written[0].parent}: {names}\n")
