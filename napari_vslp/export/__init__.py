"""Results as files.

`contract` says what an exporter is and `options` what can be chosen. `arrays` holds labels and maps
pixel by pixel, `annotations` outlines, `tables` numbers in rows, by `measures`; `overlay`, with its
`lettering`, is the picture to show others, `summary` says all in JSON, and `provenance` where it
comes from. `results` writes what the exporters make of one segmentation to a folder. The list of
exporters is `core.registries.EXPORTERS`: another one is a class and a line there.
"""
