"""Learning a segmenter from the proportions of tissues alone."""
