"""Separate conjugate cells, whose priors come from the parent segment."""
