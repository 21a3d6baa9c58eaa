"""Nothing is lost: sessions autosaved, saved, opened, and asked about before a window closes.

Read `identity` (by what an image is known again), `keeper` (what of a viewer's images is unsaved,
and its autosaves), `opening` (a file put on its image), `bar` (the row in the dock), `actions`
(what its buttons do), `closing` (the question before a window closes) and `commands` (napari's
menus and reader).
"""
