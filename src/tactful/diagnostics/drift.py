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
from tactful.models.base import Posterior

DRAWS = 512
NORMAL = 100.0  # events and non-events expected, from which a binary outcome's sum is taken as normal


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One outcome in one segment: the mean that was ``observed`` in ``n`` recent decisions and the one ``expected``.

    ``p`` is adjusted for all segments and outcomes (Holm); ``alarm`` where it is below the false-alarm rate.
    """

    segment: str
    outcome: str
    n: int
    observed: float
    expected: float
    se: float
    p: float
    alarm: bool = False

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
    """
    if not 0 < false_alarm < 1:
        raise SpecError(f"a false-alarm rate of {false_alarm}", "drift", "choose it between 0 and 1")
    if posterior.actions.names != log.actions.names or not set(posterior.outcomes) & set(log.outcomes):
        raise LogError("other actions or outcomes than the posterior was fitted on", do="use the same spec")
    marks: Mapping[str, int] = getattr(posterior, "watermarks", {})
    found: list[Disagreement] = []
    for o in (o for o in posterior.outcomes if o in log.outcomes):
        rows = log.outcomes[o].known
        mark = marks.get(o) if since_us is None else since_us - 1
        if mark is not None and log.decided_at is not None:
            rows = rows & (log.decided_at > mark)
        if rows.any():
            found += _of(log.take(rows), posterior, o, seed)
    return _holm(found, false_alarm)


def _of(log: Log, posterior: Posterior, outcome: str, seed: int) -> Iterator[Disagreement]:
    node = posterior.segments.locate(log.segments)[log.segment]
    parts, part = np.unique(log.segment, return_inverse=True)
    k, spec, y = log.actions.k, log.outcomes[outcome].spec, log.outcomes[outcome].value
    mu = posterior.mean(outcome)[node, log.action]
    n = np.bincount(part).astype(np.float64)
    observed, expected = (np.bincount(part, x).astype(np.float64) for x in (y, mu))
    count = np.bincount(part * k + log.action, minlength=parts.size * k).reshape(-1, k).astype(np.float64)
    at = posterior.segments.locate(log.segments)[parts]
    sums = np.einsum("mga,ga->mg", posterior.draws(outcome, DRAWS, seed)[:, at], count)
    alone = np.bincount(part, _variance(spec, mu)).astype(np.float64)
    scale = _dispersion(spec, log.user, part, y - mu, float(alone.sum()))
    p = _tails(spec, n, observed, expected, alone, scale, sums.var(0, ddof=1))
    se = np.sqrt(scale * alone + sums.var(0, ddof=1)) / n
    paths = [log.segments.paths[int(s)] for s in parts]
    for g, path in enumerate(paths):
        mean, wanted = float(observed[g] / n[g]), float(expected[g] / n[g])
        yield Disagreement(path, outcome, int(n[g]), mean, wanted, float(se[g]), float(p[g]))


def _variance(spec: Outcome, mu: F64) -> F64:
    """(n,) of one outcome, up to the dispersion: p(1 − p), the mean of a count, 1 for real outcomes."""
    if spec.kind == "real":
        return np.ones_like(mu)
    return mu * (1 - mu) if spec.kind == "binary" else np.maximum(mu, 0.0)


def _dispersion(spec: Outcome, user: I64, part: I64, residual: F64, alone: float) -> float:
    """Squares of users' summed residuals within a segment over what independent rows would give; at least 1."""
    centred = residual - (np.bincount(part, residual) / np.bincount(part))[part]
    _, group = np.unique(part * (int(user.max()) + 1) + user, return_inverse=True)
    found = float(np.sum(np.bincount(group, centred) ** 2)) / max(alone, 1e-12)
    return found if spec.kind == "real" else max(1.0, found)


def _tails(spec: Outcome, n: F64, seen: F64, wanted: F64, alone: F64, scale: float, spread: F64) -> F64:
    """(g,) two-sided probabilities of sums as far from ``wanted`` as those that were ``seen``."""
    normal = 2 * ndtr(-np.abs(seen - wanted) / np.sqrt(np.maximum(scale * alone + spread, 1e-300)))
    if spec.kind == "real":
        return np.minimum(normal, 1.0)
    # Gamma–Poisson: mean m, variance m + v, in units of the dispersion.
    m, v = np.maximum(wanted / scale, 1e-12), spread / scale**2
    v = np.maximum(v, 1e-6 * m)
    shape, share = m * m / v, m / (m + v)
    x = seen / scale
    most = betainc(shape, x + 1, share)
    least = np.where(x > 0, betainc(np.maximum(x, 1e-12), shape, 1 - share), 1.0)
    exact = np.minimum(2 * np.minimum(most, least), 1.0)
    both = np.minimum(wanted, n - wanted if spec.kind == "binary" else wanted) / scale
    return np.where(both >= NORMAL, np.minimum(normal, 1.0), exact)


def _holm(found: list[Disagreement], rate: float) -> list[Disagreement]:
    """The least likely first, their p adjusted for all of them. Reference: Holm 1979."""
    ranked, above, out = sorted(found, key=lambda d: d.p), 0.0, list[Disagreement]()
    for i, d in enumerate(ranked):
        above = min(1.0, max(above, d.p * (len(ranked) - i)))
        out.append(replace(d, p=above, alarm=above < rate))
    return out
