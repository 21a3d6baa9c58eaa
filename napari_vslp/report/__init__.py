"""A result as one page to read and file away, and an index of the pages of a cohort.

Read `content` (what stands on the page), `pictures` and `drawn` (both together), then how it is
written: `page` as HTML, `pdf` on a `sheet` as PDF. `exporters` puts both on the registry of
exporters, `cohort` writes the pages of many results with an index. `difference` draws where two
results differ.
"""
