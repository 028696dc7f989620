"""Estimates and influences in blocks of rows are the plain sums."""

from __future__ import annotations

import numpy as np
import pytest

from reference import estimators as reference
from tactful.kernels import estimators

SIZES = [1, 2, estimators.BLOCK - 1, estimators.BLOCK, estimators.BLOCK + 1, 3 * estimators.BLOCK + 7]


def rows(n, zeros=0.0):
    rng = np.random.default_rng(n)
    weight = rng.gamma(1.0, size=n) * (rng.random(n) >= zeros)
    weight[0] = 1.0
    return rng.normal(size=n), weight, rng.normal(size=n), rng.normal(size=n)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("zeros", [0.0, 0.9])
def test_a_ratio_of_means_and_its_influence(n, zeros):
    reward, weight, *_ = rows(n, zeros)
    out, value = np.empty(n), np.empty(1)
    estimators.ratio(reward, weight, out, value)
    expected, influence = reference.snips(reward.tolist(), weight.tolist())
    assert value[0] == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(out, influence, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("zeros", [0.0, 1.0])
def test_a_corrected_model_and_its_influence(n, zeros):
    """Two actions: the logged one, which the target never takes, and the one that it always takes."""
    reward, weight, q_logged, q_target = rows(n, zeros)
    out, value = np.empty(n), np.empty(1)
    estimators.corrected(reward, weight, q_logged, q_target, out, value)
    models = [list(pair) for pair in zip(q_logged.tolist(), q_target.tolist(), strict=True)]
    expected, influence = reference.dr(reward.tolist(), weight.tolist(), [0] * n, models, [[0.0, 1.0]] * n)
    assert value[0] == pytest.approx(expected, rel=1e-12, abs=1e-14)
    np.testing.assert_allclose(out, influence, rtol=1e-12, atol=1e-12)


def test_large_rewards_with_one_weight():
    reward, weight = np.array([1e300, -5.0]), np.array([0.0, 2.0])
    out, value = np.empty(2), np.empty(1)
    estimators.ratio(reward, weight, out, value)
    assert value[0] == -5
    assert out.tolist() == [0, 0]
