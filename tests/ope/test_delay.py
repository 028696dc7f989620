"""Young decisions: the corrected rate is nearly unbiased where zeros, or responders alone, are far off."""

from __future__ import annotations

import numpy as np
import pytest

from tactful.errors import LogError, NothingToSayError
from tactful.ope.delay import corrected_rate, km

WINDOW, RATE, MEAN_DELAY = 14.0, 0.12, 5.0


def young(seed, n=40_000):
    """Decisions of ages up to 28 days; a share of them gets an outcome, after an exponential delay."""
    rng = np.random.default_rng(seed)
    age, delay = rng.random(n) * 28, rng.exponential(MEAN_DELAY, n)
    comes = rng.random(n) < RATE
    return age, np.where(comes & (delay <= age), delay, np.nan)


def product_limit(age, seen):
    """Kaplan–Meier as in the book, time by time."""
    out, survival = [], 1.0
    for t in sorted({x for x in seen if not np.isnan(x)}):
        at_risk = sum(1 for a, s in zip(age, seen, strict=True) if (a if np.isnan(s) else s) >= t)
        survival *= 1 - sum(s == t for s in seen) / at_risk
        out.append(survival)
    return out


def test_the_curve_is_the_product_limit():
    rng = np.random.default_rng(1)
    age = np.floor(rng.random(60) * 10)
    seen = np.where(rng.random(60) < 0.5, np.floor(rng.random(60) * (age + 1)), np.nan)
    seen = np.where(seen > age, np.nan, seen)
    np.testing.assert_allclose(km(age, seen).survival, product_limit(age.tolist(), seen.tolist()), rtol=1e-12)


def test_the_corrected_rate_is_nearly_unbiased():
    """50 logs: the mean is within 4 standard errors (1 in 16,000) + 1 % of the truth; zeros for the young are not."""
    truth = RATE * (1 - np.exp(-WINDOW / MEAN_DELAY))
    corrected, naive = [], []
    for seed in range(50):
        age, seen = young(seed, 8000)
        corrected.append(corrected_rate(age, seen, WINDOW).value)
        naive.append(np.mean(seen <= WINDOW))
    error = np.std(corrected, ddof=1) / np.sqrt(50)
    assert abs(np.mean(corrected) - truth) < 4 * error + 0.01 * truth
    assert np.mean(naive) < 0.9 * truth


def test_the_influence_is_centred_and_of_the_right_size():
    age, seen = young(1)
    made = corrected_rate(age, seen, WINDOW)
    assert made.influence.sum() == pytest.approx(0, abs=1e-6)
    values = [corrected_rate(*young(seed, 4000), WINDOW).value for seed in range(60)]
    # τ is taken as known: the error is understated, by less than half.
    assert 0.5 < made.standard_error(np.arange(age.size)) * np.sqrt(10) / np.std(values) < 1.3


def test_old_decisions_need_no_correction():
    age, seen = np.full(1000, 20.0), np.where(np.arange(1000) < 100, 3.0, np.nan)
    assert corrected_rate(age, seen, WINDOW).value == pytest.approx(0.1, rel=1e-12)


def test_what_cannot_be_corrected_says_so():
    with pytest.raises(NothingToSayError, match="as old as the window"):
        corrected_rate(np.array([1.0, 2.0]), np.array([np.nan, 1.0]), WINDOW)
    with pytest.raises(NothingToSayError, match="no outcome has come"):
        corrected_rate(np.array([20.0, 2.0]), np.array([np.nan, np.nan]), WINDOW)
    with pytest.raises(LogError, match="before its decision or after now"):
        km(np.array([1.0]), np.array([2.0]))
