"""Tests of the evaluation, and how it is typed."""

SIDE = 96


def typed(folder, *more):
    """Return the arguments that measure the bundled network on a cohort."""
    table, masks = str(folder / "table.csv"), str(folder / "masks")
    return ["evaluate", "bundled", table, "--masks", masks, *more]
