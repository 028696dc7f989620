"""What finite-sample intervals bet on: one entry a user, of rows that cannot fall below a known floor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64, U64
from tactful.errors import LogError, SpecError, first
from tactful.kernels import betting as kernels
from tactful.ope.intervals import user_totals

LARGEST_CAP = 20.0


class Capped(NamedTuple):
    """A reward model in [0, 1] whose rows cannot lose more than ``cap``; see ``capped_model``."""

    logged: F64
    """(n,) the model at the logged action."""
    target: F64
    """(n,) its mean under the target policy."""
    flipped_logged: F64
    """(n,) the model of 1 − r at the logged action."""
    flipped_target: F64
    """(n,) its mean under the target policy."""
    cap: float
    """Bound on weight × model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stakes:
    """What is bet on: totals of u users, in the order in which they are bet on.

    Rewards are in units of the declared range, mapped to [0, 1]. The low side bets on φ, the high side on φ with
    r → 1 − r; pairs hold a figure for each of them.

    Examples
    --------
    >>> bets = stakes(np.array([0.0, 1.0, 1.0]), np.ones(3), np.array([0, 0, 1]), max_rows=2, cap=1.0)
    >>> bets.low.tolist(), bets.count.tolist()
    ([1.0, 1.0], [2.0, 1.0])
    """

    low: F64
    """(u,) totals of φ."""
    high: F64
    """(u,) totals of φ with r → 1 − r."""
    count: F64
    """(u,) rows."""
    floor: tuple[float, float]
    """By side, the bound φ ≥ −floor of a row."""
    ceiling: tuple[float, float]
    """By side, the bound φ ≤ ceiling of a row."""
    max_rows: int
    """Rows that a user can have at the very most."""
    cap: float
    """k: the largest possible weight, or the cap of the reward model."""
    bounds: tuple[float, float]
    """The declared range, in units of the reward."""
    worst: tuple[float, float] = (np.inf, np.inf)
    """By side, what a bet on a user can lose at most whatever the mean; infinite where that is not known."""

    @property
    def value(self) -> float:
        """The estimate in units of the reward: Σ φ / n."""
        return self.in_units(float(self.low.sum() / self.count.sum()))

    @property
    def standard_error(self) -> float:
        """Of the value, by user; infinite with one."""
        u, n = self.low.size, float(self.count.sum())
        if u < 2:
            return float("inf")
        residual = self.low - self.low.sum() / n * self.count
        return float(np.sqrt(u / (u - 1) * (residual @ residual)) / n) * (self.bounds[1] - self.bounds[0])

    def in_units(self, share: float) -> float:
        """From [0, 1] to the units of the reward."""
        return self.bounds[0] + (self.bounds[1] - self.bounds[0]) * share

    def share(self, value: float) -> float:
        """From the units of the reward to [0, 1]."""
        return (value - self.bounds[0]) / (self.bounds[1] - self.bounds[0])


def cap_for(largest: float) -> float:
    """The cap k for the largest possible weight, π / e over eligible actions and contexts: never above 20.

    It is a matter of the two policies, and must not be chosen by looking at outcomes.
    """
    return min(largest, LARGEST_CAP)


def capped_model(
    q: F64, target: F64, logging: F64, action: I64, cap: float, *, bounds: tuple[float, float] = (0.0, 1.0)
) -> Capped:
    """m(a) = q̂(x, a) ∧ k / w(a): at the logged action, and its mean under the target; the same for 1 − q̂.

    The model must have been fitted on users earlier in the order of betting, or on other data.

    Parameters
    ----------
    q
        (n, k) the reward model, in units of the reward.
    target, logging
        (n, k) pmfs of the two policies.
    action
        (n,) the logged actions.
    cap
        k: no row can lose more than it.
    bounds
        The declared range of the reward.
    """
    low, high = bounds
    share = np.clip((q - low) / (high - low), 0.0, 1.0)
    out = np.empty((4, action.size))
    tables = (np.ascontiguousarray(table) for table in (share, target, logging))
    kernels.capped(*tables, np.ascontiguousarray(action, np.int64), cap, out)
    return Capped(out[0], out[1], out[2], out[3], cap)


def stakes(
    reward: F64,
    weight: F64,
    user: I64,
    *,
    max_rows: int,
    cap: float | None = None,
    bounds: tuple[float, float] = (0.0, 1.0),
    model: Capped | None = None,
    absorbing: bool = False,
    key: U64 | None = None,
) -> Stakes:
    """φ = w (r − m(A)) + Σ_a π(a|x) m(a), summed by user; without a model m is 0, and 1 on the flipped side.

    Then φ = w r ≥ 0 and its flip is 1 − w r ≥ 1 − k, which suits rare events: a user without any moves the bet by 1.

    Parameters
    ----------
    reward
        (n,) in its own units.
    weight
        (n,) importance weights.
    user
        (n,) codes from 0.
    max_rows
        The rows that a user can have, known beforehand: not the most that were observed.
    cap
        k, at least the largest possible weight. With a model its own cap is k (``cap_for``), and this declares the
        largest weight for empirical Bernstein alone.
    bounds
        The declared range of the reward.
    model
        A capped reward model, for less variable bets.
    absorbing
        The reward is 1 at most once a user and else 0, as an opt-out is. Then the flipped bet on a user loses k at
        most, not n_max k, so that a limit is certified from as many users as if each had a single row.
    key
        (u,) names by which users are put in order, independent of outcomes; by default their codes.

    Returns
    -------
    Stakes
        Of the users who have rows.

    Raises
    ------
    LogError
        Rewards outside their range, weights above a declared cap, users with more rows than ``max_rows`` or with more
        than one event of an absorbing outcome.
    SpecError
        Neither a cap nor a model, or a range that is none.

    Examples
    --------
    >>> bets = stakes(np.array([0.0, 1.0]), np.array([0.5, 1.5]), np.array([0, 1]), max_rows=1, cap=2.0)
    >>> bets.low.tolist(), bets.high.tolist(), bets.value
    ([0.0, 1.5], [1.0, -0.5], 0.75)
    """
    k = model.cap if model is not None else cap
    if k is None or not bounds[0] < bounds[1]:
        raise SpecError("a declared range and a largest weight are needed", "betting", "give bounds and a cap")
    _check(reward, weight, user, max_rows=max_rows, cap=np.inf if cap is None else cap, bounds=bounds)
    share = (reward - bounds[0]) / (bounds[1] - bounds[0])
    if model is None:
        low, high = weight * share, 1.0 - weight * share
        floor, ceiling = (0.0, max(k - 1.0, 0.0)), (k, 1.0)
        worst = (np.inf, k if absorbing else np.inf)
    else:
        low = weight * (share - model.logged) + model.target
        high = weight * (1.0 - share - model.flipped_logged) + model.flipped_target
        largest = np.inf if cap is None else cap + 1.0
        floor, ceiling, worst = (k, k), (largest, largest), (np.inf, np.inf)
    if absorbing and float(user_totals(user, share).max()) > 1:
        raise LogError("a user has several events", "betting", "an absorbing outcome happens once")
    count = user_totals(user, np.ones(user.size))
    order = np.flatnonzero(count) if key is None else np.argsort(key, kind="stable")
    order = order[count[order] > 0]
    low, high = (user_totals(user, x)[order] for x in (low, high))
    return Stakes(
        low=low,
        high=high,
        count=count[order],
        floor=floor,
        ceiling=ceiling,
        max_rows=max_rows,
        cap=k,
        bounds=bounds,
        worst=worst,
    )


def _check(reward: F64, weight: F64, user: I64, *, max_rows: int, cap: float, bounds: tuple[float, float]) -> None:
    outside = np.flatnonzero(~((reward >= bounds[0]) & (reward <= bounds[1])))
    if outside.size:
        what = f"{outside.size:,} rewards are outside [{bounds[0]:g}, {bounds[1]:g}] (rows {first(outside)})"
        raise LogError(what, "betting", "declare the range that the outcome can have")
    heavy = np.flatnonzero(weight > cap * (1 + 1e-12))
    if heavy.size:
        what = f"{heavy.size:,} weights are above the declared {cap:g} (rows {first(heavy)})"
        raise LogError(what, "betting", "declare the largest weight that can occur, or give logged vectors and a model")
    if int(np.bincount(user).max()) > max_rows:
        raise LogError(f"a user has more than {max_rows} rows", "betting", "declare the periods that are possible")
