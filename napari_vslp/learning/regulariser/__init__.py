"""learning.regulariser."""
