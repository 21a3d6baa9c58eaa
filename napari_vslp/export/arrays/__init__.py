"""Labels and maps pixel by pixel.

Read `planes` (tiles of the whole image), `images` (indexed masks, maps as TIFF), `ome_tiff`,
then `ngff` (pyramids in Zarr) and `ome_zarr`.
"""
