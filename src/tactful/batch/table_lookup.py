"""The draw of a table policy where every action may be taken: served once a node, looked up a decision."""

from __future__ import annotations

import numpy as np

from tactful.batch.keys import MIN_THREAD_ROWS
from tactful.core.arrays import F64, I64, U32, Text
from tactful.core.draw import ONE, serve
from tactful.core.parallel import in_threads
from tactful.kernels import shares
from tactful.policies.arms import CONTROL, UNIFORM
from tactful.policies.table import Table


def draw(policy: Table, arm: Text, nodes: I64, uniform: U32) -> tuple[I64, F64]:
    """Draws from a table, bit for bit those of masking, mixing and rounding each row.

    Parameters
    ----------
    policy
        The table; every action may be taken.
    arm
        (n,) names of the arms.
    nodes
        (n,) nodes of the policy's tree.
    uniform
        (n,) uniforms of the decisions, in [0, 2**32).

    Returns
    -------
    action, propensity
        (n,) indices of the actions, and their exact probabilities.
    """
    served = [serve(row, None, policy.uniform) for row in policy.shares.tolist()]
    if policy.arms.bounds[1]:
        nodes = nodes.copy()
        for name in (CONTROL, UNIFORM):
            pmf = policy.arms.pmf(name, np.empty((1, policy.actions.k)), policy.actions)
            nodes[arm == name] = len(served)
            served.append(serve([p * ONE for p in pmf[0].tolist()]))
    table = np.array(served, np.uint64)
    action, propensity = np.empty(nodes.size, np.int64), np.empty(nodes.size)

    def work(rows: slice) -> None:
        shares.draw_rows(table, nodes[rows], uniform[rows], action[rows], propensity[rows])

    in_threads(work, nodes.size, MIN_THREAD_ROWS)
    return action, propensity
