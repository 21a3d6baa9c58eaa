"""Images in, results out: all that touches the disk."""
