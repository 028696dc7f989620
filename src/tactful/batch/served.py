"""What a policy would have drawn from on chosen rows of a log."""

from __future__ import annotations

from tactful.batch.decide import served
from tactful.batch.pmf import context_of, pmf_of
from tactful.core.arrays import F64, I64
from tactful.core.draw import ONE
from tactful.core.log import Log
from tactful.policies.protocol import Published


def acting(policy: Published, log: Log, rows: I64 | slice) -> F64:
    """(m, k) probabilities on the rows, as served: masked, mixed and rounded. For a block of rows at a time."""
    nodes = policy.segments.locate(log.segments)[log.segment[rows]]
    may = None if log.eligible is None else log.eligible[rows]
    return served(pmf_of(policy, nodes, context_of(policy, log, rows)), may, policy.uniform) / ONE
