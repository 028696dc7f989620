"""Durable events: what was decided, sent and seen, never lost (SQLAlchemy)."""
