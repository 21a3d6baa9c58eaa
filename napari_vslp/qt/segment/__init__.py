"""qt.segment."""
