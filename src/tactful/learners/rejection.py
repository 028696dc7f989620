"""Which logged decisions a learner would have made: rejection sampling with the logged propensities."""

from __future__ import annotations

import numpy as np

from tactful.core.arrays import F64, U64, Bool
from tactful.core.draw import user_keys
from tactful.core.log import Log
from tactful.errors import NothingToSayError, SpecError
from tactful.kernels import philox

TOLERANCE = 1e-9  # of a probability of acceptance above 1
ODD = np.uint64(0x9E3779B97F4A7C15)


def smallest_propensity(log: Log, declared: float | None) -> float:
    """p_min: what logging gave any eligible action at least, as declared or from its vectors.

    Raises
    ------
    NothingToSayError
        Neither is known, or logging could not take an eligible action, so that no replay can.
    SpecError
        The declared one is no probability.
    """
    if declared is not None:
        if not 0 < declared <= 1:
            raise SpecError(f"a least propensity of {declared}", "[log] min_propensity", "choose a number in (0, 1]")
        return declared
    if log.propensities is None:
        raise NothingToSayError(
            "the least propensity is not known: the log has no vectors",
            "replay",
            "log propensities, or state what logging guarantees as [log] min_propensity",
        )
    eligible = np.ones((1, 1), np.bool_) if log.eligible is None else log.eligible
    smallest = float(np.min(log.propensities, where=eligible, initial=1.0))
    if smallest <= 0:
        never = (log.propensities <= 0) & eligible
        rows = np.flatnonzero(never.any(1))
        raise NothingToSayError(
            f"logging could never take an eligible action in {rows.size:,} rows "
            f"(such as {log.actions.names[int(np.argmax(never[rows[0]]))]})",
            "replay",
            "mark it as not eligible there, or leave these rows out with [log] where",
        )
    return smallest


def acceptance_rate(log: Log, smallest: float, uniform: float) -> float:
    """C = p_min / (1 − η + η/m), m the fewest eligible actions: the probability with which any row is accepted.

    It is the largest for which c·π(a|x)/p is a probability for every policy with the ``uniform`` share η.
    """
    m = log.actions.k if log.eligible is None else int(log.eligible.sum(1).min(initial=log.actions.k))
    return smallest / (1 - uniform + uniform / m)


def draw_coins(log: Log, seed: int) -> F64:
    """(n,) uniforms in (0, 1), keyed by user, period and scope: the same for any order of rows."""
    scope = user_keys(log.scope.names)[log.scope.code]
    key: U64 = log.user_key[log.user] + ODD * (log.period.astype(np.uint64) + ODD * scope)
    out = np.empty(log.n)
    philox.uniforms(np.uint64(seed), key, np.uint64(0), out)
    return out


def accept(coin: F64, pi: F64, propensity: F64, rate: float) -> Bool:
    """(m,) rows with coin < c·π/p: of those accepted, contexts, actions and rewards are as if the learner had decided.

    Parameters
    ----------
    coin
        (m,) uniforms in (0, 1).
    pi
        (m,) the learner's probability of the logged action.
    propensity
        (m,) that of logging.
    rate
        c, the probability with which any row is accepted.

    Raises
    ------
    NothingToSayError
        c·π/p exceeds 1 somewhere: the propensity is below the least that was declared. Reference: Li et al. 2011, for
        uniform logging; Mandel et al. 2016 for any.
    """
    chance = rate * pi / propensity
    if (excessive := int(np.count_nonzero(chance > 1 + TOLERANCE))) > 0:
        raise NothingToSayError(
            f"the probability of acceptance exceeds 1 in {excessive:,} rows, which would skew the contexts",
            "[log] min_propensity",
            f"state a smaller one: there are propensities of {propensity[chance > 1].min():.4g}",
        )
    return coin < chance
