"""Posterior draws are those of plain Python and have the laws that they are named after; wins are counted right.

Each statistical test fails once in 10⁶ runs of a right sampler (once in 10⁶ for the whole of its parameters).
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from logs import JIT
from reference import bank as reference
from tactful.kernels import bank

DRAWS = 20_000 if JIT else 1500
FALSE_ALARM = 1e-6


def draw(kernel, a, b, seed=11, stream=0, m=DRAWS):
    out = np.empty((m, len(a)))
    kernel(np.array(a, float), np.array(b, float), np.uint64(seed), np.uint64(stream), out)
    return out


@pytest.mark.parametrize("name", ["beta", "gamma", "gaussian"])
@pytest.mark.parametrize(("seed", "stream"), [(0, 0), (7, 3), (2**64 - 1, 2**23)])
def test_draws_are_those_of_plain_python(name, seed, stream):
    a, b = [1e-3, 0.3, 1.0, 2.5, 4000.0], [0.7, 1.0, 2e-2, 500.0, 6000.0]
    expected = [[getattr(reference, name)(a[c], b[c], seed, stream, i, c) for c in range(len(a))] for i in range(20)]
    kernel = {"beta": bank.beta, "gamma": bank.gamma, "gaussian": bank.gaussian}[name]
    np.testing.assert_allclose(draw(kernel, a, b, seed, stream, 20), expected, rtol=1e-12, atol=1e-300)


def agree(out, laws):
    """Kolmogorov–Smirnov of each column against its law, Bonferroni over columns."""
    for column, law in zip(out.T, laws, strict=True):
        assert stats.kstest(column, law.cdf).pvalue > FALSE_ALARM / len(laws), law.args


def test_gamma_draws_follow_the_gamma_law():
    shape, rate = [0.05, 0.5, 1.0, 3.7, 400.0], [1.0, 2.0, 0.1, 1.0, 50.0]
    out = draw(bank.gamma, shape, rate)
    agree(out, [stats.gamma(a, scale=1 / b) for a, b in zip(shape, rate, strict=True)])


def test_beta_draws_follow_the_beta_law():
    a, b = [0.3, 1.0, 2.0, 30.0, 4000.0], [0.7, 1.0, 500.0, 3.0, 6000.0]
    out = draw(bank.beta, a, b)
    agree(out, [stats.beta(*p) for p in zip(a, b, strict=True)])


def test_gaussian_draws_follow_the_normal_law():
    mean, sd = [0.0, -3.0, 1e3], [1.0, 0.2, 25.0]
    agree(draw(bank.gaussian, mean, sd), [stats.norm(*p) for p in zip(mean, sd, strict=True)])


@pytest.mark.parametrize("shape", [1e-4, 1e-2])
def test_moments_of_tiny_shapes(shape):
    """A gamma variate of tiny shape underflows to 0; its logarithm and a beta variate made of it do not."""
    gamma, beta = draw(bank.gamma, [shape], [1.0], m=2000), draw(bank.beta, [shape], [shape], m=2000)
    assert np.isfinite(gamma).all()
    assert ((beta >= 0) & (beta <= 1)).all()
    # Beta(ε, ε) is a fair coin in the limit: the number of draws above one half is binomial.
    assert stats.binomtest(int((beta > 0.5).sum()), beta.size, 0.5).pvalue > FALSE_ALARM


def test_cells_and_streams_are_independent():
    """|correlation| below the 10⁻⁶ quantile of independent normals, Bonferroni over 6 pairs."""
    streams = [draw(bank.gaussian, [0, 0], [1, 1], stream=stream) for stream in (0, 1)]
    r = np.corrcoef(np.hstack(streams).T)[np.triu_indices(4, 1)]
    assert np.abs(r).max() * np.sqrt(DRAWS) < stats.norm.isf(FALSE_ALARM / 12)


def test_a_draw_does_not_depend_on_the_others():
    many, few = draw(bank.beta, [2, 3, 4], [1, 1, 1], m=30), draw(bank.beta, [2, 3], [1, 1], m=10)
    np.testing.assert_array_equal(many[:10, :2], few)
    assert not (many == draw(bank.beta, [2, 3, 4], [1, 1, 1], m=30, seed=12)).any()


def wins_of(utility):
    out = np.empty((utility.shape[0], utility.shape[2]))
    bank.wins(utility, out)
    return out


@given(st.integers(1, 6), st.integers(1, 3), st.integers(1, 5), st.integers(0, 2**32))
def test_wins_are_counted_and_ties_split_equally(m, s, k, seed):
    utility = np.random.default_rng(seed).integers(-2, 3, (s, m, k)).astype(float)
    shares = wins_of(utility)
    np.testing.assert_allclose(shares, [reference.wins(draws) for draws in utility.tolist()], rtol=1e-12, atol=0)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=0, atol=1e-14)


def test_utilities_that_are_infinite_win_and_lose():
    utility = np.array([[[-np.inf, 0.0, -1.0], [np.inf, 1.0, np.inf], [-np.inf, -np.inf, -np.inf]]])
    np.testing.assert_allclose(wins_of(utility)[0], [(0.5 + 1 / 3) / 3, (1 + 1 / 3) / 3, (0.5 + 1 / 3) / 3], rtol=1e-12)
