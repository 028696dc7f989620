"""Likelihoods of latent cells given their sums: binomial–logistic, Poisson–log and Gaussian; and their responses.

A cell with total y over size t has log density ℓ(f); ``slope`` is ℓ′, ``curvature`` W = −ℓ″ and ``bend`` ℓ‴.
Reference: Rasmussen & Williams 2006, section 3.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from scipy.special import expit, logit

from tactful.core.arrays import F64
from tactful.core.outcomes import Outcome

QUADRATURE_NODES = 32
MAX_LOG_RATE = 300.0  # its exponential is still finite
EDGE = 1e-6  # how near a rate comes to 0 and 1, and a count to 0, where a prior is centred
SMALLEST_VARIANCE = 1e-4  # of the delta method's variance: what the quadrature never falls below
_HERMITE: tuple[F64, F64] = np.polynomial.hermite_e.hermegauss(QUADRATURE_NODES)


class Likelihood(Protocol):
    """A likelihood of latent cells; arrays are of any one shape."""

    def link(self, mean: float) -> float:
        """The latent value of a mean: where a prior is centred."""
        ...

    def value(self, y: F64, t: F64, f: F64) -> float:
        """Σ ℓ(f), up to what does not depend on f."""
        ...

    def slope(self, y: F64, t: F64, f: F64) -> F64:
        """ℓ′ of each cell."""
        ...

    def curvature(self, t: F64, f: F64) -> F64:
        """W = −ℓ″ of each cell."""
        ...

    def bend(self, t: F64, f: F64) -> F64:
        """ℓ‴ of each cell."""
        ...

    def response(self, f: F64) -> F64:
        """The mean at a latent value, written over ``f`` where that saves memory."""
        ...

    def moments(self, mean: F64, variance: F64) -> tuple[F64, F64]:
        """Mean and variance of the response of a Gaussian latent."""
        ...

    def size(self, mean: F64, variance: F64) -> F64:
        """Effective sample size: how many independent observations would leave this variance of the mean."""
        ...


@final
@dataclass(frozen=True, slots=True)
class Binomial:
    """Totals y of t trials, with the logistic link; moments by Gauss–Hermite with 32 nodes."""

    def link(self, mean: float) -> float:
        return float(logit(min(max(mean, EDGE), 1 - EDGE)))

    def value(self, y: F64, t: F64, f: F64) -> float:
        return float(np.sum(y * f - t * np.logaddexp(0.0, f)))

    def slope(self, y: F64, t: F64, f: F64) -> F64:
        return y - t * expit(f)

    def curvature(self, t: F64, f: F64) -> F64:
        p = expit(f)
        return t * p * (1 - p)

    def bend(self, t: F64, f: F64) -> F64:
        p = expit(f)
        return -t * p * (1 - p) * (1 - 2 * p)

    def response(self, f: F64) -> F64:
        np.negative(f, out=f)
        np.exp(f, out=f)
        f += 1.0
        return np.reciprocal(f, out=f)

    def moments(self, mean: F64, variance: F64) -> tuple[F64, F64]:
        sd = np.sqrt(variance)
        nodes, weights = _HERMITE
        first, second = np.zeros_like(mean), np.zeros_like(mean)
        for x, weight in zip(nodes, weights / weights.sum(), strict=True):
            p = self.response(mean + x * sd)
            first += weight * p
            second += weight * p * p
        smallest = SMALLEST_VARIANCE * variance * first**2 * (1 - first) ** 2
        return first, np.maximum(second - first * first, smallest)

    def size(self, mean: F64, variance: F64) -> F64:
        return mean * (1 - mean) / variance


@final
@dataclass(frozen=True, slots=True)
class Poisson:
    """Counts y over exposure t, with the logarithmic link; the moments of its lognormal response are exact."""

    def link(self, mean: float) -> float:
        return float(np.log(max(mean, EDGE)))

    def value(self, y: F64, t: F64, f: F64) -> float:
        return float(np.sum(y * f - t * _exp(f)))

    def slope(self, y: F64, t: F64, f: F64) -> F64:
        return y - t * _exp(f)

    def curvature(self, t: F64, f: F64) -> F64:
        return t * _exp(f)

    def bend(self, t: F64, f: F64) -> F64:
        return -t * _exp(f)

    def response(self, f: F64) -> F64:
        np.minimum(f, MAX_LOG_RATE, out=f)
        return np.exp(f, out=f)

    def moments(self, mean: F64, variance: F64) -> tuple[F64, F64]:
        first = np.exp(mean + variance / 2)
        return first, first * first * np.expm1(variance)

    def size(self, mean: F64, variance: F64) -> F64:
        return mean / variance


@final
@dataclass(frozen=True, slots=True)
class Normal:
    """A real outcome: the latent is its mean in units of the noise, so that a unit of t is a unit of precision."""

    noise: float
    """Standard deviation of one observation."""

    def link(self, mean: float) -> float:
        return mean / self.noise

    def value(self, y: F64, t: F64, f: F64) -> float:
        return float(np.sum(y * f / self.noise - t * f * f / 2))

    def slope(self, y: F64, t: F64, f: F64) -> F64:
        return y / self.noise - t * f

    def curvature(self, t: F64, f: F64) -> F64:  # noqa: ARG002
        return t

    def bend(self, t: F64, f: F64) -> F64:  # noqa: ARG002
        return np.zeros_like(t)

    def response(self, f: F64) -> F64:
        f *= self.noise
        return f

    def moments(self, mean: F64, variance: F64) -> tuple[F64, F64]:
        return mean * self.noise, variance * self.noise**2

    def size(self, mean: F64, variance: F64) -> F64:  # noqa: ARG002
        return self.noise**2 / variance


def _exp(f: F64) -> F64:
    """The exponential without overflow: a Newton step may reach much too far before it is halved."""
    return np.exp(np.minimum(f, MAX_LOG_RATE))


def likelihood(outcome: Outcome, noise: float) -> Likelihood:
    """The likelihood for an outcome's kind; ``noise`` is the variance of one observation of a real outcome."""
    if outcome.kind == "binary" or outcome.has_trials:
        return Binomial()
    return Poisson() if outcome.kind == "count" else Normal(noise**0.5)
