"""Which policy is meant, and what it would have done on the rows of a log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, Bool
from tactful.core.log import Log, Split
from tactful.errors import PolicyError
from tactful.policies.artifact import load
from tactful.policies.protocol import Published
from tactful.policies.table import Table, always, uniform

LOGGING = "logging"


@dataclass(frozen=True, slots=True)
class Logging:
    """The policy that wrote the log: every weight is 1."""

    version: str = LOGGING


class Side(NamedTuple):
    """A policy on the rows of a log.

    ``weight`` (n,), ``q_target`` (o, n) the mean of each outcome's reward model under the policy, and the number of
    ``unsupported`` rows, where the policy may act as logging never could. ``largest`` is the largest weight that any
    eligible action could have had, None without logged vectors.
    """

    weight: F64
    q_target: F64
    unsupported: int
    largest: float | None = None


def resolve(policy: str | Path | Published | Logging, actions: ActionSpace) -> Published | Logging:
    """A policy from its name: a folder, ``uniform``, ``logging`` or ``always:ACTION``; a policy is itself.

    Raises
    ------
    PolicyFormatError
        The folder holds no policy.
    PolicyError
        The policy has other actions than the log.
    SpecError
        ``always:`` names an unknown action.
    """
    if isinstance(policy, Logging) or policy == LOGGING:
        return Logging()
    if policy == "uniform":
        return uniform(actions)
    if isinstance(policy, str) and policy.startswith("always:"):
        return always(actions, policy.removeprefix("always:"))
    found = load(policy) if isinstance(policy, str | Path) else policy
    if found.actions.names != actions.names:
        do = f"evaluate it on a log with its actions: {', '.join(found.actions.names[:4])}, …"
        raise PolicyError("the policy has other actions than the log", "policy", do)
    return found


def empirical(log: Log) -> Table:
    """What logging did, as a table: the share of each action by node, those below it included. For display only.

    A node gets one decision's weight of its parent's shares, the root one of the uniform pmf, so that no row is empty.
    """
    s, k = len(log.segments), log.actions.k
    parents = log.segments.parents
    count = np.bincount(log.segment * k + log.action, minlength=s * k).reshape(s, k).astype(np.float64)
    for node in range(s - 1, 0, -1):
        count[parents[node]] += count[node]
    pmf = np.full((s, k), 1 / k)
    for node in range(s):
        above = pmf[max(parents[node], 0)]
        pmf[node] = (count[node] + above) / (count[node].sum() + 1)
    return Table.of(log.actions, log.segments, pmf)


def in_sample(policy: Published | Logging, log: Log) -> Bool:
    """(n,) rows that the policy was fitted on: users of its fit share, decided before ``trained_until``."""
    lineage = None if isinstance(policy, Logging) else policy.lineage
    if lineage is None:
        return np.zeros(log.n, np.bool_)
    rows = np.ones(log.n, np.bool_)
    if lineage.split_share > 0:
        rows = ~Split(lineage.split_salt, lineage.split_share).holds_out(log.user_key)[log.user]
    if lineage.trained_until is not None and log.decided_at is not None:
        rows &= log.decided_at < lineage.trained_until
    return rows
