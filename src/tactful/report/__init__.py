"""Figures: what a policy does, in a picture."""
