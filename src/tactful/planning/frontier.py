"""What fewer opt-outs cost: a family of policies learnt at rising prices of an opt-out, each on other users."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tactful.core.log import Log
from tactful.core.outcomes import OBJECTIVE, Objective
from tactful.errors import SpecError
from tactful.evaluation.comparison import Entries
from tactful.evaluation.crossfit import folds
from tactful.evaluation.eligibility import check_askable, estimands, usable
from tactful.evaluation.results import Entry
from tactful.evaluation.reward_models import crossfitted
from tactful.evaluation.target_policies import Logging
from tactful.models.base import Posterior
from tactful.optimisation.explorers import Explorer
from tactful.optimisation.publish import publish
from tactful.policies.protocol import Published

STEPS = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 14.0)  # times the price that the objective has
USUAL = 10.0  # where it has none


@dataclass(frozen=True, slots=True)
class Point:
    """One policy of the family: the price it was learnt at (None: logging), and what it earns and costs."""

    price: float | None
    version: str
    value: Entry
    cost: Entry
    sends: float | None = None


@dataclass(frozen=True, slots=True)
class Frontier:
    """``value`` is the objective without the outcome ``cost``; points by rising price, logging last."""

    cost: str
    values: Objective
    estimator: str
    points: Sequence[Point]


def frontier(
    test: Log,
    posterior: Posterior,
    objective: Objective,
    cost: str,
    *,
    prices: Sequence[float] | None = None,
    estimator: str = "dr",
    level: float = 0.95,
    explorer: Explorer | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Frontier:
    """Publish a policy at each price of an opt-out, and evaluate it on users that it was not learnt from.

    Parameters
    ----------
    test
        The users kept from ``posterior``.
    objective
        What the other outcomes are worth; its value of ``cost`` is replaced by the price.
    prices
        Of one event of ``cost``, in units of the objective; by default from 0 to 14 times its own.

    Raises
    ------
    SpecError
        ``cost`` is no outcome, or nothing else has a value.
    NothingToSayError
        As ``evaluate`` does.
    """
    values = Objective({o: v for o, v in objective.values.items() if o != cost})
    if cost not in test.outcomes or not values.outcomes:
        do = "name an outcome of the log, and give another one a value in [objective]"
        raise SpecError(f"no frontier of value against {cost!r}", "[objective]", do)
    check_askable(test)
    own = abs(objective.values.get(cost, 0.0)) or USUAL
    prices = [own * step for step in STEPS] if prices is None else sorted(prices)
    policies: list[tuple[float | None, Published | Logging]] = [
        (p, publish(posterior, Objective({**values.values, cost: -p}), explorer=explorer, seed=seed)) for p in prices
    ]
    first = policies[0][1]
    log = test.take(usable(test, first, Logging(), {})[0])
    model = crossfitted(log, folds(log))
    outcomes = estimands(log, values)
    points: list[Point] = []
    for price, policy in [*policies, (None, Logging())]:
        table = Entries(log, policy, Logging(), values, outcomes, level=level, seen=(False, False), reward_model=model)
        value, bad = (next(table.entries(o, np.arange(log.n), (estimator,))) for o in (OBJECTIVE, cost))
        sends = policy.expected.get("sends_per_period") if not isinstance(policy, Logging) else None
        points.append(Point(price, policy.version, value, bad, sends))
        if progress:
            progress(len(points), len(policies) + 1)
    return Frontier(cost, values, estimator, points)
