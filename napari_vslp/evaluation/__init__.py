"""Measuring a model on images with masks, beside floors that need no model and a ceiling."""
