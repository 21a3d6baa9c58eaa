"""Labels and maps pixel by pixel.

Read `planes` (tiles of the whole image), `images` (indexed masks, maps as TIFF), then `ome_tiff`.
"""
