"""What fewer opt-outs cost: a family of policies learnt at rising prices of an opt-out, each on other users."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tactful.core.log import Log
from tactful.core.outcomes import OBJECTIVE, Objective
from tactful.errors import SpecError
from tactful.evaluation.analysis_set import AnalysisSet, check_askable
from tactful.evaluation.comparison import Comparison
from tactful.evaluation.results import EstimateRow
from tactful.evaluation.reward_models import fit_reward_model
from tactful.evaluation.target_policies import LoggingPolicy, TargetPolicy
from tactful.models.base import Posterior
from tactful.optimisation.explorers import Explorer
from tactful.optimisation.publish import publish

PRICE_STEPS = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 14.0)  # times the price that the objective has
DEFAULT_PRICE = 10.0  # where it has none


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """One policy of the family, and what it earns and costs.

    Examples
    --------
    >>> import tactful as tt
    >>> train, test = tt.World().simulate(1000, 4, seed=1).log.split(0.5, "frontier")
    >>> objective = tt.Objective({"engaged": 1.0, "opted_out": -5.0})
    >>> point = tt.frontier(test, tt.Conjugate().fit(train), objective, "opted_out", prices=[9.0]).points[0]
    >>> point.price, point.value.outcome, point.cost.outcome
    (9.0, 'objective', 'opted_out')
    """

    price: float | None
    """The price of an event at which it was learnt; None for the logging policy."""
    version: str
    """Of the policy."""
    value: EstimateRow
    """The objective without the outcome that is priced."""
    cost: EstimateRow
    """The outcome that is priced."""
    sends: float | None = None
    """Expected sends per period, where the policy states them."""


@dataclass(frozen=True, slots=True)
class Frontier:
    """Value against cost, over a family of policies.

    Examples
    --------
    >>> import tactful as tt
    >>> train, test = tt.World().simulate(1000, 4, seed=1).log.split(0.5, "frontier")
    >>> objective = tt.Objective({"engaged": 1.0, "opted_out": -5.0})
    >>> family = tt.frontier(test, tt.Conjugate().fit(train), objective, "opted_out", prices=[0.0, 50.0])
    >>> [point.price for point in family.points]
    [0.0, 50.0, None]
    >>> family.points[-1].version, family.points[-1].cost.outcome
    ('logging', 'opted_out')
    """

    cost: str
    """The outcome that is priced, such as ``opted_out``."""
    values: Objective
    """What the other outcomes are worth."""
    estimator: str
    """Of value and cost."""
    points: Sequence[FrontierPoint]
    """By rising price, the logging policy last."""


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
    posterior
        What was learnt from the other users.
    objective
        What the other outcomes are worth; its value of ``cost`` is replaced by the price.
    cost
        The outcome that is priced.
    prices
        Of one event of ``cost``, in units of the objective; by default from 0 to 14 times its own.
    estimator, level
        Of value and cost, as in ``evaluate``.
    explorer, seed
        Of the policies, as in ``publish``.
    progress
        Called with (policies evaluated, policies).

    Returns
    -------
    Frontier
        One point a price, and one of the logging policy.

    Raises
    ------
    SpecError
        ``cost`` is no outcome, or nothing else has a value.
    NothingToSayError
        As ``evaluate`` does.

    Examples
    --------
    >>> import tactful as tt
    >>> train, test = tt.World().simulate(1000, 4, seed=1).log.split(0.5, "frontier")
    >>> objective = tt.Objective({"engaged": 1.0, "opted_out": -5.0})
    >>> family = tt.frontier(test, tt.Conjugate().fit(train), objective, "opted_out", prices=[0.0, 50.0])
    >>> [point.price for point in family.points]
    [0.0, 50.0, None]
    """
    values = Objective({o: v for o, v in objective.values.items() if o != cost})
    if cost not in test.outcomes or not values.outcomes:
        do = "name an outcome of the log, and give another one a value in [objective]"
        raise SpecError(f"no frontier of value against {cost!r}", "[objective]", do)
    check_askable(test)
    if prices is None:
        unit = abs(objective.values.get(cost, 0.0)) or DEFAULT_PRICE
        prices = [unit * step for step in PRICE_STEPS]
    policies: list[tuple[float | None, TargetPolicy]] = [
        (price, publish(posterior, Objective({**values.values, cost: -price}), explorer=explorer, seed=seed))
        for price in sorted(prices)
    ]
    analysis = AnalysisSet.build(test, (policies[0][1],), objective=values)
    model = fit_reward_model(analysis.log, analysis.fold)
    points: list[FrontierPoint] = []
    for price, policy in [*policies, (None, LoggingPolicy())]:
        pair = analysis.with_policies(policy, LoggingPolicy())
        comparison = Comparison.build(pair, (estimator,), level=level, reward_model=model)
        value, loss = (next(comparison.compare(analysis.estimands[o])) for o in (OBJECTIVE, cost))
        sends = None if isinstance(policy, LoggingPolicy) else policy.expected.get("sends_per_period")
        points.append(FrontierPoint(price, policy.version, value, loss, sends))
        if progress:
            progress(len(points), len(policies) + 1)
    return Frontier(cost, values, estimator, points)
