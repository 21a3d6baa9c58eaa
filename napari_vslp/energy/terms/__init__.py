"""energy.terms."""
