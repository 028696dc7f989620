"""Who decides in a simulated world: a given policy, or the status quo."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, I64, U64, Bool
from tactful.core.draw import ONE, to_shares
from tactful.core.segments import Segments
from tactful.kernels import blake2b, shares
from tactful.policies.protocol import Policy
from tactful.policies.table import Table


def status_quo(actions: ActionSpace, habit: int = 5, explore: float = 0.7) -> F64:
    """(k,) pmf of "about ``habit`` sends a week at any hour", with a share ``explore`` uniform over all actions.

    The habit goes to the frequency nearest to it. Probabilities are multiples of 2**-32.

    >>> status_quo(ActionSpace.grid(["08:00", "18:00"], [1, 5])).round(2).tolist()
    [0.14, 0.14, 0.29, 0.14, 0.29]
    """
    away = [float("inf") if not f else abs(f - habit) for f in actions.frequencies]
    usual = np.array([d == min(away) for d in away])
    pmf = (1 - explore) * usual / usual.sum() + explore / actions.k
    return np.array(to_shares((pmf / pmf.sum()).tolist())) / ONE


@dataclass(frozen=True, slots=True)
class StatusQuo:
    """The built-in logging policy: :func:`status_quo` for everyone."""

    actions: ActionSpace
    segments: Segments = field(default_factory=lambda: Segments(("",)))
    uniform: float = 0.0

    @property
    def version(self) -> str:
        """16 hexadecimal digits that change with what the policy does."""
        return sha256(repr((self.actions.names, status_quo(self.actions).tolist())).encode()).hexdigest()[:16]

    def pmf(self, nodes: I64, context: F64 | None = None) -> F64:  # noqa: ARG002 - the same for everyone
        """(n, k) the same pmf in every row."""
        return np.tile(status_quo(self.actions), (nodes.size, 1))


def serve(policy: Policy, nodes: I64, context: F64, eligible: Bool | None = None) -> U64:
    """(n, k) the integers of 2**32 that are drawn from; ``eligible`` (k,) is the same for all rows.

    A policy that does not look at the context is asked once a node.
    """
    blind = isinstance(policy, Table | StatusQuo)
    asked = np.unique(nodes) if blind else nodes
    pmf = np.ascontiguousarray(policy.pmf(asked, context[: asked.size]), np.float64)
    may = np.ones((1, pmf.shape[1]), np.bool_) if eligible is None else eligible[None]
    out = np.empty(pmf.shape, np.uint64)
    shares.serve(pmf, np.ascontiguousarray(may), policy.uniform, out)
    return out[np.searchsorted(asked, nodes)] if blind else out


def draw(served: U64, keys: U64, period: I64, key: bytes) -> tuple[I64, F64]:
    """(n,) the keyed draw of an action, and its propensity."""
    u, action, propensity = np.empty(keys.size, np.uint32), np.empty(keys.size, np.int64), np.empty(keys.size)
    blake2b.uniforms(keys, period, np.frombuffer(key, "<u8").astype(np.uint64), u)
    shares.draw(served, u, action, propensity)
    return action, propensity
