"""Tissues as outlines, for viewers that draw annotations.

`polygons` walks around each region; `geojson` is QuPath's kind.
"""
