"""Deciding in a service: numpy and the standard library alone."""

from tactful.serving.decider import Decider
from tactful.serving.decider_config import ServingConfig
from tactful.serving.decision import Decision
from tactful.serving.timeline_entries import Live

__all__ = ["Decider", "Decision", "Live", "ServingConfig"]
