"""qt.parts."""
