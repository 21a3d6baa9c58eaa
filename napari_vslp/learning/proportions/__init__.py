"""learning.proportions."""
