"""Which policy is meant: names, folders and policies become policies over the actions of a log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.log import Log
from tactful.errors import PolicyError
from tactful.policies.artifact import load
from tactful.policies.protocol import Published
from tactful.policies.table import Table, always, uniform

LOGGING = "logging"


@dataclass(frozen=True, slots=True)
class LoggingPolicy:
    """The policy that wrote the log: every importance weight is 1."""

    version: str = LOGGING


TargetPolicy = Published | LoggingPolicy
"""A policy whose value a log can be asked for."""
PolicySource = str | Path | TargetPolicy
"""A policy, the folder it was saved in, or one of ``uniform``, ``logging`` and ``always:ACTION``."""


def resolve(policy: PolicySource, actions: ActionSpace) -> TargetPolicy:
    """The policy that a name or a folder stands for; a policy stands for itself.

    Parameters
    ----------
    policy
        A policy, its folder, ``uniform``, ``logging`` or ``always:ACTION``.
    actions
        Those of the log.

    Raises
    ------
    PolicyFormatError
        The folder holds no policy.
    PolicyError
        The policy has other actions than the log.
    SpecError
        ``always:`` names an unknown action.
    """
    if isinstance(policy, LoggingPolicy) or policy == LOGGING:
        return LoggingPolicy()
    if policy == "uniform":
        return uniform(actions)
    if isinstance(policy, str) and policy.startswith("always:"):
        return always(actions, policy.removeprefix("always:"))
    published = load(policy) if isinstance(policy, str | Path) else policy
    if published.actions.names != actions.names:
        do = f"evaluate it on a log with its actions: {', '.join(published.actions.names[:4])}, …"
        raise PolicyError("the policy has other actions than the log", "policy", do)
    return published


def empirical(log: Log) -> Table:
    """What logging did, as a table policy: the share of each action by node, with the decisions of the nodes below it.

    Shares are shrunk to those of the parent node, and at the root to the uniform pmf, by the weight of one decision, so
    that no row is empty. The table is made to be looked at: it is not what logging would do for one user.
    """
    s, k = len(log.segments), log.actions.k
    parents = log.segments.parents
    count = np.bincount(log.segment * k + log.action, minlength=s * k).reshape(s, k).astype(np.float64)
    for node in range(s - 1, 0, -1):
        count[parents[node]] += count[node]
    pmf = np.full((s, k), 1 / k)
    for node in range(s):
        parent_pmf = pmf[max(parents[node], 0)]
        pmf[node] = (count[node] + parent_pmf) / (count[node].sum() + 1)
    return Table.of(log.actions, log.segments, pmf)
