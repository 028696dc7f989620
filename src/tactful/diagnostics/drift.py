"""Do recent data agree with a posterior? Per segment and outcome, with one false-alarm rate for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import betainc, ndtr

from tactful.core.arrays import F64, I64
from tactful.core.log import Log
from tactful.core.outcomes import Outcome
from tactful.diagnostics.finding import FALSE_ALARM, Finding
from tactful.errors import LogError, SpecError
from tactful.models.base import Posterior, ProvidesWatermarks

PREDICTIVE_DRAWS = 512
MIN_NORMAL = 100.0  # events and non-events expected, from which a binary outcome's sum is taken as normal


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """Recent decisions of one segment against what a posterior expects of them, for one outcome.

    Examples
    --------
    >>> found = Disagreement(
    ...     segment="ios", outcome="engaged", n=1000, observed=0.4, expected=0.5, se=0.02, p=1e-5, alarm=True
    ... )
    >>> found.finding().level
    'warning'
    """

    segment: str
    """Path of the segment; empty for the root."""
    outcome: str
    """The outcome."""
    n: int
    """Recent decisions whose outcome is known."""
    observed: float
    """Mean per decision in them."""
    expected: float
    """Mean per decision that the posterior predicts for the same actions."""
    se: float
    """Standard error of the difference: of the posterior, and of the outcome with its dispersion by user."""
    p: float
    """Two-sided p-value, adjusted for all segments and outcomes (Holm 1979)."""
    alarm: bool = False
    """Whether ``p`` is below the false-alarm rate."""

    def finding(self) -> Finding:
        """What a check says of it."""
        return Finding(
            "warning",
            f"{self.outcome} in {self.segment or 'the root'}: {self.observed:.4g} per decision in {self.n:,} recent "
            f"ones, {self.expected:.4g} ± {self.se:.2g} expected by the posterior (p {self.p:.2g}): the world or the "
            "users have changed; update it, or fit with a half-life",
            "drift",
            self.p,
        )


def drift(
    log: Log, posterior: Posterior, *, since_us: int | None = None, false_alarm: float = FALSE_ALARM, seed: int = 0
) -> list[Disagreement]:
    """Hold the rows that a posterior has not counted against what it predicts for them.

    Predicted is Σ μ(segment, action) over the rows; its variance is that of the posterior of this very sum (by draws,
    so correlations between actions count) and the outcome's own, times its dispersion by user. Rare outcomes have
    negative binomial tails.

    Parameters
    ----------
    log
        Rows as recent as may be; those up to the posterior's watermark are left out.
    posterior
        Fitted on earlier rows, over the same actions and outcomes; segments that it does not know are judged by their
        nearest ancestor.
    since_us
        Look at rows decided from then on (µs UTC), instead of after the watermark.
    false_alarm
        Probability that any segment or outcome raises an alarm if nothing has changed.
    seed
        Of the posterior's draws.

    Returns
    -------
    list[Disagreement]
        One for each (outcome, segment) with recent rows, the least likely first.

    Raises
    ------
    LogError
        The log has other actions, or no outcome of the posterior.
    SpecError
        The false-alarm rate is no probability.

    Examples
    --------
    >>> import tactful as tt
    >>> log = tt.World().simulate(1000, 4, seed=1).log
    >>> train, test = log.split(0.5, "drift")
    >>> disagreements = tt.drift(test, tt.Conjugate().fit(train), since_us=0)
    >>> len(disagreements), any(d.alarm for d in disagreements)
    (72, False)
    """
    if not 0 < false_alarm < 1:
        raise SpecError(f"a false-alarm rate of {false_alarm}", "drift", "choose it between 0 and 1")
    if posterior.actions.names != log.actions.names or not set(posterior.outcomes) & set(log.outcomes):
        raise LogError("other actions or outcomes than the posterior was fitted on", do="use the same spec")
    watermarks: Mapping[str, int] = posterior.watermarks if isinstance(posterior, ProvidesWatermarks) else {}
    disagreements: list[Disagreement] = []
    for o in (o for o in posterior.outcomes if o in log.outcomes):
        rows = log.outcomes[o].known
        watermark = watermarks.get(o) if since_us is None else since_us - 1
        if watermark is not None and log.decided_at is not None:
            rows = rows & (log.decided_at > watermark)
        if rows.any():
            disagreements += _by_segment(log.take(rows), posterior, o, seed)
    return _holm(disagreements, false_alarm)


def _by_segment(log: Log, posterior: Posterior, outcome: str, seed: int) -> Iterator[Disagreement]:
    node = posterior.segments.locate(log.segments)
    segments, segment = np.unique(log.segment, return_inverse=True)
    k, spec, y = log.actions.k, log.outcomes[outcome].spec, log.outcomes[outcome].value
    mu = posterior.mean(outcome)[node[log.segment], log.action]
    n = np.bincount(segment).astype(np.float64)
    observed, expected = (np.bincount(segment, x).astype(np.float64) for x in (y, mu))
    count = np.bincount(segment * k + log.action, minlength=segments.size * k).reshape(-1, k).astype(np.float64)
    draws = posterior.draws(outcome, PREDICTIVE_DRAWS, seed)[:, node[segments]]
    posterior_variance = np.einsum("mga,ga->mg", draws, count).var(0, ddof=1)
    independent = np.bincount(segment, _variance(spec, mu)).astype(np.float64)
    dispersion = _dispersion(spec, log.user, segment, y - mu, float(independent.sum()))
    p = tail_probability(
        spec,
        n,
        observed,
        expected,
        independent=independent,
        dispersion=dispersion,
        posterior_variance=posterior_variance,
    )
    se = np.sqrt(dispersion * independent + posterior_variance) / n
    for g, s in enumerate(segments):
        yield Disagreement(
            segment=log.segments.paths[int(s)],
            outcome=outcome,
            n=int(n[g]),
            observed=float(observed[g] / n[g]),
            expected=float(expected[g] / n[g]),
            se=float(se[g]),
            p=float(p[g]),
        )


def _variance(spec: Outcome, mu: F64) -> F64:
    """(n,) of an outcome with mean ``mu``, up to the dispersion: p(1 − p), the mean of a count, 1 for real outcomes."""
    if spec.kind == "real":
        return np.ones_like(mu)
    return mu * (1 - mu) if spec.kind == "binary" else np.maximum(mu, 0.0)


def _dispersion(spec: Outcome, user: I64, segment: I64, residual: F64, independent: float) -> float:
    """Squares of users' summed residuals within a segment over what independent rows would give; at least 1."""
    centred = residual - (np.bincount(segment, residual) / np.bincount(segment))[segment]
    _, group = np.unique(segment * (int(user.max()) + 1) + user, return_inverse=True)
    ratio = float(np.sum(np.bincount(group, centred) ** 2)) / max(independent, 1e-12)
    return ratio if spec.kind == "real" else max(1.0, ratio)


def tail_probability(
    spec: Outcome,
    n: F64,
    observed: F64,
    expected: F64,
    *,
    independent: F64,
    dispersion: float,
    posterior_variance: F64,
) -> F64:
    """(g,) two-sided probabilities of sums as far from what is expected as those observed.

    Parameters
    ----------
    spec
        The outcome. Real outcomes, and those of many events, have normal tails; others those of Gamma–Poisson sums.
    n
        (g,) decisions.
    observed, expected
        (g,) sums over them.
    independent
        (g,) variance of a sum of independent decisions.
    dispersion
        Factor on that variance, from what rows of one user have in common.
    posterior_variance
        (g,) of the expected sum.
    """
    sd = np.sqrt(np.maximum(dispersion * independent + posterior_variance, 1e-300))
    normal = 2 * ndtr(-np.abs(observed - expected) / sd)
    if spec.kind == "real":
        return np.minimum(normal, 1.0)
    # Gamma–Poisson: mean m, variance m + v, in units of the dispersion.
    m, v = np.maximum(expected / dispersion, 1e-12), posterior_variance / dispersion**2
    v = np.maximum(v, 1e-6 * m)
    shape, share = m * m / v, m / (m + v)
    x = observed / dispersion
    upper = betainc(shape, x + 1, share)
    lower = np.where(x > 0, betainc(np.maximum(x, 1e-12), shape, 1 - share), 1.0)
    gamma_poisson = np.minimum(2 * np.minimum(upper, lower), 1.0)
    rarer = np.minimum(expected, n - expected if spec.kind == "binary" else expected) / dispersion
    return np.where(rarer >= MIN_NORMAL, np.minimum(normal, 1.0), gamma_poisson)


def _holm(disagreements: list[Disagreement], false_alarm: float) -> list[Disagreement]:
    """The least likely first, their p adjusted for all of them. Reference: Holm 1979."""
    ranked, p, adjusted = sorted(disagreements, key=lambda d: d.p), 0.0, list[Disagreement]()
    for i, d in enumerate(ranked):
        p = min(1.0, max(p, d.p * (len(ranked) - i)))
        adjusted.append(replace(d, p=p, alarm=p < false_alarm))
    return adjusted
