"""The learner of regularisers: what shapes tissues have, from hidden blocks of images.

Read `learner` (options; tune, train, test, write), `train` (hidden-block training of a TDV
network), then `gate` (whether it guesses hidden blocks of other images better than smoothness).
"""
