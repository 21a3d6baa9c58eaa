"""Labels and maps pixel by pixel.

Read `planes` (tiles of the whole image), `images` (indexed masks, maps as TIFF), `ome_tiff`,
`ngff` (pyramids in Zarr) with `ome_zarr`, and `dicom_seg`.
"""
