"""Faults that are put into sound logs, and the tests of ``check`` that should find them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import tactful as tt

Array = Any
Fault = Callable[[tt.Log, np.random.Generator], tt.Log]


def without_vectors(fault: Fault) -> Fault:
    """The same fault in a log that holds the propensity of the logged action alone."""
    return lambda log, rng: replace(fault(log, rng), propensities=None)


def changed(log: tt.Log, rows: Array, action: Array, *, looked_up: bool) -> tt.Log:
    """The logged action of some rows replaced; the propensity is left, or read from the vector afterwards."""
    actions = log.action.copy()
    actions[rows] = action
    propensity = log.propensities[np.arange(log.n), actions] if looked_up else log.propensity
    return replace(log, action=actions, propensity=propensity)


def overridden_by_none(log: tt.Log, rng: np.random.Generator, *, looked_up: bool = True) -> tt.Log:
    """One decision in twenty is cancelled after the draw."""
    rows = np.flatnonzero(rng.random(log.n) < 0.05)
    return changed(log, rows, 0, looked_up=looked_up)


def overridden_at_random(log: tt.Log, rng: np.random.Generator) -> tt.Log:
    """One decision in twenty is replaced by any other eligible action."""
    rows = np.flatnonzero(rng.random(log.n) < 0.05)
    score = rng.random((rows.size, log.actions.k)) * log.eligible[rows]
    score[np.arange(rows.size), log.action[rows]] = -1
    return changed(log, rows, score.argmax(1), looked_up=True)


def lowered(log: tt.Log, rng: np.random.Generator) -> tt.Log:
    """One decision in twenty gets the lowest frequency at the slot that was drawn."""
    rows = np.flatnonzero((rng.random(log.n) < 0.05) & (log.action > 0))
    return changed(log, rows, 1 + (log.action[rows] - 1) // 3 * 3, looked_up=True)


def scaled(factor: float) -> Fault:
    """Propensities off by a factor; vectors are not logged (they would sum to something else)."""
    return lambda log, _: replace(log, propensity=np.minimum(log.propensity * factor, 1.0), propensities=None)


def smaller_for_sends(log: tt.Log, _: np.random.Generator) -> tt.Log:
    """Propensities of all sends 10 % too small."""
    p = np.where(log.action > 0, 0.9 * log.propensity, log.propensity)
    return replace(log, propensity=p, propensities=None)


def without_users(log: tt.Log, rows: Array) -> tt.Log:
    """A log without all rows of the users who have one of these rows."""
    chosen = np.zeros(log.user_key.size, bool)
    chosen[log.user[rows]] = True
    return log.take(~chosen[log.user])


def survivors(log: tt.Log, _: np.random.Generator) -> tt.Log:
    """All rows of users who opted out are missing, as when a log is joined with today's users."""
    return without_users(log, log.outcomes["opted_out"].value == 1)


def survivors_but_the_last(log: tt.Log, _: np.random.Generator) -> tt.Log:
    """The same, but users who opted out in the last period are still there."""
    opted_out = log.outcomes["opted_out"].value == 1
    return without_users(log, opted_out & (log.period < log.period.max()))


def without_the_event(log: tt.Log, _: np.random.Generator) -> tt.Log:
    """The decision that ended it is missing, the earlier ones of the user are there."""
    return log.take(log.outcomes["opted_out"].value != 1)


def lost_in_an_arm(share: float) -> Fault:
    """A share of the users of the uniform arm is lost."""

    def fault(log: tt.Log, rng: np.random.Generator) -> tt.Log:
        lost = rng.random(log.user_key.size) < share
        return log.take(~(lost[log.user] & (log.arm.code == 1)))

    return fault


def moved_on(log: tt.Log, rng: np.random.Generator) -> tt.Log:
    """Halfway, probabilities change under the same version: a third of the mass goes to one action."""
    late = log.period >= np.median(log.period)
    target = np.eye(log.actions.k)[1] * log.eligible[:, 1:2] + np.eye(log.actions.k)[0] * ~log.eligible[:, 1:2]
    vector = np.where(late[:, None], log.propensities * 2 / 3 + target / 3, log.propensities)
    redrawn = np.minimum((vector.cumsum(1) <= rng.random((log.n, 1)) * (1 - 1e-12)).sum(1), log.actions.k - 1)
    action = np.where(late, redrawn, log.action)
    return replace(log, action=action, propensities=vector, propensity=vector[np.arange(log.n), action])


FAULTS: dict[str, tuple[str, tuple[str, ...], Fault]] = {
    "5 % overridden by none": ("table", ("overrides",), overridden_by_none),
    "the same, propensity left": ("table", ("mismatch",), lambda x, r: overridden_by_none(x, r, looked_up=False)),
    "the same, no vectors": (
        "table", ("weights", "propensities"),
        without_vectors(lambda x, r: overridden_by_none(x, r, looked_up=False)),
    ),
    "5 % overridden by none, status quo": ("status quo", ("overrides",), overridden_by_none),
    "5 % overridden by none, context": ("context", ("overrides",), overridden_by_none),
    "5 % overridden by any other": (
        "table", ("overrides", "calibration", "weights", "propensities"), overridden_at_random,
    ),
    "5 % lowered to one send": ("table", ("overrides", "calibration"), lowered),
    "sticky draws": ("table", ("sticky",), lambda x, _: x),
    "sticky draws, context": ("context", ("sticky",), lambda x, _: x),
    "sticky draws, no vectors": ("table", ("sticky",), without_vectors(lambda x, _: x)),
    "propensities × .9": ("table", ("propensities",), scaled(0.9)),
    "propensities × 1.1": ("table", ("propensities",), scaled(1.1)),
    "propensities of sends × .9": ("table", ("propensities", "weights"), smaller_for_sends),
    "opted-out users dropped": ("table", ("survivorship",), survivors),
    "the same, but for the last week's": ("table", ("survivorship",), survivors_but_the_last),
    "rows of opt-outs dropped": ("table", ("survivorship",), without_the_event),
    "a quarter of an arm lost": ("table", ("sample-ratio",), lost_in_an_arm(1 / 4)),
    "a third of an arm lost": ("table", ("sample-ratio",), lost_in_an_arm(1 / 3)),
    "pmf changed, version kept": ("table", ("policy-drift",), moved_on),
}  # fmt: skip
