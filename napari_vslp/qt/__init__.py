"""The window: the only room that knows Qt and napari.

Read `segment/` (the dock and its panels) and `viewer/` (an image's session bound to its layers),
then `review/` (the page “Audit”), `sessions/` (nothing is lost), `work/` (threads), `teach/` (the
dock that teaches) and `parts/` (what they are all made of). State lies in
`napari_vslp.core.session`, never here.
"""
