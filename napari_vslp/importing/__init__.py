"""What others say of an image, taken into its inputs as one step that can be undone.

Read `contract` (what an importer is), `names` (whose tissue a name is), then the importers:
`geojson` reads annotations, `marks` and `shapes` make clicks, paint and a region of them, `areas`
shares; `labels` reads label images, `tables` the shares of a cohort, `results` the
result in a folder, to be compared. The list of importers is
`core.registries.IMPORTERS`.
"""
