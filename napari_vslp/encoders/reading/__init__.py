"""An image read step by step, in several views and magnifications.

Read in this order: `plan` (which views, in which order), `reduction` (features become components),
`clock` (how long the rest takes) and `stepwise` (the reading itself).
"""
