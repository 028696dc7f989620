"""A learner in time: what it may know at a moment, and the policy that it publishes then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol, cast

import numpy as np

from tactful.core.arrays import I64
from tactful.core.log import Log
from tactful.core.outcomes import Objective
from tactful.models.base import Posterior
from tactful.optimisation.explorers import Explorer
from tactful.optimisation.publish import publish
from tactful.policies.protocol import Published
from tactful.policies.table import uniform as uniform_policy


class Model(Protocol):
    """Frozen options with ``fit``."""

    @property
    def name(self) -> str: ...
    def fit(self, log: Log, /) -> Posterior: ...


def known_at(log: Log, now_us: int) -> Log:
    """The log as it was an instant before a time: outcomes that matured by then are known, all rows decided before it.

    Windows are an instant shorter there, so that what matures at ``now_us`` itself counts.
    """
    assert log.decided_at is not None  # noqa: S101 -- replay gives every log times
    outcomes = dict(log.outcomes)
    for o, m in log.outcomes.items():
        spec = replace(m.spec, window_us=max(m.spec.window_us - 1, 0))
        mature = log.decided_at <= now_us - 1 - spec.window_us
        value = np.where(mature, m.value, np.nan)
        trials = None if m.trials is None else np.where(mature, m.trials, np.nan)
        outcomes[o] = replace(m, spec=spec, value=value, mature=mature & m.mature, trials=trials)
    return replace(log, outcomes=outcomes, as_of=now_us - 1)


@dataclass
class History:
    """A posterior that follows the rows it is shown, each once its outcomes have matured."""

    model: Model
    """Fits the posterior."""
    posterior: Posterior | None = None
    """None as long as nothing has matured."""
    waiting: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    """Rows that were shown, and of which some outcome may still be young."""

    def show(self, rows: I64) -> None:
        """More rows of the log, in time order."""
        self.waiting = np.concatenate([self.waiting, rows])

    def advance(self, log: Log, now_us: int, needed: Iterable[str]) -> bool:
        """Learn what has matured by ``now_us``; False as long as an outcome that is ``needed`` is not known at all."""
        if self.waiting.size:
            rows = known_at(log.take(self.waiting), now_us)
            learnable = all(rows.outcomes[o].known.any() for o in needed)
            if self.posterior is None and learnable:
                self.posterior = self.model.fit(rows)
            elif self.posterior is not None:
                self.posterior = self.posterior.update(rows)
            if self.posterior is not None and rows.decided_at is not None:
                slowest = max(m.spec.window_us for m in log.outcomes.values())
                self.waiting = self.waiting[rows.decided_at > now_us - slowest]
        return self.posterior is not None


@dataclass
class Learner:
    """Publishes a policy from what its own decisions have taught so far; uniform until anything is known."""

    model: Model
    """What it learns with."""
    explorer: Explorer | None
    """How it explores, as in ``publish``."""
    objective: Objective
    """What it learns for."""
    uniform: float
    """η: its total share of uniform traffic."""
    seed: int
    """Of its banks of draws."""
    history: History = field(init=False)
    """What it has seen."""

    def __post_init__(self) -> None:
        """Start without a history."""
        self.history = History(self.model)

    def policy(self, log: Log, now_us: int, batch: int) -> Published:
        """The policy from ``now_us`` on; ``batch`` seeds its bank of draws."""
        if not self.history.advance(log, now_us, self.objective.outcomes):
            return uniform_policy(log.actions)
        posterior = cast("Posterior", self.history.posterior)
        return publish(posterior, self.objective, explorer=self.explorer, uniform=self.uniform, seed=self.seed + batch)

    def learnt_from(self) -> int:
        """Decisions whose outcomes have been counted."""
        return round(float(self.history.posterior.decisions.sum())) if self.history.posterior else 0
