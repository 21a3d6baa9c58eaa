"""Looking a result over: where it is doubtful, why a pixel is what it is, what else would cost.

Read `pixels`, `regions`, `why`, `overview` (with doubt and energies) and `cost_curve` in this
order; `compare` holds two results against each other, `wording` says things in the words of a
pathologist. Nothing here knows Qt or napari.
"""
