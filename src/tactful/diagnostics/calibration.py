"""Do the actions follow the logged vectors? Overall, in every part of the log, and by the size of the probability."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from tactful.core.arrays import F64
from tactful.core.log import Log
from tactful.diagnostics.finding import EACH, Finding
from tactful.diagnostics.strata import Cells, cells, kinds
from tactful.ope.tails import bennett

ENOUGH = 20.0  # variance of a count from which χ² is used
OCTAVES = 24
OVERRIDDEN = 0.8  # share of all excess that one action has where others were replaced by it


class Worst(NamedTuple):
    """The cell that deviates most, the bound on its probability (over all cells), and where it is."""

    p: float
    action: int
    where: str
    taken: float
    expected: float


def calibration(log: Log) -> Iterator[Finding]:
    """Errors ``calibration`` and ``overrides``.

    A χ² with the exact covariance of the counts, Bennett bounds over all cells of (segment, eligible actions, arm,
    period) × action, the same overall, and over octaves of the probability: four parts of one false-alarm rate.
    """
    vectors = log.propensities
    if vectors is None or log.n == 0:
        return
    if log.propensity is not None:
        apart = np.abs(log.propensity - vectors[np.arange(log.n), log.action]) > 1e-6
        if apart.any():
            yield Finding(
                "error",
                f"in {int(apart.sum()):,} rows the propensity is not the vector's entry for the action: one of the two "
                "was changed after the draw; log both from one draw",
                "mismatch",
            )
    overall = cells(log, vectors, np.zeros(log.n, np.int64), 1)
    chi2, df = _chi2(overall, vectors)
    named = min([_worst(overall, "", [""]), *_by_kind(log, vectors)], key=lambda w: w.p)
    octave = _by_octave(log, vectors)
    p = min(1.0, 4 * min(float(chdtrc(df, chi2)) if df else 1.0, named.p, octave.p))
    if p < EACH:
        worst = named if 4 * named.p < EACH else min(named, octave, key=lambda w: w.p)
        yield _finding(log, overall, worst, f"χ² {chi2:.1f} at {df} degrees, p {p:.2g}", p)


def _finding(log: Log, overall: Cells, worst: Worst, shown: str, p: float) -> Finding:
    names = log.actions.names
    excess = (overall.taken - overall.expected)[0]
    most = int(np.argmax(excess))
    sd = float(np.sqrt(overall.variance[0, most]))
    if excess[most] >= OVERRIDDEN * np.maximum(excess, 0).sum() and excess[most] > 4 * sd:
        share = excess[most] / max(log.n - overall.expected[0, most], 1.0)
        return Finding(
            "error",
            f"actions do not follow the propensities ({shown}): {names[most]} was taken "
            f"{overall.taken[0, most]:,.0f} times, {overall.expected[0, most]:,.0f} expected, as if {100 * share:.1f} "
            "% of the other actions had been replaced by it after the draw; log the action drawn, and what was "
            "delivered as an outcome",
            "overrides",
            p,
        )
    return Finding(
        "error",
        f"actions do not follow the propensities ({shown}): {names[worst.action] if worst.action >= 0 else 'actions'}"
        f"{worst.where} {'was' if worst.action >= 0 else 'were'} taken {worst.taken:,.0f} times, {worst.expected:,.0f} "
        "expected; estimates would be wrong: find what changes actions or probabilities after the draw",
        "calibration",
        p,
    )


def _chi2(overall: Cells, vectors: F64) -> tuple[float, int]:
    """(N − E)ᵀ V⁺ (N − E) with V = Σ_i diag(p_i) − p_i p_iᵀ over actions of enough variance, and its degrees."""
    enough = overall.variance[0] >= ENOUGH
    if not enough.any():
        return 0.0, 0
    off = (overall.taken - overall.expected)[0, enough]
    kept = vectors[:, enough]
    covariance = np.diag(overall.expected[0, enough]) - kept.T @ kept
    size, axes = np.linalg.eigh(covariance)
    free = size > max(1.0, 1e-9 * float(size[-1]))
    along = off @ axes[:, free]
    return float(np.sum(along**2 / size[free])), int(free.sum())


def _by_kind(log: Log, vectors: F64) -> Iterator[Worst]:
    found = list(kinds(log))
    for kind in found:
        at = cells(log, vectors, kind.part, len(kind.names))
        worst = _worst(at, kind.name, kind.names)
        yield worst._replace(p=min(1.0, worst.p * len(found)))


def _worst(at: Cells, kind: str, names: list[str]) -> Worst:
    off = at.taken - at.expected
    p = bennett(np.abs(off), at.variance)
    g, a = np.unravel_index(int(np.argmin(p)), p.shape)
    where = f" in {kind} {names[g]}" if kind else ""
    bound = min(1.0, 2 * at.expected.size * float(p[g, a]))
    return Worst(bound, int(a), where, float(at.taken[g, a]), float(at.expected[g, a]))


def _by_octave(log: Log, vectors: F64) -> Worst:
    """Entries of alike probability together: what a wrong scale, or a random replacement, shows in."""
    p = vectors
    octave = np.minimum(-np.frexp(np.maximum(p, 1e-300))[1], OCTAVES - 2) + 1
    octave[p == 0] = OCTAVES - 1
    flat = octave.ravel()
    expected = np.bincount(flat, p.ravel(), OCTAVES)
    # Within a row the counts of one octave are one draw: its variance is q(1 − q), q their sum.
    total = np.zeros(OCTAVES)
    for o in np.unique(flat).tolist():
        total[o] = np.sum(np.sum(p, axis=1, where=octave == o) ** 2)
    taken = np.bincount(octave[np.arange(log.n), log.action], minlength=OCTAVES).astype(np.float64)
    bound = bennett(np.abs(taken - expected), np.maximum(expected - total, 0.0))
    o = int(np.argmin(bound))
    size = (
        f" with probabilities from {2.0**-o:.3g} to {2.0 ** -(o - 1):.3g}" if o < OCTAVES - 1 else " of probability 0"
    )
    return Worst(min(1.0, 2 * OCTAVES * float(bound[o])), -1, size, float(taken[o]), float(expected[o]))
