"""Deciding in a service: numpy and the standard library alone."""

from tactful.serving.config import ServingConfig
from tactful.serving.decider import Decider
from tactful.serving.decision import Decision
from tactful.serving.entries import Live

__all__ = ["Decider", "Decision", "Live", "ServingConfig"]
