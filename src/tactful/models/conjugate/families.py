"""Conjugate families, all in one form: a cell's posterior is a mean m with a strength n.

Given prior (m₀, κ) and data with total y over size t, m = (κ m₀ + y)/(κ + t) and n = κ + t, for
Beta(mn, (1 − m)n) of a rate, Gamma(mn, n) of a count, and N(m, σ²/n) of a real mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import betaln, gammaln

from tactful.core.arrays import F64
from tactful.core.outcomes import Outcome
from tactful.kernels import bank


class Family(Protocol):
    """A conjugate family in (mean, strength) form; arrays are of any one shape."""

    def inside(self, mean: F64) -> F64:
        """Means moved into the interior of the family's range."""
        ...

    def log_marginal(self, y: F64, t: F64, mean: F64, kappa: F64) -> F64:
        """Log marginal likelihood of (y, t) under the prior, up to what does not depend on the prior."""
        ...

    def variance(self, mean: F64, strength: F64) -> F64:
        """Posterior variance."""
        ...

    def draws(self, mean: F64, strength: F64, seed: int, stream: int, out: F64) -> None:
        """Fill ``out`` (m, c) with draws of c cells."""
        ...


@dataclass(frozen=True, slots=True)
class Beta:
    """A rate in (0, 1)."""

    def inside(self, mean: F64) -> F64:
        return np.clip(mean, 1e-9, 1 - 1e-9)

    def log_marginal(self, y: F64, t: F64, mean: F64, kappa: F64) -> F64:
        a, b = kappa * mean, kappa * (1 - mean)
        return betaln(a + y, b + np.maximum(t - y, 0)) - betaln(a, b)

    def variance(self, mean: F64, strength: F64) -> F64:
        return mean * (1 - mean) / (strength + 1)

    def draws(self, mean: F64, strength: F64, seed: int, stream: int, out: F64) -> None:
        bank.beta(mean * strength, (1 - mean) * strength, np.uint64(seed), np.uint64(stream), out)


@dataclass(frozen=True, slots=True)
class Gamma:
    """A count per decision."""

    def inside(self, mean: F64) -> F64:
        return np.maximum(mean, 1e-9)

    def log_marginal(self, y: F64, t: F64, mean: F64, kappa: F64) -> F64:
        a = kappa * mean
        return gammaln(a + y) - gammaln(a) + a * np.log(kappa) - (a + y) * np.log(kappa + t)

    def variance(self, mean: F64, strength: F64) -> F64:
        return mean / strength

    def draws(self, mean: F64, strength: F64, seed: int, stream: int, out: F64) -> None:
        bank.gamma(mean * strength, strength, np.uint64(seed), np.uint64(stream), out)


@dataclass(frozen=True, slots=True)
class Gaussian:
    """A real mean; ``noise`` is the variance of one observation."""

    noise: float

    def inside(self, mean: F64) -> F64:
        return mean

    def log_marginal(self, y: F64, t: F64, mean: F64, kappa: F64) -> F64:
        seen = t > 0
        spread = self.noise * (1 / kappa + 1 / np.where(seen, t, 1.0))
        gap = y / np.where(seen, t, 1.0) - mean
        return np.where(seen, -0.5 * (np.log(spread) + gap * gap / spread), 0.0)

    def variance(self, mean: F64, strength: F64) -> F64:  # noqa: ARG002
        return self.noise / strength

    def draws(self, mean: F64, strength: F64, seed: int, stream: int, out: F64) -> None:
        bank.gaussian(mean, np.sqrt(self.noise / strength), np.uint64(seed), np.uint64(stream), out)


def family(outcome: Outcome, noise: float) -> Family:
    """The family of an outcome's kind; ``noise`` is used by real outcomes alone."""
    if outcome.kind == "binary" or outcome.has_trials:
        return Beta()
    return Gamma() if outcome.kind == "count" else Gaussian(noise)
