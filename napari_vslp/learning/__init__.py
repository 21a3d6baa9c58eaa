"""Learning what `confidence` and `energy` load, from a table of images.

Read `contract` (what a learner is, and its events), `table` and `shares` (a CSV as people write
it), `cohort` (the same, checked), then the learners, one folder each: `proportions` makes models
that tell tissues apart, `regulariser` an energy of their shapes. docs/learning.md explains both.
"""
