"""qt.teach."""
