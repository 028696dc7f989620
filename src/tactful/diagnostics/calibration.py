"""Do the actions follow the logged vectors? Overall, in every stratum, and by the size of the probability."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from tactful.core.arrays import F64
from tactful.core.log import Log
from tactful.diagnostics.finding import TEST_LEVEL, Finding
from tactful.diagnostics.strata import ActionCounts, count_actions, stratifications
from tactful.ope.tails import bennett

MIN_VARIANCE = 20.0  # of a count, from which χ² is used
OCTAVES = 24
CULPRIT_SHARE = 0.8  # of all excess that one action has where the actions drawn were replaced by it
SUBTESTS = 4  # χ² overall, counts overall, counts by stratum, counts by octave
MAX_MISMATCH = 1e-6  # between the propensity and the vector's entry


class Deviation(NamedTuple):
    """The count that deviates most from its expectation."""

    p: float
    """Bound on its probability, over all counts that were compared."""
    action: int
    """Index of the action; −1 where entries of several actions are counted together."""
    place: str
    """Where it is, as words that follow the name of the action."""
    taken: float
    """The count."""
    expected: float
    """What the vectors promised."""


def find_miscalibration(log: Log) -> Iterator[Finding]:
    """Find actions that do not follow the vectors: errors ``mismatch``, ``overrides`` and ``calibration``.

    A χ² with the exact covariance of the counts, Bennett bounds over all counts of (segment, eligible actions, arm,
    period) × action, the same overall, and over octaves of the probability: four subtests of one significance level.
    """
    vectors = log.propensities
    if vectors is None or log.n == 0:
        return
    yield from _mismatch(log, vectors)
    overall = count_actions(log, vectors, np.zeros(log.n, np.int64), 1)
    chi2, df = chi_squared(overall, vectors)
    named = min([_largest_deviation(overall, "", [""]), *_deviations_by_stratum(log, vectors)], key=lambda d: d.p)
    octave = _deviation_by_octave(log, vectors)
    p = min(1.0, SUBTESTS * min(float(chdtrc(df, chi2)) if df else 1.0, named.p, octave.p))
    if p < TEST_LEVEL:
        worst = named if SUBTESTS * named.p < TEST_LEVEL else min(named, octave, key=lambda d: d.p)
        statistic = f"χ² {chi2:.1f} at {df} degrees, p {p:.2g}"
        yield _override(log, overall, statistic, p) or _miscalibration(log, worst, statistic, p)


def _mismatch(log: Log, vectors: F64) -> Iterator[Finding]:
    if log.propensity is None:
        return
    mismatch = np.abs(log.propensity - vectors[np.arange(log.n), log.action]) > MAX_MISMATCH
    if mismatch.any():
        yield Finding(
            "error",
            f"in {int(mismatch.sum()):,} rows the propensity is not the vector's entry for the action: one of the two "
            "was changed after the draw; log both from one draw",
            "mismatch",
        )


def _override(log: Log, overall: ActionCounts, statistic: str, p: float) -> Finding | None:
    """The finding that one action replaced others, if one has nearly all the excess."""
    excess = (overall.taken - overall.expected)[0]
    culprit = int(np.argmax(excess))
    sd = float(np.sqrt(overall.variance[0, culprit]))
    if not (excess[culprit] >= CULPRIT_SHARE * np.maximum(excess, 0).sum() and excess[culprit] > 4 * sd):
        return None
    share = excess[culprit] / max(log.n - overall.expected[0, culprit], 1.0)
    return Finding(
        "error",
        f"actions do not follow the propensities ({statistic}): {log.actions.names[culprit]} was taken "
        f"{overall.taken[0, culprit]:,.0f} times, {overall.expected[0, culprit]:,.0f} expected, as if "
        f"{100 * share:.1f} % of the other actions had been replaced by it after the draw; log the action drawn, and "
        "what was delivered as an outcome",
        "overrides",
        p,
    )


def _miscalibration(log: Log, worst: Deviation, statistic: str, p: float) -> Finding:
    subject, verb = (log.actions.names[worst.action], "was") if worst.action >= 0 else ("actions", "were")
    return Finding(
        "error",
        f"actions do not follow the propensities ({statistic}): {subject}{worst.place} {verb} taken "
        f"{worst.taken:,.0f} times, {worst.expected:,.0f} expected; estimates would be wrong: find what changes "
        "actions or probabilities after the draw",
        "calibration",
        p,
    )


def chi_squared(overall: ActionCounts, vectors: F64) -> tuple[float, int]:
    """(N − E)ᵀ V⁺ (N − E) with V = Σ_i diag(p_i) − p_i p_iᵀ over actions of enough variance, and its degrees."""
    tested = overall.variance[0] >= MIN_VARIANCE
    if not tested.any():
        return 0.0, 0
    deviation = (overall.taken - overall.expected)[0, tested]
    p = vectors[:, tested]
    covariance = np.diag(overall.expected[0, tested]) - p.T @ p
    eigenvalues, axes = np.linalg.eigh(covariance)
    # Rows of a pmf sum to 1, so one direction has no variance where every action is tested.
    free = eigenvalues > max(1.0, 1e-9 * float(eigenvalues[-1]))
    components = deviation @ axes[:, free]
    return float(np.sum(components**2 / eigenvalues[free])), int(free.sum())


def _deviations_by_stratum(log: Log, vectors: F64) -> Iterator[Deviation]:
    divisions = list(stratifications(log))
    for division in divisions:
        counts = count_actions(log, vectors, division.stratum, len(division.names))
        worst = _largest_deviation(counts, division.name, division.names)
        yield worst._replace(p=min(1.0, worst.p * len(divisions)))


def _largest_deviation(counts: ActionCounts, division: str, names: list[str]) -> Deviation:
    deviation = counts.taken - counts.expected
    p = bennett(np.abs(deviation), counts.variance)
    g, a = np.unravel_index(int(np.argmin(p)), p.shape)
    place = f" in {division} {names[g]}" if division else ""
    bound = min(1.0, 2 * counts.expected.size * float(p[g, a]))
    return Deviation(bound, int(a), place, float(counts.taken[g, a]), float(counts.expected[g, a]))


def _deviation_by_octave(log: Log, vectors: F64) -> Deviation:
    """Entries of alike probability together: what a wrong scale, or a random replacement, shows in."""
    p = vectors
    octave = np.minimum(-np.frexp(np.maximum(p, 1e-300))[1], OCTAVES - 2) + 1
    octave[p == 0] = OCTAVES - 1
    flat = octave.ravel()
    expected = np.bincount(flat, p.ravel(), OCTAVES)
    # Within a row the counts of one octave are one draw: its variance is q(1 − q), q their sum.
    square = np.zeros(OCTAVES)
    for o in np.unique(flat).tolist():
        square[o] = np.sum(np.sum(p, axis=1, where=octave == o) ** 2)
    taken = np.bincount(octave[np.arange(log.n), log.action], minlength=OCTAVES).astype(np.float64)
    bound = bennett(np.abs(taken - expected), np.maximum(expected - square, 0.0))
    o = int(np.argmin(bound))
    place = (
        f" with probabilities from {2.0**-o:.3g} to {2.0 ** -(o - 1):.3g}" if o < OCTAVES - 1 else " of probability 0"
    )
    return Deviation(min(1.0, 2 * OCTAVES * float(bound[o])), -1, place, float(taken[o]), float(expected[o]))
