"""The draw of many decisions at once, with exact propensities."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.batch import table_lookup
from tactful.batch.keys import arms_of, uniforms
from tactful.batch.pmf import pmf_of
from tactful.batch.served import ROW_BLOCK, serve
from tactful.core.arrays import F64, I64, U64, Bool, Text
from tactful.core.draw import draw_key
from tactful.kernels import shares
from tactful.policies.arms import CONTROL, UNIFORM
from tactful.policies.protocol import Published
from tactful.policies.table import Table


class Decisions(NamedTuple):
    """n decisions.

    Examples
    --------
    >>> Decisions(np.array(["policy"], object), np.array([1]), np.array([0.5]), None).propensity.tolist()
    [0.5]
    """

    arm: Text
    """(n,) names of the arms."""
    action: I64
    """(n,) indices of the actions drawn."""
    propensity: F64
    """(n,) exact probabilities of these actions."""
    shares: U64 | None
    """(n, k) what was drawn from, as integers that sum to 2**32; None where it was not asked for."""


def decide(
    policy: Published,
    user_key: U64,
    period: I64,
    nodes: I64,
    eligible: Bool | None = None,
    *,
    context: F64 | None = None,
    vectors: bool = False,
) -> Decisions:
    """Decisions of many users, bit for bit those of ``Decider.decide``; memory O(block · k) unless ``vectors``.

    Parameters
    ----------
    policy
        A table or a contextual policy.
    user_key
        (n,) keys of the users, as ``core.draw.user_keys`` gives them.
    period
        (n,) indices of the periods.
    nodes
        (n,) of the policy's segment tree.
    eligible
        (n, k) which actions may be taken; None means all.
    context
        (n, d) raw contexts in the order of the policy's features; not for tables.
    vectors
        Keep the shares of every action.

    Returns
    -------
    Decisions
        One for every row.

    Raises
    ------
    PolicyError
        A row has no eligible action or no whole context, or the policy must not decide a period.

    Examples
    --------
    >>> from tactful.core.actions import ActionSpace
    >>> from tactful.core.draw import user_keys
    >>> from tactful.policies.table import uniform
    >>> policy = uniform(ActionSpace.named(["none", "push"]))
    >>> drawn = decide(policy, user_keys(["ada", "bob"]), np.array([7, 7]), np.array([0, 0]))
    >>> drawn.arm.tolist(), drawn.propensity.tolist()
    (['policy', 'policy'], [0.5, 0.5])
    """
    n = user_key.size
    if n:
        policy.check_period(int(period.min()), int(period.max()))
    arm = arms_of(policy.arms, user_key)
    uniform = uniforms(user_key, period, draw_key(policy.salt, policy.scope))
    if eligible is None and not vectors and isinstance(policy, Table):
        return Decisions(arm, *table_lookup.draw(policy, arm, nodes, uniform), None)
    action, propensity = np.empty(n, np.int64), np.empty(n)
    blocks: list[U64] = []
    for start in range(0, n, ROW_BLOCK):
        rows = slice(start, start + ROW_BLOCK)
        mask = None if eligible is None else eligible[rows]
        block = _shares(policy, arm[rows], nodes[rows], mask, None if context is None else context[rows])
        shares.draw(block, uniform[rows], action[rows], propensity[rows])
        if vectors:
            blocks.append(block)
    return Decisions(arm, action, propensity, np.concatenate(blocks) if blocks else None)


def _shares(policy: Published, arm: Text, nodes: I64, eligible: Bool | None, context: F64 | None) -> U64:
    """(n, k) what is drawn from, with the rows of other arms replaced by theirs."""
    block = serve(pmf_of(policy, nodes, context), eligible, policy.uniform)
    for name in (CONTROL, UNIFORM):
        rows = np.flatnonzero(arm == name)
        if rows.size:
            pmf = policy.arms.pmf(name, np.empty((rows.size, policy.actions.k)), policy.actions)
            block[rows] = serve(pmf, None if eligible is None else eligible[rows], 0.0)
    return block
