"""The sliders of the tissue table: shares that sum to 100 %, in tenths of a per cent as shown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from napari_vslp.core.tissues import PALETTE, Tissue

STEPS = 1000  # a slider's full way: 100.0 %


def to_steps(value: float) -> int:
    """Return a share in [0, 1] as tenths of a per cent."""
    return round(value * STEPS)


def moved(tissues: Sequence[Tissue], index: int, value: float) -> list[Tissue]:
    """Move one slider; the others share the change, and all end on tenths of a per cent.

    What is shown is then what is asked for, and the numbers shown add up to 100.0 %.
    """
    after = share_change(tissues, index, round(value * STEPS) / STEPS)
    free = [i for i in _known(after) if i != index and not after[i].locked]
    return _snapped(after, free)


def share_change(tissues: Sequence[Tissue], index: int, value: float) -> list[Tissue]:
    """Move one slider and share the change among the unlocked others, in proportion.

    The known shares always sum to 1 afterwards, and locked or unknown ones stay as they are.

    Parameters
    ----------
    tissues
        The table before the move; its known values sum to 1, or to less with unknown ones.
    index
        Which slider is moved.
    value
        Where to, in [0, 1]; held back to what the locked ones leave free.

    Returns
    -------
    list of Tissue
        The table after the move.
    """
    others = [i for i, t in enumerate(tissues) if i != index and t.value is not None]
    free = [i for i in others if not tissues[i].locked]
    room = 1.0 - sum(tissues[i].value or 0.0 for i in others if tissues[i].locked)
    has_unknown = any(t.value is None for i, t in enumerate(tissues) if i != index)
    room = max(0.0, room)
    # Nobody can give or take: with all others locked the slider has only one place to be.
    value = min(max(value, 0.0), room) if free or has_unknown else room
    moved = list(tissues)
    moved[index] = replace(tissues[index], value=value)
    rest = room - value
    total = sum(tissues[i].value or 0.0 for i in free)
    if has_unknown and total <= rest:
        return moved
    for i in free:
        share = (tissues[i].value or 0.0) / total if total > 0 else 1 / len(free)
        moved[i] = replace(tissues[i], value=rest * share)
    return moved


def added(tissues: Sequence[Tissue], name: str = "new tissue", value: float = 0.1) -> list[Tissue]:
    """Append a tissue that takes its share from the unlocked ones."""
    used = {t.colour for t in tissues}
    colour = next((c for c in PALETTE if c not in used), PALETTE[len(tissues) % len(PALETTE)])
    fresh = free_name({t.name for t in tissues}, name)
    table = [*tissues, Tissue(fresh, 0.0, 0.05, colour)]
    room = [t for t in tissues if t.value is not None and not t.locked]
    if not tissues:
        return [replace(table[0], value=1.0)]
    return moved(table, len(tissues), value) if room else table


def removed(tissues: Sequence[Tissue], index: int) -> list[Tissue]:
    """Drop a tissue and give its share to the others, to locked ones only if none is free."""
    left = [t for i, t in enumerate(tissues) if i != index]
    return _filled(left)


def with_unknown(tissues: Sequence[Tissue], index: int, unknown: bool) -> list[Tissue]:
    """Let a tissue's share be unknown, or give it what the known ones leave."""
    table = list(tissues)
    if unknown:
        table[index] = replace(table[index], value=None)
        return table
    rest = 1.0 - sum(t.value or 0.0 for i, t in enumerate(tissues) if i != index)
    table[index] = replace(table[index], value=round(max(rest, 0.0) * STEPS) / STEPS)
    return _filled(table)


def _filled(table: list[Tissue]) -> list[Tissue]:
    """Scale the free shares so that all sum to 1, where nothing unknown takes up the slack."""
    known = _known(table)
    if not known or len(known) < len(table):
        return table
    free = [i for i in known if not table[i].locked] or known
    rest = 1.0 - sum(table[i].value or 0.0 for i in known if i not in free)
    total = sum(table[i].value or 0.0 for i in free)
    for i in free:
        part = (table[i].value or 0.0) / total if total > 0 else 1 / len(free)
        table[i] = replace(table[i], value=max(rest, 0.0) * part)
    return _snapped(table, free)


def _snapped(tissues: list[Tissue], free: Sequence[int]) -> list[Tissue]:
    """Round the free shares to tenths so that their sum stays (largest remainder)."""
    exact = {i: (tissues[i].value or 0.0) * STEPS for i in free}
    whole = {i: int(exact[i] + 1e-9) for i in free}
    missing = round(sum(exact.values())) - sum(whole.values())
    for i in sorted(free, key=lambda i: whole[i] - exact[i])[: max(missing, 0)]:
        whole[i] += 1
    for i in free:
        tissues[i] = replace(tissues[i], value=whole[i] / STEPS)
    return tissues


def _known(tissues: Sequence[Tissue]) -> list[int]:
    return [i for i, t in enumerate(tissues) if t.value is not None]


def free_name(taken: Collection[str], name: str) -> str:
    """Return the name, or the name with the first number that makes it one not taken yet."""
    known = {one.casefold() for one in taken}
    names = [name, *(f"{name} {i}" for i in range(2, len(known) + 3))]
    return next(n for n in names if n.casefold() not in known)
