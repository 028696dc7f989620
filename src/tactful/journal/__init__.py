"""Durable events: what was decided, sent and seen, never lost (SQLAlchemy)."""

from tactful import _faces

_faces.show(
    __name__,
    {
        "journal.event": ["Event", "erased_name"],
        "journal.journal": ["Journal", "Stored"],
        "journal.writer": ["Ack"],
    },
)
