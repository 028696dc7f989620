"""One decision at a time, in microseconds, with its exact propensity."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate
from os import PathLike
from typing import NamedTuple

import numpy as np

from tactful.core.draw import ONE, draw_key, serve, user_key
from tactful.errors import PolicyError
from tactful.policies.base import CONTROL, POLICY, UNIFORM, control_pmf
from tactful.policies.table import Table


class Decision(NamedTuple):
    """What to do for a user in a period; ``propensity`` is the exact probability of ``action``, given ``arm``.

    ``slot`` (local ``HH:MM``) and ``frequency`` (sends per period) are None where the action has none;
    ``fallback`` says why a fallback was served, or is None.
    """

    user: str | int
    period: int
    segment: str
    arm: str
    action: str
    slot: str | None
    frequency: int | None
    propensity: float
    policy: str
    scope: str
    fallback: str | None


class _Row(NamedTuple):
    """A node's served pmf, ready to draw from: cumulative integers, and (action, slot, frequency, propensity)."""

    shares: tuple[int, ...]
    cumulative: tuple[int, ...]
    outcomes: tuple[tuple[str, str | None, int | None, float], ...]


class Decider:
    """A loaded policy that decides; immutable and safe to share between threads.

    Examples
    --------
    >>> from tactful.core.actions import ActionSpace
    >>> from tactful.policies.table import always
    >>> decider = Decider(always(ActionSpace.grid(["19:30"], [3]), "3x@19:30"))
    >>> d = decider.decide(user="u-42", period=12, segment="ios/new")
    >>> d.action, d.slot, d.frequency, d.propensity
    ('3x@19:30', '19:30', 3, 1.0)
    """

    __slots__ = ("_arms", "_bounds", "_key", "_policy", "_raw", "_rows", "_scope", "_version", "policy")

    def __init__(self, policy: Table) -> None:
        self.policy = policy
        self._version, self._scope = policy.version, policy.scope
        self._key = draw_key(policy.salt, policy.scope)
        self._raw = [tuple(row) for row in policy.shares.tolist()]
        served = (serve(row, None, policy.uniform) for row in self._raw)
        self._rows = {path: self._row(row) for path, row in zip(policy.segments.paths, served, strict=True)}
        control, uniform = policy.arms.bounds
        self._bounds = None if uniform == 0 else (control, uniform)
        self._arms = {UNIFORM: self._row(serve([0] * policy.actions.k))}
        if control:
            self._arms[CONTROL] = self._row([int(p * ONE) for p in control_pmf(policy.actions)])

    @classmethod
    def open(cls, folder: str | PathLike[str]) -> Decider:
        """The decider of a saved policy.

        Raises
        ------
        PolicyFormatError
            The artifact is missing, damaged, unsafe or newer than this tactful.
        """
        from tactful.policies.artifact import load  # what reads files is imported when one is read

        return cls(load(folder))

    def decide(
        self, user: str | int, period: int, segment: str = "", *, eligible: Sequence[bool] | None = None
    ) -> Decision:
        """The action of one user in one period; the same inputs give the same decision for ever.

        Parameters
        ----------
        user
            Its id; 42 and "42" are one user.
        period
            Index of the period.
        segment
            A path; one that the policy does not know gets its nearest ancestor's row, and ``fallback`` says so.
        eligible
            (k,) which actions may be taken now, in the order of the action space; None means all.

        Raises
        ------
        PolicyError
            No action is eligible, ``eligible`` has not k entries, or the policy must not decide this period.
        """
        policy = self.policy
        if policy.from_period is not None or policy.valid_until is not None:
            policy.check_period(period, period)
        digest = blake2b(str(user).encode(), digest_size=8).digest()
        try:
            message = digest + period.to_bytes(8, "little", signed=True)
        except OverflowError:
            raise PolicyError(
                f"period {period} has more than 64 bits", "period", "give the index of a period"
            ) from None
        u = int.from_bytes(blake2b(message, key=self._key, digest_size=8).digest(), "little") >> 32
        fallback = None
        row = self._rows.get(segment)
        if row is None:
            known = policy.segments.paths[policy.segments.nearest(segment)]
            row, fallback = self._rows[known], unknown_segment(known)
        arm = POLICY
        if self._bounds is not None:
            arm = str(policy.arms.assign(np.array([user_key(user)], np.uint64))[0])
            row = self._arms.get(arm, row)
        if eligible is not None:
            row = self._masked(arm, segment, eligible)
        action, slot, frequency, propensity = row.outcomes[bisect_right(row.cumulative, u)]
        return Decision(
            user, period, segment, arm, action, slot, frequency, propensity, self._version, self._scope, fallback
        )

    def pmf(self, segment: str = "", eligible: Sequence[bool] | None = None) -> dict[str, float]:
        """The probabilities that :meth:`decide` draws from, by action, in the arm ``policy``."""
        known = self.policy.segments.paths[self.policy.segments.nearest(segment)]
        row = self._rows[known] if eligible is None else self._masked(POLICY, segment, eligible)
        return {name: share / ONE for name, share in zip(self.policy.actions.names, row.shares, strict=True)}

    def _masked(self, arm: str, segment: str, eligible: Sequence[bool]) -> _Row:
        if len(eligible) != self.policy.actions.k or not any(eligible):
            do = f"give {self.policy.actions.k} booleans, one of them true"
            raise PolicyError("no action is eligible, or the mask has another length", "eligible", do)
        if arm == POLICY:
            raw = self._raw[self.policy.segments.nearest(segment)]
            return self._row(serve(raw, eligible, self.policy.uniform))
        # No mass means uniform over the eligible; rounded shares of the uniform pmf would not be quite uniform.
        raw = (0,) * self.policy.actions.k if arm == UNIFORM else self._arms[arm].shares
        return self._row(serve(raw, eligible))

    def _row(self, shares: Sequence[int]) -> _Row:
        space = self.policy.actions
        cells = zip(space.names, space.slots, space.frequencies, (s / ONE for s in shares), strict=True)
        return _Row(tuple(shares), tuple(accumulate(shares)), tuple(cells))


def unknown_segment(known: str) -> str:
    """The reason logged where a segment's nearest known ancestor was served."""
    return f"unknown segment, served {known!r}"
