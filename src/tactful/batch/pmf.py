"""Pmfs of many rows at once, whatever the form of the policy, and the contexts that they need."""

from __future__ import annotations

import numpy as np

from tactful.core.arrays import F64, I64
from tactful.core.log import Log
from tactful.core.parallel import in_threads
from tactful.errors import PolicyError, first
from tactful.kernels import gauss as kernels
from tactful.policies import gauss
from tactful.policies.contextual import Contextual
from tactful.policies.exploration_rules import sharpened
from tactful.policies.linear_score import LinearScore
from tactful.policies.protocol import Policy, Published

MIN_KERNEL_ROWS = 8  # fewer are not worth a kernel
MIN_THREAD_ROWS = 1 << 11  # integrals that are worth a thread


def pmf_of(policy: Policy, nodes: I64, context: F64 | None = None) -> F64:
    """(n, k) probabilities before mask and mix: ``policy.pmf``, by kernels where that is faster.

    The same to 1e-12, and the same bits where no integral is involved. Nothing depends on the order of rows, on their
    neighbours or on the number of threads.

    Parameters
    ----------
    policy
        Any policy.
    nodes
        (n,) nodes of its segment tree.
    context
        (n, d) raw contexts in the order of its features; None for a table.

    Raises
    ------
    PolicyError
        A contextual policy without contexts, or with values that are not finite.

    Examples
    --------
    >>> from tactful.core.actions import ActionSpace
    >>> from tactful.policies.table import always
    >>> pmf_of(always(ActionSpace.named(["none", "push"]), "push"), np.array([0, 0])).tolist()
    [[0.0, 1.0], [0.0, 1.0]]
    """
    if not isinstance(policy, Contextual) or nodes.size < MIN_KERNEL_ROWS:
        return policy.pmf(nodes, context)
    design = policy.design(context)
    if not isinstance(policy.score, LinearScore) or not policy.score.rule.samples:
        return policy.within(nodes, design, policy.score.pmf(nodes, design))
    won = best(*policy.score.moments(nodes, design))
    return policy.within(nodes, design, sharpened(won, policy.score.rule.parameter))


def best(mean: F64, sd: F64) -> F64:
    """(n, k) the probability of each of N(mean, sd²), in rows, to be the largest: ``policies.gauss.best``."""
    out = np.empty(mean.shape)
    mean, sd = np.ascontiguousarray(mean), np.ascontiguousarray(sd)

    def work(rows: slice) -> None:
        kernels.best(mean[rows], sd[rows], kernels.TABLE, out[rows])

    in_threads(work, len(out), MIN_THREAD_ROWS)
    for row in np.flatnonzero(out[:, 0] < 0):
        out[row] = gauss.best(mean[row], sd[row])
    return out


def context_of(policy: Published, log: Log, rows: I64 | slice = slice(None)) -> F64 | None:
    """(m, d) the columns of a log's context that a policy looks at, by name; None for a table.

    Raises
    ------
    PolicyError
        The log lacks one of them, or has a value that is not finite on these rows.
    """
    names = policy.features.names
    if not names:
        return None
    if missing := [name for name in names if name not in log.context_names]:
        do = "log it, and name it in [columns] context"
        raise PolicyError(f"the log has no context {first(missing)}, and the policy depends on it", "policy", do)
    assert log.context is not None  # noqa: S101 - it has names
    context = log.context[rows]
    if names != log.context_names:
        context = context[:, [log.context_names.index(name) for name in names]]
    if not np.isfinite(context).all():
        unusable = np.flatnonzero(~np.isfinite(context).all(1))
        what = f"not finite in {unusable.size:,} rows (row {first(unusable + 1)})"
        raise PolicyError(what, f"context {', '.join(names)}", "fill it, as in COALESCE(x, 0)")
    return context
