"""Stage 1: how likely each tissue is at each pixel.

Read `contract` (what a source of confidence is) and `compose` (how all of them speak in turn), then
the sources: `head` (with `names`, what a tissue's name means), `clusters`, `white`, `clicks`,
`contrast` (with `contrast_maps`) and `colours`. A new one is a file with a class and a line in
`napari_vslp.core.registries.SOURCES`.
"""
