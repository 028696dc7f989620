"""Conjugate cells."""
