"""Gaussian process over actions, pooled over segments."""
