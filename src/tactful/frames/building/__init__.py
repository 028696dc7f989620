"""Logs from sends and events."""
