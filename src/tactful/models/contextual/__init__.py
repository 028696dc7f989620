"""Coefficients by segment and action."""
