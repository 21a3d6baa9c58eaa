"""Results as files.

`contract` says what an exporter is; `images`, `overlay` and `summary` hold those of every result,
`geojson` (outlines by `polygons`), `tables` (numbers by `measures`) and `ome_tiff` the others,
with `options`, `lettering` and `provenance` to serve them; `results` writes what the exporters
make of one segmentation to a folder. The list of exporters is `core.registries.EXPORTERS`: another
one is a class and a line there.
"""
