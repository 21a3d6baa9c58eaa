"""energy.engines."""
