"""napari's layers: each image's session shown on them, and what a hand does there made edits.

Read `images` (one session an image, one store a viewer), the bindings `clicks`, `paint` and
`region`, then `maps`, `lines` and `layers` (the result), `pointer` (what lies under the mouse),
`source` (pixels and places of a layer), `writers` (File › Save), `main_window` and `launch` (the
dock from outside: demo, samples, commands).
"""
