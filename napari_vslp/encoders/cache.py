"""Embeddings of images, kept on disk so that none is computed twice.

The files hold data derived from patients' images. They stay on this computer: nothing here sends
them anywhere. Only their owner may read them (files of mode 0600 in a folder of mode 0700, where
the system knows such modes); ``napari-vslp cache --clear`` removes them, ``VSLP_CACHE=off`` or
`Settings.cache` keeps any from being written. They go by a hash of the pixels, not by a file's name
or a patient's.

The folder is ``features`` in the user's cache folder, or in the one that VSLP_CACHE names.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import platformdirs
from numpy.typing import NDArray

from napari_vslp.core.errors import Cancelled
from napari_vslp.core.files.folders import user_folder
from napari_vslp.core.progress import Job, Progress
from napari_vslp.encoders.reading.unfinished import Unfinished

if TYPE_CHECKING:
    from napari_vslp.encoders.cache_files import EmbeddingCache
    from napari_vslp.encoders.embedding import ImageEmbedding
    from napari_vslp.encoders.encoder import Encoder

# To be raised when embeddings are computed or stored otherwise than before.
VERSION: Final = 3


def cache_folder() -> Path | None:
    """Return the folder of the cache, which may not be there yet; None if it is switched off."""
    if os.environ.get("VSLP_CACHE", "").strip().casefold() == "off":
        return None
    usual = platformdirs.user_cache_path("napari-vslp", appauthor=False)
    return user_folder("VSLP_CACHE", usual) / "features"


def user_cache() -> EmbeddingCache | None:
    """Return the user's cache; None if it is switched off."""
    folder = cache_folder()
    if folder is None:
        return None
    from napari_vslp.encoders.cache_files import EmbeddingCache

    return EmbeddingCache(folder)


def content_hash(pixels: NDArray[Any]) -> str:
    """Return the SHA-256 of an array's shape, type and values, and so tell images apart.

    12 MB (2048 × 2048 px of RGB) take 7 ms, in which other threads go on; BLAKE2b takes 10 ms.

    Parameters
    ----------
    pixels : ndarray
        Any shape and type but objects.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype.str}".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def embedding_key(
    image: NDArray[np.uint8], encoder: Encoder, augmentation: bool = True, seed: int = 0
) -> str:
    """Return a hash of all that an embedding depends on.

    Parameters
    ----------
    image, encoder, augmentation, seed
        As in `embedding.compute_embedding`.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    from napari_vslp.encoders.reading.plan import plan_key

    parts = {
        "version": VERSION,
        "packages": [_version_of(name) for name in ("napari-vslp", "torch", "timm")],
        "image": content_hash(image),
        "weights": encoder.weights_hash,
        # A file of timm's fits several architectures, which only the name tells apart.
        "name": "" if encoder.tissues else encoder.name,
        "tissues": encoder.tissues,
        "scale": [float(x) for x in (*encoder.mean, *encoder.std)],
        "tiles": (encoder.tile, encoder.multiple),
        # A graphics card rounds otherwise than the processor.
        "device": encoder.device.type,
        "plan": plan_key(augmentation, head=bool(encoder.tissues)),
        "precision": "float32",
        "seed": seed,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def embed_image(
    image: NDArray[np.uint8],
    encoder: Encoder,
    augmentation: bool = True,
    *,
    job: Job | None = None,
    seed: int = 0,
    cache: bool = True,
    unfinished: Unfinished | None = None,
    on_step: Callable[[ImageEmbedding], None] | None = None,
) -> ImageEmbedding:
    """Return the embedding of an image, from the cache if it was computed before.

    Parameters
    ----------
    image, encoder, augmentation, job, seed
        As in `embedding.compute_embedding`.
    cache : bool
        Whether to look into the cache and to write into it.
    unfinished
        Where a reading of this image may lie that was stopped, and where this one will.
    on_step
        As in `embedding.finish`.

    Returns
    -------
    ImageEmbedding
        The same numbers with the cache as without.

    Raises
    ------
    Cancelled
        If the job is told to stop.
    VslpError
        If even the processor's memory is too small.
    """
    from napari_vslp.encoders.embedding import Reader, finish

    job, kept = job or Job(), unfinished or Unfinished()
    files = user_cache() if cache else None
    key = embedding_key(image, encoder, augmentation, seed)
    found = files.get(key) if files is not None else None
    if found is not None:
        job.check()
        job.report(Progress("Reading the tissue", 1.0))
        return found
    reader = kept.reader(key, lambda: Reader(image, encoder, augmentation, seed))
    reader.image = image  # the same pixels; the array of the stopped reading may be edited by now
    try:
        found = finish(reader, job, on_step)
    except Cancelled:
        raise  # what was read waits
    except BaseException:
        kept.forget()  # a reader that failed has tried all its ways: the next one begins anew
        raise
    kept.forget()
    # With notes it was read otherwise than the key says: in smaller tiles, or on the processor.
    # And whoever shares the pixels may have edited them meanwhile.
    if files is None or found.notes or embedding_key(image, encoder, augmentation, seed) != key:
        return found
    trouble = files.put(key, found)
    if trouble:
        job.say(trouble)
    return found
