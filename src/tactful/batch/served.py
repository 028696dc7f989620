"""What is drawn from: pmfs of many rows masked, mixed and rounded, also on the rows of a log."""

from __future__ import annotations

import numpy as np

from tactful.batch.pmf import context_of, pmf_of
from tactful.core.arrays import F64, I64, U64, Bool
from tactful.core.draw import ONE
from tactful.core.log import Log
from tactful.errors import PolicyError
from tactful.kernels import shares
from tactful.policies.protocol import Published

ROW_BLOCK = 1 << 16  # rows whose pmfs are held at once


def serve(pmf: F64, eligible: Bool | None, uniform: float) -> U64:
    """Mask, mix with the uniform pmf over the eligible actions, and round: ``core.draw.serve`` of many rows.

    Parameters
    ----------
    pmf
        (n, k) probabilities of a policy.
    eligible
        (n, k) which actions may be taken; None means all.
    uniform
        Total uniform share, in [0, 1].

    Returns
    -------
    U64
        (n, k) integers that sum to 2**32 in every row.

    Raises
    ------
    PolicyError
        A row has no eligible action, or the mask has another shape than the pmf.

    Examples
    --------
    >>> (serve(np.array([[0.5, 0.5, 0.0]]), np.array([[True, False, True]]), 0.5) / ONE).tolist()
    [[0.75, 0.0, 0.25]]
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


def served_pmf(policy: Published, log: Log, rows: I64 | slice) -> F64:
    """(m, k) the probabilities that a policy would have drawn from on rows of a log. For a block of rows at a time.

    Raises
    ------
    PolicyError
        The log lacks a context that the policy depends on, or a row has no eligible action.
    """
    nodes = policy.segments.locate(log.segments)[log.segment[rows]]
    eligible = None if log.eligible is None else log.eligible[rows]
    return serve(pmf_of(policy, nodes, context_of(policy, log, rows)), eligible, policy.uniform) / ONE
