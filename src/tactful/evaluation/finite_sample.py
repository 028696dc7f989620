"""Intervals beside cluster-t: the bootstrap by user, and finite-sample ones where what they need is declared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import U64
from tactful.core.log import Log
from tactful.core.outcomes import Outcome
from tactful.errors import TactfulError
from tactful.evaluation.estimator_registry import Rows
from tactful.evaluation.results import MoreInterval, Role
from tactful.evaluation.target_policies import Side
from tactful.ope.bernstein import empirical_bernstein
from tactful.ope.betting import betting
from tactful.ope.bootstrap import bootstrap
from tactful.ope.estimators import dr, snips
from tactful.ope.intervals import BERNSTEIN, BETTING, VALID_FOR
from tactful.ope.wealth import cap_for, stakes


class Design(NamedTuple):
    """What is known before any outcome: the range of an outcome, the largest weight possible, the periods of a user."""

    bounds: tuple[float, float] | None
    cap: float | None
    most: int
    absorbing: bool

    @classmethod
    def of(cls, log: Log, side: Side, outcome: Outcome | None) -> Design:
        """From the specification and the logged vectors; without vectors the largest weight is not known."""
        bounds = None
        if outcome is not None:
            bounds = (0.0, 1.0) if outcome.kind == "binary" else outcome.range
        most = int(log.period.max() - log.period.min()) + 1
        absorbing = outcome is not None and outcome.absorbing
        return cls(bounds, side.largest, most, absorbing)


def beside(role: Role, outcome: str, side: Rows, key: U64, design: Design) -> Iterator[MoreInterval]:
    """Bootstrap intervals of SNIPS and DR, betting and empirical Bernstein of IPS; ``key`` (u,) names the users."""
    for name, made, denominator in (
        ("snips", snips(side.reward, side.weight), side.weight),
        ("dr", dr(side.reward, side.weight, side.q_logged, side.q_target), None),
    ):
        found = bootstrap(made, side.user, denominator=denominator, key=key, level=side.level)
        yield MoreInterval(role, outcome, name, found.method, found.low, found.high, found.valid_for)
    yield from _finite(role, outcome, side, key, design)


def _finite(role: Role, outcome: str, side: Rows, key: U64, design: Design) -> Iterator[MoreInterval]:
    why = ""
    if design.bounds is None:
        why = "no declared range: set range in [outcomes]"
    elif design.cap is None:
        why = "no logged propensity vectors, so that the largest weight is not known"
    elif design.cap > cap_for(design.cap):
        why = f"weights may reach {design.cap:,.0f}, too many to bet on"
    if not why and design.bounds is not None and design.cap is not None:
        try:
            at = stakes(
                side.reward,
                side.weight,
                side.user,
                most=design.most,
                cap=design.cap,
                bounds=design.bounds,
                absorbing=design.absorbing,
                key=key,
            )
            for found in (betting(at, side.level), empirical_bernstein(at, side.level)):
                low, high = (float(np.clip(x, *design.bounds)) for x in (found.low, found.high))
                yield MoreInterval(role, outcome, "ips", found.method, low, high, found.valid_for)
        except TactfulError as error:
            why = str(error)
    if why:
        for method in (BETTING, BERNSTEIN):
            yield MoreInterval(role, outcome, "ips", method, None, None, VALID_FOR[method], why)
