"""Variates by inversion follow their distributions."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tactful.simulate.chance import binomial, normal


def test_variates_have_their_distributions():
    """Inversion against scipy's own quantiles; a normal by Kolmogorov and Smirnov, false-alarm rate 1e-4."""
    u = (np.arange(2000) + 0.5) / 2000
    for n, p in ((7, 0.1), (5, 0.9), (0, 0.3)):
        np.testing.assert_array_equal(
            binomial(u, np.full(u.size, float(n)), np.full(u.size, p)), stats.binom.ppf(u, n, p)
        )
    assert stats.kstest(normal(1, np.arange(20_000, dtype=np.uint64), 0), "norm").pvalue > 1e-4
