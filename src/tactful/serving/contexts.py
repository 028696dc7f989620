"""The context of one decision, in the order of a contextual policy; never a NaN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.errors import PolicyError, first
from tactful.policies.protocol import Published

Context = Mapping[str, float] | Sequence[float]


class ContextError(PolicyError):
    """A context from which a policy cannot decide; the message is the reason that is logged."""


def numbers(names: Sequence[str], context: Context | None) -> list[float]:
    """The values of a context in the order of ``names``; a mapping may hold more, a sequence holds exactly these.

    Raises
    ------
    ContextError
        A value is missing, no number, NaN or infinite.

    Examples
    --------
    >>> numbers(("dose", "age"), {"age": 2, "dose": 0.5, "other": 1})
    [0.5, 2.0]
    """
    if context is None:
        context = {}
    if isinstance(context, Mapping):
        if missing := [n for n in names if context.get(n) is None]:
            raise ContextError(f"missing context: {first(missing)}")
        given: Sequence[float] = [context[n] for n in names]
    elif len(context) != len(names):
        raise ContextError(f"a context of {len(context)} numbers, the policy takes {len(names)}")
    else:
        given = context
    try:
        values = [float(v) for v in given]
    except (TypeError, ValueError):
        values = [_number(v) for v in given]
    if not all(map(isfinite, values)):
        bad = [n for n, v in zip(names, values, strict=True) if not isfinite(v)]
        raise ContextError(f"context is not finite: {first(bad)}")
    return values


def pmf_of(policy: Published, node: I64, context: Context | None) -> F64:
    """(k,) probabilities of a contextual policy for one row, at ``node`` (1,).

    Raises
    ------
    ContextError
        As :func:`numbers`.
    """
    names = policy.features.names
    try:
        given = [context[name] for name in names] if isinstance(context, Mapping) else context
        row = np.array([given if names else ()], np.float64)
        if row.size != len(names):
            numbers(names, context)
        pmf = policy.pmf(node, row)[0]
    except (KeyError, TypeError, ValueError, PolicyError):
        numbers(names, context)  # what is wrong with it is looked for only now
        raise
    return pmf


def _number(value: object) -> float:
    """NaN for what is no number, so that the reason names it."""
    return float(value) if isinstance(value, int | float) else float("nan")
