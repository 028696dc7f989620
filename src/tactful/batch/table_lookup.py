"""The draw of a table policy where every action may be taken: served once a node, looked up a decision."""

from __future__ import annotations

import numpy as np

from tactful.batch.keys import LEAST
from tactful.core.arrays import F64, I64, U32, Text
from tactful.core.draw import serve
from tactful.core.parallel import in_threads
from tactful.kernels import shares
from tactful.policies.arms import CONTROL, UNIFORM
from tactful.policies.table import Table


def draw(policy: Table, arm: Text, nodes: I64, uniform: U32) -> tuple[I64, F64]:
    """(n,) actions and their exact propensities, bit for bit those of masking, mixing and rounding each row.

    ``arm`` (n,) names, ``nodes`` (n,) of the policy's tree, ``uniform`` (n,) the uniforms of the decisions.
    """
    served = [serve(row, None, policy.uniform) for row in policy.shares.tolist()]
    if policy.arms.bounds[1]:
        nodes = nodes.copy()
        for name in (CONTROL, UNIFORM):
            pmf = policy.arms.pmf(name, np.empty((1, policy.actions.k)), policy.actions)
            nodes[arm == name] = len(served)
            served.append(serve([p * (1 << 32) for p in pmf[0].tolist()]))
    table = np.array(served, np.uint64)
    action, propensity = np.empty(nodes.size, np.int64), np.empty(nodes.size)

    def work(rows: slice) -> None:
        shares.draw_rows(table, nodes[rows], uniform[rows], action[rows], propensity[rows])

    in_threads(work, nodes.size, LEAST)
    return action, propensity
