"""The estimators by name: functions of what one policy looks like on the rows that know an outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tactful.core.arrays import F64, I64
from tactful.core.estimate import Estimate
from tactful.errors import SpecError
from tactful.ope.estimators import dm, dr, ips, mips, sndr, snips
from tactful.ope.slope import choose_clip, choose_shrink, choose_switch

TRADES_BIAS = "trades bias for variance; its interval leaves the bias out"
POOLS_ACTIONS = "takes the actions of a band for alike; its interval leaves the bias out"


class PolicySample(NamedTuple):
    """One policy on m rows that know the estimand: all that an estimator may look at.

    Attributes
    ----------
    reward
        (m,) the estimand of each row.
    weight
        (m,) importance weights of actions; those of bands of actions for the estimators in ``BANDED``.
    q_logged, q_target
        (m,) the reward model at the logged action, and its mean under the policy.
    user
        (m,) codes of users, from 0.
    level
        Of the confidence widths by which some estimators choose their parameter.
    """

    reward: F64
    weight: F64
    q_logged: F64
    q_target: F64
    user: I64
    level: float


class EstimatorResult(NamedTuple):
    """An estimate, the parameter that SLOPE++ chose for it if any, and what its interval leaves out in words."""

    estimate: Estimate
    parameter: float | None = None
    caveat: str = ""

    def paired_difference(self, baseline: EstimatorResult) -> EstimatorResult:
        """The estimate less that of the baseline on the same rows, with the caveat of either."""
        return EstimatorResult(self.estimate - baseline.estimate, None, self.caveat or baseline.caveat)


def _clipped_ips(s: PolicySample) -> EstimatorResult:
    choice = choose_clip(s.reward, s.weight, s.user, level=s.level)
    return EstimatorResult(choice.estimate, choice.parameter, TRADES_BIAS)


def _switch_dr(s: PolicySample) -> EstimatorResult:
    choice = choose_switch(s.reward, s.weight, s.q_logged, s.q_target, s.user, level=s.level)
    return EstimatorResult(choice.estimate, choice.parameter, TRADES_BIAS)


def _shrunk_dr(s: PolicySample) -> EstimatorResult:
    choice = choose_shrink(s.reward, s.weight, s.q_logged, s.q_target, s.user, level=s.level)
    return EstimatorResult(choice.estimate, choice.parameter, TRADES_BIAS)


Estimator = Callable[[PolicySample], EstimatorResult]
ESTIMATORS: Mapping[str, Estimator] = {
    "ips": lambda s: EstimatorResult(ips(s.reward, s.weight)),
    "snips": lambda s: EstimatorResult(snips(s.reward, s.weight)),
    "dm": lambda s: EstimatorResult(dm(s.q_target, s.weight)),
    "dr": lambda s: EstimatorResult(dr(s.reward, s.weight, s.q_logged, s.q_target)),
    "sndr": lambda s: EstimatorResult(sndr(s.reward, s.weight, s.q_logged, s.q_target)),
    "clipped-ips": _clipped_ips,
    "switch-dr": _switch_dr,
    "dros": _shrunk_dr,
    "mips": lambda s: EstimatorResult(mips(s.reward, s.weight), None, POOLS_ACTIONS),
}
DEFAULT = ("ips", "snips", "dm", "dr")
BANDED = ("mips",)
"""Estimators whose weights are those of bands of actions."""
CAVEATED = ("dm", "clipped-ips", "switch-dr", "dros", "mips")
"""Estimators that are never better than weak, for a reason that their description gives."""


def check_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, each once, if all of them are known.

    Raises
    ------
    SpecError
        A name that is no estimator, or none at all.
    """
    for name in names or ("",):
        if name not in ESTIMATORS:
            raise SpecError(
                f"unknown estimator {name!r}", "estimators", f"choose among {', '.join(ESTIMATORS)}, or all"
            )
    return tuple(dict.fromkeys(names))
