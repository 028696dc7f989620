"""The HTTP service: a decider, a journal and a watcher behind FastAPI."""
