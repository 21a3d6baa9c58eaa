"""A model measured on images with masks, beside baselines and a supervised upper bound.

`run` says what is measured and measures it: `rows` are the ways of using a network, `baselines`
need none, `samples` and `masks` are what they are measured on, `metrics` how. `summary` averages,
with bootstrap intervals, and says what limits the figures. `report` writes all of it:
`tables`, and a page from ``report.html.jinja`` with the drawings of `figures`.
"""
