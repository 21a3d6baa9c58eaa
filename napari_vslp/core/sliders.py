"""The numbers of the tissue table: what is typed stays, what nobody typed makes up the rest.

Numbers are shown in tenths of a per cent, or in hundredths where such were typed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from napari_vslp.core.tissues import PALETTE, Tissue

STEPS = 1000  # a slider's full way: 100.0 %
_FINEST = 10 * STEPS


def to_steps(value: float) -> int:
    """Return a share in [0, 1] as tenths of a per cent."""
    return round(value * STEPS)


def moved(tissues: Sequence[Tissue], index: int, value: float) -> list[Tissue]:
    """Move one slider; the others share the change, and all end on tenths of a per cent.

    What is shown is then what is asked for. The numbers shown add up to 100.0 % as long as there
    is one that nobody typed and nobody locked.
    """
    after = share_change(tissues, index, round(value * STEPS) / STEPS)
    return _snapped(after, _giving(after, but=index))


def share_change(tissues: Sequence[Tissue], index: int, value: float) -> list[Tissue]:
    """Move one slider and share the change among the others that may give way, in proportion.

    Typed, locked and unknown ones stay as they are.

    Parameters
    ----------
    tissues
        The table before the move.
    index
        Which slider is moved.
    value
        Where to, in [0, 1]; held back to what the locked ones leave free.

    Returns
    -------
    list of Tissue
        The table after the move.
    """
    others = [t for i, t in enumerate(tissues) if i != index]
    room = max(0.0, 1.0 - sum(t.value or 0.0 for t in others if t.locked))
    # Nobody can give or take: with all others locked the slider has only one place to be.
    value = min(max(value, 0.0), room) if not all(_held(t) for t in others) else room
    after = list(tissues)
    after[index] = replace(tissues[index], value=value)
    return _filled(after, _giving(after, but=index))


def typed(tissues: Sequence[Tissue], index: int, value: float) -> list[Tissue]:
    """Set one share as it was typed, in [0, 1]; those that nobody typed make up the rest.

    Where none is left to give way, the shares do not add up to 100 % (`surplus`).
    """
    table = list(tissues)
    table[index] = replace(table[index], value=round(value * _FINEST) / _FINEST, typed=True)
    free = _giving(table, but=index)
    return _snapped(_filled(table, free), free)


def surplus(tissues: Sequence[Tissue]) -> float:
    """Return by how much the known shares exceed 1; negative if some is missing.

    An unknown share takes what the others leave: beside one nothing is missing.
    """
    known = [t.value for t in tissues if t.value is not None]
    over = round(sum(known) - 1.0, 9)
    return over if len(known) == len(tissues) and known else max(over, 0.0)


def scaled(tissues: Sequence[Tissue]) -> list[Tissue]:
    """Scale the unlocked shares so that all add up to 1; all of them if locked ones exceed it."""
    table = list(tissues)
    if surplus(table) == 0:
        return table
    free = [i for i in _known(table) if not table[i].locked]
    if not free or sum(table[i].value or 0.0 for i in _known(table) if i not in free) > 1:
        free = _known(table)
    return _snapped(_filled(table, free), free)


def added(tissues: Sequence[Tissue], name: str = "new tissue", value: float = 0.1) -> list[Tissue]:
    """Append a tissue that takes its share from those that may give way, or what is missing."""
    used = {t.colour for t in tissues}
    colour = next((c for c in PALETTE if c not in used), PALETTE[len(tissues) % len(PALETTE)])
    fresh = free_name({t.name for t in tissues}, name)
    table = [*tissues, Tissue(fresh, 0.0, 0.05, colour)]
    if not tissues:
        return [replace(table[0], value=1.0)]
    if _giving(table, but=len(tissues)):
        return moved(table, len(tissues), value)
    table[-1] = replace(table[-1], value=max(-surplus(table), 0.0))
    return table


def removed(tissues: Sequence[Tissue], index: int) -> list[Tissue]:
    """Drop a tissue and give its share to the others, to locked ones only if all are locked."""
    left = [t for i, t in enumerate(tissues) if i != index]
    free = _giving(left)
    if all(_held(t) for t in left):
        free = [i for i in _known(left) if not left[i].typed]
    return _snapped(_filled(left, free), free)


def with_unknown(tissues: Sequence[Tissue], index: int, unknown: bool) -> list[Tissue]:
    """Let a tissue's share be unknown, or known again: as it was before, or else the rest."""
    table = list(tissues)
    now = table[index]
    if unknown:
        table[index] = replace(now, value=None, remembered=now.value)
        return table
    rest = 1.0 - sum(t.value or 0.0 for i, t in enumerate(tissues) if i != index)
    value = max(rest, 0.0) if now.remembered is None else now.remembered
    table[index] = replace(now, value=round(value * _FINEST) / _FINEST, remembered=None)
    free = _giving(table, but=index)
    return _snapped(_filled(table, free), free)


def _filled(table: list[Tissue], free: Sequence[int]) -> list[Tissue]:
    """Scale the free shares to what the others leave; beside an unknown one only downwards."""
    fixed = sum(t.value or 0.0 for i, t in enumerate(table) if i not in free)
    rest = max(0.0, 1.0 - fixed)
    total = sum(table[i].value or 0.0 for i in free)
    if len(_known(table)) < len(table) and total <= rest:
        return table
    for i in free:
        part = (table[i].value or 0.0) / total if total > 0 else 1 / len(free)
        table[i] = replace(table[i], value=rest * part)
    return table


def _snapped(tissues: list[Tissue], free: Sequence[int]) -> list[Tissue]:
    """Round the free shares to tenths so that their sum stays (largest remainder)."""
    fixed = [t.value or 0.0 for i, t in enumerate(tissues) if i not in free]
    unit = STEPS if all(abs(v * STEPS - round(v * STEPS)) < 1e-6 for v in fixed) else _FINEST
    exact = {i: (tissues[i].value or 0.0) * unit for i in free}
    whole = {i: int(exact[i] + 1e-9) for i in free}
    missing = round(sum(exact.values())) - sum(whole.values())
    for i in sorted(free, key=lambda i: whole[i] - exact[i])[: max(missing, 0)]:
        whole[i] += 1
    for i in free:
        tissues[i] = replace(tissues[i], value=whole[i] / unit)
    return tissues


def _known(tissues: Sequence[Tissue]) -> list[int]:
    return [i for i, t in enumerate(tissues) if t.value is not None]


def _held(tissue: Tissue) -> bool:
    return tissue.value is not None and tissue.locked


def _giving(tissues: Sequence[Tissue], but: int = -1) -> list[int]:
    """Return the places of the shares that give way: known, neither typed nor locked."""
    known = _known(tissues)
    return [i for i in known if i != but and not tissues[i].typed and not tissues[i].locked]


def free_name(taken: Collection[str], name: str) -> str:
    """Return the name, or the name with the first number that makes it one not taken yet."""
    known = {one.casefold() for one in taken}
    names = [name, *(f"{name} {i}" for i in range(2, len(known) + 3))]
    return next(n for n in names if n.casefold() not in known)
