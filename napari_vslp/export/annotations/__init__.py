"""Tissues as outlines, for viewers that draw annotations.

`polygons` walks around each region and `pieces` cuts those that have holes; `geojson` is QuPath's
kind, `viewers` that of ASAP and ImageScope, `coco` and `ome_rois` say themselves what they are.
"""
