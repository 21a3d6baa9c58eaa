"""An image read step by step, in several views and magnifications.

Read in this order: `plan` (which views, in which order), `reduction` (features become components),
`clock` (how long the rest takes), `stepwise` (the reading itself) and `unfinished` (one that was
stopped).
"""
