"""Tables of tissues that a pathologist often starts from."""

from __future__ import annotations

from napari_vslp.core.tissues import PALETTE, Tissue

_GREY = PALETTE[-1]


def _table(*rows: tuple[str, float]) -> tuple[Tissue, ...]:
    colours = [*PALETTE[: len(rows) - 1], _GREY]  # what comes last is the background
    return tuple(
        Tissue(name, value, 0.05, colour)
        for (name, value), colour in zip(rows, colours, strict=True)
    )


PRESETS: dict[str, tuple[Tissue, ...]] = {
    "Gland · other tissue · white background": _table(
        ("Gland", 0.45), ("Other tissue", 0.40), ("White background", 0.15)
    ),
    "Tumour · lymphocytes · stroma · background": _table(
        ("Tumour", 0.40), ("Lymphocytes", 0.25), ("Stroma", 0.25), ("Background", 0.10)
    ),
    "Tumour · stroma · background": _table(
        ("Tumour", 0.50), ("Stroma", 0.40), ("Background", 0.10)
    ),
}
