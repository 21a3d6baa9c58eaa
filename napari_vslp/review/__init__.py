"""Looking a result over: where it is doubtful, why a pixel is what it is, what else would cost.

Read `doubt`, `pixels`, `regions`, `why`, `histogram`, `overview` and `cost_curve`, in this order.
Nothing here knows Qt or napari.
"""
