"""The batch form of serving: masks, mixing, rounding and the draw, for evaluation and for batch decisions alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.batch import table_lookup as tabled
from tactful.batch.keys import arms_of, uniforms
from tactful.batch.pmf import pmf_of
from tactful.core.arrays import F64, I64, U64, Bool, Text
from tactful.core.draw import draw_key
from tactful.errors import PolicyError
from tactful.kernels import shares
from tactful.policies.arms import CONTROL, UNIFORM
from tactful.policies.protocol import Published
from tactful.policies.table import Table

BLOCK = 1 << 16


class Decisions(NamedTuple):
    """n decisions.

    ``arm`` (n,) names, ``action`` (n,) indices, exact ``propensity`` (n,), and ``shares`` (n, k), integers of 2**32,
    where they were asked for.
    """

    arm: Text
    action: I64
    propensity: F64
    shares: U64 | None


def served(pmf: F64, eligible: Bool | None, uniform: float) -> U64:
    """(n, k) integers of 2**32 that are drawn from: the pmf masked, mixed and rounded as ``core.draw.serve`` does.

    Raises
    ------
    PolicyError
        A row has no eligible action, or the mask has another shape than the pmf.
    """
    n, k = pmf.shape
    if eligible is None:
        eligible = np.ones((1, k), np.bool_)
    elif eligible.shape != pmf.shape:
        raise PolicyError(f"a mask of shape {eligible.shape}", "eligible", f"give {n:,} rows of {k} booleans")
    elif not eligible.any(1).all():
        rows = np.flatnonzero(~eligible.any(1))
        raise PolicyError(f"{rows.size} rows have no eligible action", "eligible", "leave them out or allow one")
    elif n == 1:
        pmf, eligible = np.repeat(pmf, 2, 0), np.repeat(eligible, 2, 0)  # one row of a mask means all rows
    out = np.empty(pmf.shape, np.uint64)
    shares.serve(np.ascontiguousarray(pmf), np.ascontiguousarray(eligible), uniform, out)
    return out[:n]


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
    user_key, period, nodes
        (n,) keys of the users, periods, and nodes of the policy's segment tree.
    eligible
        (n, k) or None.
    context
        (n, d) raw contexts in the order of the policy's features; not for tables.
    vectors
        Keep the shares of every action.

    Raises
    ------
    PolicyError
        A row has no eligible action or no whole context, or the policy must not decide a period.
    """
    n = user_key.size
    if n:
        policy.check_period(int(period.min()), int(period.max()))
    arm = arms_of(policy.arms, user_key)
    uniform = uniforms(user_key, period, draw_key(policy.salt, policy.scope))
    if eligible is None and not vectors and isinstance(policy, Table):
        return Decisions(arm, *tabled.draw(policy, arm, nodes, uniform), None)
    action, propensity = np.empty(n, np.int64), np.empty(n)
    kept: list[U64] = []
    for start in range(0, n, BLOCK):
        rows = slice(start, start + BLOCK)
        may = None if eligible is None else eligible[rows]
        block = _block(policy, arm[rows], nodes[rows], may, None if context is None else context[rows])
        shares.draw(block, uniform[rows], action[rows], propensity[rows])
        if vectors:
            kept.append(block)
    return Decisions(arm, action, propensity, np.concatenate(kept) if kept else None)


def _block(policy: Published, arm: Text, nodes: I64, eligible: Bool | None, context: F64 | None) -> U64:
    out = served(pmf_of(policy, nodes, context), eligible, policy.uniform)
    for name in (CONTROL, UNIFORM):
        rows = np.flatnonzero(arm == name)
        if rows.size:
            pmf = policy.arms.pmf(name, np.empty((rows.size, policy.actions.k)), policy.actions)
            out[rows] = served(pmf, None if eligible is None else eligible[rows], 0.0)
    return out
