"""Marginal likelihoods against scipy: up to a constant in the prior they are those of the predictive law."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reference.conjugate import log_marginal, variance
from tactful.core.outcomes import Outcome
from tactful.models.conjugate.families import Beta, Gamma, Gaussian, family

MEANS, KAPPAS = st.floats(0.01, 0.99), st.floats(0.3, 1e4)
Y, T = np.array([0.0, 3.0, 7.0, 0.0]), np.array([0.0, 3.0, 20.0, 5.0])


def differences(f, law):
    """How the log-likelihood of each cell changes from one prior to another."""
    one, other = (f.log_marginal(Y, T, np.full(4, m), np.full(4, k)) for m, k in law)
    return one - other


@given(MEANS, KAPPAS, MEANS, KAPPAS)
def test_beta_is_beta_binomial(m1, k1, m2, k2):
    def law(m, k):
        return stats.betabinom(T.astype(int), k * m, k * (1 - m)).logpmf(Y)

    np.testing.assert_allclose(
        differences(Beta(), ((m1, k1), (m2, k2))), law(m1, k1) - law(m2, k2), rtol=1e-8, atol=1e-7
    )


@given(MEANS, KAPPAS, MEANS, KAPPAS)
def test_gamma_is_negative_binomial(m1, k1, m2, k2):
    seen = T > 0

    def law(m, k):
        return stats.nbinom(k * m, k / (k + T[seen])).logpmf(Y[seen])

    ours = differences(Gamma(), ((m1, k1), (m2, k2)))
    np.testing.assert_allclose(ours[seen], law(m1, k1) - law(m2, k2), rtol=1e-8, atol=1e-7)
    np.testing.assert_allclose(ours[~seen], 0, atol=1e-9)


@given(MEANS, KAPPAS, MEANS, KAPPAS, st.floats(0.1, 10))
def test_gaussian_is_the_law_of_the_cell_mean(m1, k1, m2, k2, noise):
    seen = T > 0

    def law(m, k):
        return stats.norm(m, np.sqrt(noise / k + noise / T[seen])).logpdf(Y[seen] / T[seen])

    ours = differences(Gaussian(noise), ((m1, k1), (m2, k2)))
    np.testing.assert_allclose(ours[seen], law(m1, k1) - law(m2, k2), rtol=1e-8, atol=1e-7)
    np.testing.assert_array_equal(ours[~seen], 0)


@pytest.mark.parametrize(("f", "kind"), [(Beta(), "rate"), (Gamma(), "count"), (Gaussian(2.5), "real")])
def test_families_equal_the_reference(f, kind):
    rng = np.random.default_rng(1)
    mean, kappa = rng.uniform(0.01, 0.99, 4), rng.uniform(0.3, 100, 4)
    ours = f.log_marginal(Y, T, mean, kappa)
    expected = [log_marginal(*cell, kind, 2.5) for cell in zip(Y, T, mean, kappa, strict=True)]
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        f.variance(mean, kappa), [variance(m, k, kind, 2.5) for m, k in zip(mean, kappa, strict=True)], rtol=1e-12
    )


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome("a", "binary"), Beta()),
        (Outcome("a", "count"), Gamma()),
        (Outcome("a", "count", has_trials=True), Beta()),
        (Outcome("a", "real"), Gaussian(3.0)),
    ],
)
def test_the_family_of_a_kind(outcome, expected):
    assert family(outcome, 3.0) == expected
