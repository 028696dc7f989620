"""Deciding in a service: numpy and the standard library alone."""

from tactful.serving.decider import Decider, Decision

__all__ = ["Decider", "Decision"]
