"""Results that tests change: what `dataclasses.replace` would be long-winded for."""

from __future__ import annotations

from dataclasses import replace

from napari_vslp.core.segmentation import Segmentation, TermMap


def with_terms(result: Segmentation, **maps) -> Segmentation:
    """Return the result with the maps of these terms of the energy put in or replaced."""
    titles = {name: term.title for name, term in result.terms.items()} | {
        "learned": "doubt: shapes"
    }
    terms = {name: TermMap.of(one, titles.get(name, name)) for name, one in maps.items()}
    return replace(result, terms={**result.terms, **terms})


def with_pixel_size(result: Segmentation, size: tuple[float, float] | None) -> Segmentation:
    """Return the result of an image whose pixels are of this size (µm)."""
    image = replace(result.inputs.image, pixel_size_um=size)
    return replace(result, inputs=replace(result.inputs, image=image))
