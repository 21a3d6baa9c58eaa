"""Images as they come, read box by box as upright 8-bit RGB, with a sentence for each conversion.

Read `contract` first (what a `Raster` is, `open_raster`), then `sampled` (what all kinds share)
with `brightness`, `colour` and `orientation`; then the kinds: `array`, `picture`, and
`tiff` with `tiff_pages` (which image) and `tiff_photometry` (what its samples
mean). `pixel_size` reads µm, `tissue_mask` tells tissue from glass. docs/reading.md tells users.
"""
