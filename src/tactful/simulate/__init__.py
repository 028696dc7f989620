"""Worlds with known truth, for demonstrations, tests and studies."""
