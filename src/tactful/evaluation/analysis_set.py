"""The analysis set: all that a question about policies rests on, fixed before any estimate is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from tactful.core.arrays import F64, I64, Bool
from tactful.core.log import CONTROL, Log, Measured, Split
from tactful.core.outcomes import OBJECTIVE, Objective
from tactful.errors import NothingToSayError
from tactful.evaluation.crossfit import estimated_propensities, folds
from tactful.evaluation.target_policies import LoggingPolicy, PolicySource, TargetPolicy, resolve


class Estimand(NamedTuple):
    """What is estimated: the mean per decision of one outcome, or of the objective.

    ``outcomes`` are those that it is made of: itself, or all that the objective combines.
    """

    name: str
    outcomes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class AnalysisSet:
    """The rows of a log that may be used for some policies, with what estimates need to know of them."""

    log: Log
    """The rows that may be used: none of the arm ``control``, and none that a policy was fitted on if others remain."""
    policies: tuple[TargetPolicy, ...]
    """The policies in question, in the order in which they were given."""
    in_sample: tuple[bool, ...]
    """For each policy, whether it was fitted on these rows. It is True only where no other rows are left."""
    left_out: Mapping[str, int]
    """How many rows are not used, by reason, with those that were left out when the log was read."""
    stated_objective: Objective | None = None
    """The objective that the caller asked for; None leaves it to the log and the policies."""

    @classmethod
    def build(cls, log: Log, policies: Sequence[PolicySource], *, objective: Objective | None = None) -> AnalysisSet:
        """Resolve the policies and choose the rows that none of them was fitted on.

        Parameters
        ----------
        log
            Decisions with propensities.
        policies
            One or several: a policy, its folder, ``uniform``, ``logging`` or ``always:ACTION``.
        objective
            The reward; by default that of the log's specification, or else the first policy's own.

        Raises
        ------
        NothingToSayError
            No propensities, no row but control's, or a log of a single user.
        PolicyError, PolicyFormatError, SpecError
            A policy cannot be loaded or has other actions than the log.
        """
        resolved = tuple(resolve(policy, log.actions) for policy in policies)
        check_askable(log)
        control = log.arm.equals(CONTROL)
        left_out = dict(log.left_out)
        if control.any():
            left_out["arm: control"] = int(control.sum())
        if control.all():
            raise NothingToSayError("every row is in the control arm", "arm", "evaluate a log with another arm")
        fitted = [~control & _fitted_on(policy, log) for policy in resolved]
        unseen = ~control & ~np.logical_or.reduce(fitted)
        in_sample = (False,) * len(resolved)
        if not unseen.any():
            in_sample, unseen = tuple(bool(rows.any()) for rows in fitted), ~control
        elif dropped := int((~control & ~unseen).sum()):
            left_out["in-sample: the policy was fitted on them"] = dropped
        return cls(
            log=log.take(unseen), policies=resolved, in_sample=in_sample, left_out=left_out, stated_objective=objective
        )

    def with_policies(self, *policies: TargetPolicy) -> AnalysisSet:
        """The same rows and the same objective for policies that were not fitted on them.

        A gate compares each of its candidates with the baseline in this way.
        """
        in_sample = (False,) * len(policies)
        return replace(self, policies=policies, in_sample=in_sample, stated_objective=self.objective)

    def check_users(self) -> None:
        """Refuse rows of a single user, from whom nothing follows for others.

        Raises
        ------
        NothingToSayError
            There is a single user.
        """
        _check_users(self.log)

    @cached_property
    def objective(self) -> Objective:
        """The reward: as stated, or that of the log's specification, or the first policy's own.

        Raises
        ------
        SpecError
            It names an outcome that the log does not have.
        """
        first = self.policies[0]
        own = None if isinstance(first, LoggingPolicy) else first.objective
        objective = self.stated_objective or (self.log.objective if self.log.objective.outcomes else own)
        objective = objective or Objective({})
        objective.check(self.log.outcomes)
        return objective

    @cached_property
    def estimands(self) -> Mapping[str, Estimand]:
        """Every outcome, and the objective if there is one, by name."""
        estimands = {name: Estimand(name, (name,)) for name in self.log.outcomes}
        if self.objective.outcomes:
            estimands[OBJECTIVE] = Estimand(OBJECTIVE, self.objective.outcomes)
        return estimands

    @cached_property
    def fold(self) -> I64:
        """(n,) the fold of each row for cross-fitting, by user."""
        return folds(self.log)

    @cached_property
    def propensity(self) -> F64:
        """(n,) of the logged actions: as recorded, or cross-fitted where the log says that they are estimated."""
        recorded = None if self.estimated else self.log.propensity
        return estimated_propensities(self.log, self.fold) if recorded is None else recorded

    @property
    def estimated(self) -> bool:
        """Whether propensities are estimated, which assumes no hidden confounding."""
        return self.log.provenance == "estimated"

    @property
    def can_tire(self) -> bool:
        """Whether a decision can change the user of the next one: people can leave, or frequencies differ."""
        absorbing = any(measured.spec.absorbing for measured in self.log.outcomes.values())
        return absorbing or len(set(self.log.actions.frequencies)) > 1

    def known(self, estimand: Estimand) -> Bool:
        """(n,) rows in which every outcome of the estimand is known."""
        return self.log.known(estimand.outcomes)

    def missing(self, estimand: Estimand) -> Bool:
        """(n,) rows that are past the window of an outcome of the estimand and still do not know it."""
        return self.log.missing(estimand.outcomes)

    def reward(self, estimand: Estimand, rows: I64 | slice = slice(None)) -> F64:
        """(m,) what is averaged, by default in all rows; NaN where it is not known."""
        values = {name: self.log.outcomes[name].value[rows] for name in estimand.outcomes}
        return self.objective.combine(values) if estimand.name == OBJECTIVE else values[estimand.name]

    def counted(self, estimand: Estimand) -> list[Measured]:
        """The outcomes of the estimand that count events, whose number limits how reliable an interval can be."""
        measured = [self.log.outcomes[name] for name in estimand.outcomes]
        return [outcome for outcome in measured if outcome.spec.kind != "real"]


def check_askable(log: Log) -> None:
    """Refuse a log from which no off-policy estimate follows.

    Raises
    ------
    NothingToSayError
        No propensities, or a single user.
    """
    if log.provenance == "absent" or (log.provenance != "estimated" and log.propensity is None):
        raise NothingToSayError(
            "the log has no propensities, so it cannot say what another policy would have earned",
            "propensity",
            'randomise a slice first (tactful init), or set propensities_are = "estimated" for a weak answer',
        )
    _check_users(log)


def _check_users(log: Log) -> None:
    if log.users < 2:
        raise NothingToSayError("the log has a single user, so nothing can be said of others", "user", "log more users")


def _fitted_on(policy: TargetPolicy, log: Log) -> Bool:
    """(n,) rows that a policy was fitted on: users of its fitting share, decided before ``trained_until``."""
    lineage = None if isinstance(policy, LoggingPolicy) else policy.lineage
    if lineage is None:
        return np.zeros(log.n, np.bool_)
    rows = np.ones(log.n, np.bool_)
    if lineage.split_share > 0:
        rows = ~Split(lineage.split_salt, lineage.split_share).holds_out(log.user_key)[log.user]
    if lineage.trained_until is not None and log.decided_at is not None:
        rows &= log.decided_at < lineage.trained_until
    return rows
