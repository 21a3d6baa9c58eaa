"""Further terms of the energy, beside costs, total variation and proportions.

`contract` says what a term is and which are active; `linearised` minimises with any number of
them, tangent by tangent. The first one is the learned `regulariser`, a file with a total deep
variation in it, whose network is `tdv`. A new one is a file with a class and a line in
`napari_vslp.core.registries.TERMS`.
"""
