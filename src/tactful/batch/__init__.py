"""Served pmfs and decisions of many rows."""
