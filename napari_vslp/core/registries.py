"""Every plug point of the package, with the built-in members of each.

A new built-in member is one line here; a member of another package is an entry point of the
group; a script or a test calls `Registry.add`. The contracts are the Protocols named beside.
"""

from __future__ import annotations

from typing import Any

from napari_vslp.core.registry import Registry

# napari_vslp.energy.penalties.Penalty
PENALTIES: Registry[Any] = Registry(
    "way to trust the shares",
    "napari_vslp.penalties",
    {
        "measured": "napari_vslp.energy.penalties:Measured",
        "interval": "napari_vslp.energy.penalties:Interval",
        "robust": "napari_vslp.energy.penalties:Robust",
        "quadratic": "napari_vslp.energy.penalties:Quadratic",
        "kl": "napari_vslp.energy.penalties:KullbackLeibler",
        "none": "napari_vslp.energy.penalties:Free",
    },
    {
        "measured": "Exactly as typed",
        "interval": "Within the ± I gave",
        "robust": "Overrule a number far off",
        "quadratic": "Near them; the image may pull",
        "kl": "Near them; keep rare tissues",
        "none": "Ignore the numbers",
    },
)

# napari_vslp.learning.contract.Learner
LEARNERS: Registry[Any] = Registry(
    "way to learn",
    "napari_vslp.learners",
    {
        "proportions": "napari_vslp.learning.proportions.learner:LEARNER",
        "regulariser": "napari_vslp.learning.regulariser.learner:LEARNER",
    },
    {"proportions": "Shares of tissues", "regulariser": "Shapes of tissues"},
)
