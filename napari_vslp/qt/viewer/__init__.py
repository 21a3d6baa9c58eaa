"""qt.viewer."""
