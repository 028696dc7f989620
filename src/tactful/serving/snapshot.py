"""One policy made ready to decide: immutable, so that threads may share it without a lock."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from tactful.core.draw import ONE, draw_key, serve, serve_row
from tactful.errors import PolicyError
from tactful.policies.arms import CONTROL, POLICY, UNIFORM, control_pmf
from tactful.policies.protocol import Published
from tactful.policies.table import Table
from tactful.serving.contexts import Context, ContextError, pmf_of
from tactful.serving.decision import Decision, unknown_segment
from tactful.serving.periods import FIRST, LAST, whole

# A copy of a hash that has its key is a quarter of a microsecond cheaper than a new one.
_USER = blake2b(digest_size=8)


class _Row(NamedTuple):
    """A served pmf, ready to draw from: cumulative integers, and (action, slot, frequency, propensity)."""

    cumulative: tuple[int, ...]
    outcomes: tuple[tuple[str, str | None, int | None, float], ...]


class Snapshot:
    """A policy with its rows, keys and arms at hand.

    Parameters
    ----------
    policy
        A table, or a contextual policy.
    last
        The last period in which it may decide, beside its own ``valid_until``.
    stand_in
        Decides where the policy must not; None refuses instead.
    reason
        Why this snapshot is served at all, where it is itself a stand-in.
    """

    __slots__ = (
        "_arms",
        "_bounds",
        "_cells",
        "_keyed",
        "_nodes",
        "_of_arm",
        "_raw",
        "_rows",
        "_sticky",
        "first",
        "last",
        "policy",
        "reason",
        "scope",
        "stand_in",
        "version",
    )

    def __init__(
        self,
        policy: Published,
        *,
        last: int = LAST,
        stand_in: Snapshot | None = None,
        reason: str | None = None,
    ) -> None:
        self.policy, self.version, self.scope = policy, policy.version, policy.scope
        self.stand_in, self.reason = stand_in, reason
        self.first = FIRST if policy.from_period is None else policy.from_period
        self.last = min(last, LAST if policy.valid_until is None else policy.valid_until)
        self._keyed = blake2b(key=draw_key(policy.salt, policy.scope), digest_size=8)
        self._sticky = blake2b(key=draw_key(f"arms:{policy.arms.salt}", "sticky"), digest_size=8)
        space = policy.actions
        self._cells = tuple(zip(space.names, space.slots, space.frequencies, strict=True))
        self._raw = [tuple(row) for row in policy.shares.tolist()] if isinstance(policy, Table) else None
        self._nodes = np.arange(len(policy.segments))[:, None]
        self._rows: dict[str, _Row] = {}
        for path, raw in zip(policy.segments.paths, self._raw or (), strict=False):
            self._rows[path] = self._row(serve(raw, None, policy.uniform))
        self._bounds = policy.arms.bounds
        # No mass means uniform over the eligible; rounded shares of the uniform pmf would not be quite uniform.
        self._of_arm = {UNIFORM: [0] * space.k}
        if policy.arms.control:
            self._of_arm[CONTROL] = [int(p * ONE) for p in control_pmf(space)]
        self._arms = {arm: self._row(serve(raw)) for arm, raw in self._of_arm.items()}

    def decide(
        self,
        user: str | int,
        period: int,
        segment: str = "",
        context: Context | None = None,
        eligible: Sequence[bool] | None = None,
    ) -> Decision:
        """As ``Decider.decide``; the period is an int."""
        if not self.first <= period <= self.last:
            return self.instead(self.why_not(period) or "", user, period, segment, eligible)
        hashed = _USER.copy()
        hashed.update(str(user).encode())
        digest = hashed.digest()
        drawn = self._keyed.copy()
        drawn.update(digest + period.to_bytes(8, "little", signed=True))
        u = int.from_bytes(drawn.digest(), "little") >> 32
        arm = POLICY if self._bounds[1] == 0 else self.arm(digest)
        fallback, row = self.reason, self._rows.get(segment)
        if row is None:
            fallback = fallback or self.unknown(segment)
        if arm is not POLICY:
            row = self._arms[arm]
        if row is not None and eligible is None:
            action, slot, frequency, propensity = row.outcomes[bisect_right(row.cumulative, u)]
        else:
            try:
                shares = self.shares(segment, context, eligible, arm)
            except ContextError as error:
                return self.instead(str(error), user, period, segment, eligible)
            drawn_at = bisect_right(list(accumulate(shares)), u)
            (action, slot, frequency), propensity = self._cells[drawn_at], shares[drawn_at] / ONE
        return Decision(
            user, period, segment, arm, action, slot, frequency, propensity, self.version, self.scope, fallback
        )

    def arm(self, digest: bytes) -> str:
        """The sticky arm of a user, by the 8 bytes of its key."""
        hashed = self._sticky.copy()
        hashed.update(digest + bytes(8))
        u = int.from_bytes(hashed.digest(), "little") >> 32
        control, uniform = self._bounds
        return CONTROL if u < control else UNIFORM if u < uniform else POLICY

    def shares(
        self, segment: str, context: Context | None = None, eligible: Sequence[bool] | None = None, arm: str = POLICY
    ) -> list[int]:
        """(k,) integers of 2**32 that are drawn from.

        Raises
        ------
        ContextError
            The context is not whole and the arm needs it.
        PolicyError
            No action is eligible, or ``eligible`` has not k entries.
        """
        policy = self.policy
        if eligible is not None and (len(eligible) != len(self._cells) or not any(eligible)):
            do = f"give {len(self._cells)} booleans, one of them true"
            raise PolicyError("no action is eligible, or the mask has another length", "eligible", do)
        if arm != POLICY:
            return serve(self._of_arm[arm], eligible)
        node = policy.segments.nearest(segment)
        if self._raw is not None:
            return serve(self._raw[node], eligible, policy.uniform)
        pmf = pmf_of(policy, self._nodes[node], context)
        try:
            # Times 2**32 is exact, and serve divides by it again: the pmf is served as it is, not rounded twice.
            if eligible is None:
                return serve_row(pmf, policy.uniform)
            return serve((pmf * ONE).tolist(), eligible, policy.uniform)
        except (ValueError, OverflowError):  # a NaN or an infinity has no integer
            raise ContextError("the policy has no pmf at this context") from None

    def unknown(self, segment: str) -> str | None:
        """What is said of a segment that the policy does not know."""
        tree = self.policy.segments
        return None if tree.index(segment) is not None else unknown_segment(tree.paths[tree.nearest(segment)])

    def instead(
        self, reason: str, user: str | int, period: int, segment: str, eligible: Sequence[bool] | None
    ) -> Decision:
        """The decision of the stand-in, with the reason.

        Raises
        ------
        PolicyError
            There is no stand-in, or the period has more than 64 bits.
        """
        period, other = whole(period), self.substitute
        if other is None:
            raise PolicyError(reason, do="publish a policy for it, or configure a fallback")
        return other.decide(user, period, segment, None, eligible)._replace(fallback=reason)

    @property
    def substitute(self) -> Snapshot | None:
        """What decides where the policy must not: its stand-in, or itself where it is one."""
        return self if self.reason else self.stand_in

    def why_not(self, period: int) -> str | None:
        """Why the policy must not decide a period; None where it may."""
        if self.first <= period <= self.last:
            return None
        low, high = ("…" if p in (FIRST, LAST) else p for p in (self.first, self.last))
        what = "not begun" if period < self.first else "expired"
        return f"{what}: policy {self.version} decides periods {low} to {high}"

    def _row(self, shares: Sequence[int]) -> _Row:
        cells = ((*cell, share / ONE) for cell, share in zip(self._cells, shares, strict=True))
        return _Row(tuple(accumulate(shares)), tuple(cells))
