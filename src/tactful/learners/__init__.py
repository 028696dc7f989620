"""Learning policies replayed on a log."""
