"""qt.work."""
