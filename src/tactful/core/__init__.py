"""Frozen values that every layer shares: numpy and the standard library only."""
