"""What was said of an image, what came of it, and what all rooms share.

Read `tissues` and `weak_labels` (what people type), `proportions` and `sliders` (shares that sum to
one), `inputs` (all that was said), `edits`, `session` (its one owner) and `segmentation` (the
result). Then `options` and `settings` (each option described once), `registry` and `registries`
(the plug points), `errors` and `progress` (how a job speaks), `files/` (what is
written whole) and `saved/` (sessions on the disk).
"""
