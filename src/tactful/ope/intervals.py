"""Intervals: functions of an estimate's influence and the users its rows belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from tactful.core.arrays import F64, I64
from tactful.core.estimate import Estimate

CLUSTER_T = "cluster-t"
BOOTSTRAP_PERCENTILE, BOOTSTRAP_BASIC = "bootstrap-percentile", "bootstrap-basic"
BETTING, BETTING_ANYTIME, BERNSTEIN = "betting", "betting-anytime", "empirical-bernstein"

VALID_FOR: Mapping[str, str] = {
    CLUSTER_T: "asymptotic in users",
    BOOTSTRAP_PERCENTILE: "asymptotic in users",
    BOOTSTRAP_BASIC: "asymptotic in users",
    BETTING: "finite sample, independent users, read once",
    BETTING_ANYTIME: "any time, one entry per user",
    BERNSTEIN: "finite sample, independent users, read once",
}


class Interval(NamedTuple):
    """Standard error by user, bounds, and the method that gave them."""

    se: float
    low: float
    high: float
    method: str

    @property
    def valid_for(self) -> str:
        """When the stated level holds."""
        return VALID_FOR[self.method]


def cluster_t(estimate: Estimate, user: I64, level: float = 0.95) -> Interval:
    """Value ± t · SE with the rows of a user as one observation and users − 1 degrees of freedom.

    Asymptotic in the number of users; too narrow for rare events and for few effective rows, which the verdict says.
    ``user`` (n,) codes from 0. Reference: Liang & Zeger 1986; Bell & McCaffrey 2002 for the t.
    """
    se = estimate.standard_error(user)
    users = int(np.count_nonzero(np.bincount(user)))
    reach = float(stdtrit(max(users - 1, 1), (1 + level) / 2)) * se
    return Interval(se, estimate.value - reach, estimate.value + reach, CLUSTER_T)


def user_totals(user: I64, row: F64) -> F64:
    """(u,) the sum of a quantity (n,) over the rows of each user; ``user`` (n,) codes from 0."""
    return np.bincount(user, row).astype(np.float64, copy=False)
