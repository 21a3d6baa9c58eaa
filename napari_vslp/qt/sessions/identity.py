"""By what the image of a session is known again when the session is opened."""

from __future__ import annotations

from napari_vslp.core.errors import VslpError
from napari_vslp.core.inputs import Box
from napari_vslp.core.saved.session_file import Identity, identity_of
from napari_vslp.core.session import History
from napari_vslp.qt.viewer.images import ImageBinding
from napari_vslp.qt.viewer.source import MAX_PIXELS, Source, read_source

Hashes = dict[Box | None, str]


def source_of(binding: ImageBinding) -> Source | None:
    """Return the pixels by which the image will be known again; None if they are too many."""
    region = binding.session.inputs.region
    try:
        source = read_source(binding.image, region)
    except VslpError:
        return None
    top, left, bottom, right = region or (0, 0, *source.shape)
    return source if (bottom - top) * (right - left) <= MAX_PIXELS else None


def must_read(history: History, hashes: Hashes) -> bool:
    """Return whether only the pixels tell by what the image of a history is known."""
    return not identity_of(history).sha256 and history.inputs.region not in hashes


def identified(history: History, source: Source | None, hashes: Hashes | None = None) -> Identity:
    """Return by what the image of a history is known: its last result, or else its pixels.

    Parameters
    ----------
    history
        Of `Session.history`.
    source
        From `source_of`.
    hashes
        Region → SHA-256 of its pixels, where they are looked up and kept: they are read once.

    Raises
    ------
    VslpError
        If the pixels cannot be read.
    """
    identity, region = identity_of(history), history.inputs.region
    if identity.sha256 or source is None:
        return identity
    known = {} if hashes is None else hashes
    if must_read(history, known):
        from napari_vslp.encoders.cache import content_hash
        from napari_vslp.raster.contract import open_raster

        known[region] = content_hash(open_raster(source.data).read(region))
    return Identity(known[region], region)
