"""Posterior draws have the distributions that they are named after; the share of wins is counted right.

Each statistical test fails once in 10⁶ runs of a right sampler (once in 10⁶ for the whole of its parameters).
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from logs import JIT
from tactful.kernels import bank

DRAWS = 20_000 if JIT else 1500
FALSE_ALARM = 1e-6


def drawn(kernel, a, b, seed=11, stream=0, m=DRAWS):
    out = np.empty((m, len(a)))
    kernel(np.array(a, float), np.array(b, float), np.uint64(seed), np.uint64(stream), out)
    return out


def agree(out, laws):
    """Kolmogorov–Smirnov of each column against its law, Bonferroni over columns."""
    for column, law in zip(out.T, laws, strict=True):
        assert stats.kstest(column, law.cdf).pvalue > FALSE_ALARM / len(laws), law.args


def test_gamma_draws_follow_the_gamma_law():
    shape, rate = [0.05, 0.5, 1.0, 3.7, 400.0], [1.0, 2.0, 0.1, 1.0, 50.0]
    out = drawn(bank.gamma, shape, rate)
    agree(out, [stats.gamma(a, scale=1 / b) for a, b in zip(shape, rate, strict=True)])


def test_beta_draws_follow_the_beta_law():
    a, b = [0.3, 1.0, 2.0, 30.0, 4000.0], [0.7, 1.0, 500.0, 3.0, 6000.0]
    out = drawn(bank.beta, a, b)
    agree(out, [stats.beta(*p) for p in zip(a, b, strict=True)])


def test_gaussian_draws_follow_the_normal_law():
    mean, sd = [0.0, -3.0, 1e3], [1.0, 0.2, 25.0]
    agree(drawn(bank.gaussian, mean, sd), [stats.norm(*p) for p in zip(mean, sd, strict=True)])


@pytest.mark.parametrize("shape", [1e-4, 1e-2])
def test_moments_of_tiny_shapes(shape):
    """A gamma variate of tiny shape underflows to 0; its logarithm and a beta variate made of it do not."""
    gamma, beta = drawn(bank.gamma, [shape], [1.0], m=2000), drawn(bank.beta, [shape], [shape], m=2000)
    assert np.isfinite(gamma).all()
    assert ((beta >= 0) & (beta <= 1)).all()
    # Beta(ε, ε) is a fair coin in the limit: the number of draws above one half is binomial.
    assert stats.binomtest(int((beta > 0.5).sum()), beta.size, 0.5).pvalue > FALSE_ALARM


def test_cells_and_streams_are_independent():
    """|correlation| below the 10⁻⁶ quantile of independent normals, Bonferroni over 6 pairs."""
    one, two = drawn(bank.gaussian, [0, 0], [1, 1], stream=0), drawn(bank.gaussian, [0, 0], [1, 1], stream=1)
    r = np.corrcoef(np.hstack([one, two]).T)[np.triu_indices(4, 1)]
    assert np.abs(r).max() * np.sqrt(DRAWS) < stats.norm.isf(FALSE_ALARM / 12)


def test_a_draw_does_not_depend_on_the_others():
    many, few = drawn(bank.beta, [2, 3, 4], [1, 1, 1], m=30), drawn(bank.beta, [2, 3], [1, 1], m=10)
    np.testing.assert_array_equal(many[:10, :2], few)
    assert not (many == drawn(bank.beta, [2, 3, 4], [1, 1, 1], m=30, seed=12)).any()


def wins_of(utility):
    out = np.empty(utility.shape[1:])
    bank.wins(np.ascontiguousarray(utility.swapaxes(0, 1)), out)
    return out


@given(st.integers(1, 6), st.integers(1, 3), st.integers(2, 5), st.integers(0, 2**32))
def test_wins_are_counted_and_ties_split_equally(m, s, k, seed):
    utility = np.random.default_rng(seed).integers(-2, 3, (m, s, k)).astype(float)
    expected = np.zeros((s, k))
    for draw in utility:
        for node, row in enumerate(draw.tolist()):
            best = [a for a in range(k) if row[a] == max(row)]
            for a in best:
                expected[node, a] += 1 / len(best) / m
    np.testing.assert_allclose(wins_of(utility), expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(wins_of(utility).sum(1), 1, rtol=0, atol=1e-14)
