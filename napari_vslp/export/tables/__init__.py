"""Numbers in rows.

`columns` says how a table becomes CSV or a workbook; `areas` has one row a tissue or a region,
`cohort` one an image.
"""
