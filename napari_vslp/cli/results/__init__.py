"""Commands on results that are there already.

Read `replay` (segment again, and say whether the masks agree), `export` (write other formats, or a
table of many results), `report` (a page each, and an index) and `compare` (two side by side).
"""
