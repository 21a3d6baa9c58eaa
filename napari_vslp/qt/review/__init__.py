"""qt.review."""
