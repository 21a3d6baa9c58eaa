"""Stage 1: from an image, tissue names and clicks to a confidence per pixel and tissue."""
