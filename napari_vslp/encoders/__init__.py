"""Stage 1's networks: an image's features and head probabilities, computed once and kept on disk.

Read in this order: `network` and `timm_network` (the networks), `fused` (the bundled one made
quicker), `weights` (their file format), `encoder` (a network on a device, loaded by name),
`tiling` (how a large image is cut), `reading` (how it is read step by step), `embedding` (the
result), `cache` and `cache_files` (where it is kept), and `model_names` and `library` (the user's
own models). `devices` picks where all of it runs.
"""
