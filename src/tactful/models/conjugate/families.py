"""Conjugate families, all in one form: a cell's posterior is a mean m with a strength n.

Given the prior (m₀, κ) and data with total y over size t, m = (κ m₀ + y)/(κ + t) and n = κ + t, for Beta(mn, (1 − m)n)
of a rate, Gamma(mn, n) of a count, and N(m, σ²/n) of a real mean. Reference: Gelman et al. 2013, sections 2.4 to 2.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from scipy.special import betaln, gammaln

from tactful.core.arrays import F64
from tactful.core.outcomes import Outcome
from tactful.kernels import bank

INTERIOR = 1e-9  # how near a mean may come to the edge of its range


class Family(Protocol):
    """A conjugate family in (mean, strength) form; arrays are of any one shape."""

    def inside(self, mean: F64) -> F64:
        """Means moved into the interior of the family's range."""
        ...

    def log_marginal(self, y: F64, t: F64, mean: F64, kappa: F64) -> F64:
        """Log marginal likelihood of the data of each cell, up to what does not depend on the prior.

        Parameters
        ----------
        y, t
            Totals over sizes.
        mean, kappa
            Of the prior: its mean, and its strength in observations.
        """
        ...

    def variance(self, mean: F64, strength: F64) -> F64:
        """Posterior variance of each cell's mean."""
        ...

    def draws(self, mean: F64, strength: F64, seed: int, stream: int, out: F64) -> None:
        """Fill ``out`` with draws of c cells.

        Parameters
        ----------
        mean, strength
            (c,) of the posterior.
        seed, stream
            Draws are a function of these and of their position in ``out``.
        out
            (m, c).
        """
        ...


@final
@dataclass(frozen=True, slots=True)
class Beta:
    """A rate in (0, 1)."""

    def inside(self, mean: F64) -> F64:
        return np.clip(mean, INTERIOR, 1 - INTERIOR)

    def log_marginal(self, y: F64, t: F64, mean: F64, kappa: F64) -> F64:
        a, b = kappa * mean, kappa * (1 - mean)
        return betaln(a + y, b + np.maximum(t - y, 0)) - betaln(a, b)

    def variance(self, mean: F64, strength: F64) -> F64:
        return mean * (1 - mean) / (strength + 1)

    def draws(self, mean: F64, strength: F64, seed: int, stream: int, out: F64) -> None:
        bank.beta(mean * strength, (1 - mean) * strength, np.uint64(seed), np.uint64(stream), out)


@final
@dataclass(frozen=True, slots=True)
class Gamma:
    """A count per decision."""

    def inside(self, mean: F64) -> F64:
        return np.maximum(mean, INTERIOR)

    def log_marginal(self, y: F64, t: F64, mean: F64, kappa: F64) -> F64:
        a = kappa * mean
        return gammaln(a + y) - gammaln(a) + a * np.log(kappa) - (a + y) * np.log(kappa + t)

    def variance(self, mean: F64, strength: F64) -> F64:
        return mean / strength

    def draws(self, mean: F64, strength: F64, seed: int, stream: int, out: F64) -> None:
        bank.gamma(mean * strength, strength, np.uint64(seed), np.uint64(stream), out)


@final
@dataclass(frozen=True, slots=True)
class Gaussian:
    """A real mean."""

    noise: float
    """Variance of one observation."""

    def inside(self, mean: F64) -> F64:
        return mean

    def log_marginal(self, y: F64, t: F64, mean: F64, kappa: F64) -> F64:
        has_data = t > 0
        size = np.where(has_data, t, 1.0)
        spread = self.noise * (1 / kappa + 1 / size)
        gap = y / size - mean
        return np.where(has_data, -0.5 * (np.log(spread) + gap * gap / spread), 0.0)

    def variance(self, mean: F64, strength: F64) -> F64:  # noqa: ARG002
        return self.noise / strength

    def draws(self, mean: F64, strength: F64, seed: int, stream: int, out: F64) -> None:
        bank.gaussian(mean, np.sqrt(self.noise / strength), np.uint64(seed), np.uint64(stream), out)


def family(outcome: Outcome, noise: float) -> Family:
    """The family for an outcome's kind; ``noise`` is the variance of one observation of a real outcome."""
    if outcome.kind == "binary" or outcome.has_trials:
        return Beta()
    return Gamma() if outcome.kind == "count" else Gaussian(noise)
