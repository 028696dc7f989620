from tactful.journal.event import Event, erased_name
from tactful.journal.journal import Journal, Stored
from tactful.journal.writer import Ack

__all__ = ["Ack", "Event", "Journal", "Stored", "erased_name"]
