"""What contextual models ask of logs and options, so that the sums of shards add."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tactful.core.features import Features
from tactful.core.log import Log
from tactful.errors import LogError, PolicyError, SpecError
from tactful.models.contextual.context_rows import context_error


def features_of(logs: Sequence[Log]) -> Features:
    """Centres and scales of the context columns of some logs taken together.

    Raises
    ------
    LogError
        The logs have different columns, or a context that is not finite.
    """
    names = logs[0].context_names
    if any(log.context_names != names for log in logs):
        raise LogError("shards with other context columns", "fit", "read all shards with one spec")
    contexts = [np.zeros((log.n, len(names))) if log.context is None else log.context for log in logs]
    context = contexts[0] if len(contexts) == 1 else np.concatenate(contexts)
    try:
        return Features.of(names, context)
    except PolicyError:  # a centre that is not finite
        raise context_error(context, np.ones(len(context), np.bool_)) from None


def check_strength(strength: float | None) -> None:
    """Refuse a strength that is no positive number.

    Raises
    ------
    SpecError
        The strength is not finite and positive.
    """
    if strength is not None and not 0 < strength < float("inf"):
        raise SpecError(f"a strength of {strength}", "strength", "choose a positive number, or leave it out")


def check_mergeable(same_options: bool, same_features: bool) -> None:
    """Refuse shards whose sums do not add.

    Raises
    ------
    LogError
        The shards have different options or features.
    """
    if not same_options:
        raise LogError("shards fitted with other options", "merge", "fit all shards with one model")
    if not same_features:
        do = "fit all with the features of one: fit(log, features=first.features)"
        raise LogError("shards with other features", "merge", do)
