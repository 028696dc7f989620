"""The probability of being the largest of some Gaussians is that of plain quadrature, and of its rule node by node."""

from __future__ import annotations

from math import erf, floor, prod, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import gauss as reference
from tactful.kernels import gauss as kernels
from tactful.policies import gauss


def best(mean, sd):
    mean, sd = np.array(mean, float), np.array(sd, float)
    out = np.empty(mean.shape)
    kernels.best(mean, sd, kernels.TABLE, out)
    return out


def arms(seed, n=4):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(1, 12))
    return rng.normal(0, rng.choice([0, 0.3, 1, 5]), (n, k)), np.exp(rng.uniform(0, rng.choice([0, 0.7, 1.5]), (n, k)))


def test_both_use_the_same_nodes():
    for name in ("SPREADS", "STEP", "NODES", "POINT"):
        assert getattr(kernels, name) == getattr(gauss, name)


@pytest.mark.parametrize("seed", range(6))
def test_it_is_plain_quadrature(seed):
    """The trapezoidal rule with a step of 0.35 standard deviations is right to 1e-9."""
    mean, sd = arms(seed)
    expected = [reference.best(m, s, 3) for m, s in zip(mean.tolist(), sd.tolist(), strict=True)]
    np.testing.assert_allclose(best(mean, sd), expected, rtol=0, atol=1e-9)


def trapezoid(mean, sd):
    """The same rule on the same nodes, node by node; None for points and where more than 96 nodes are needed."""
    if min(sd) < kernels.POINT * max(sd) or min(sd) == 0:
        return None
    low = max(m - kernels.SPREADS * s for m, s in zip(mean, sd, strict=True))
    z = [max((m - low) / s, 0.0) for m, s in zip(mean, sd, strict=True)]
    square, slope = sum(x * x for x in z), sum(x / s for x, s in zip(z, sd, strict=True))
    low += (square - kernels.SPREADS * sqrt(square)) / slope
    tops = [m + kernels.SPREADS * s for m, s in zip(mean, sd, strict=True)]
    active = [a for a, top in enumerate(tops) if top >= low]
    count = floor((max(tops) - low) / (kernels.STEP * min(sd[a] for a in active))) + 2
    if count > kernels.NODES:
        return None
    total = [0.0] * len(mean)
    for j in range(count):
        t = low + j * (max(tops) - low) / (count - 1)
        below = {a: reference.cdf((t - mean[a]) / sd[a]) for a in active}
        for a in active:
            others = prod(below[b] for b in active if b != a)
            total[a] += reference.density((t - mean[a]) / sd[a]) / sd[a] * others
    return [x / sum(total) for x in total]


@given(st.integers(0, 2**32))
def test_it_is_the_rule_node_by_node(seed):
    mean, sd = arms(seed)
    for row, m, s in zip(best(mean, sd), mean.tolist(), sd.tolist(), strict=True):
        expected = trapezoid(m, s)
        if expected is None:
            assert row[0] == -1
        else:
            np.testing.assert_allclose(row, expected, rtol=0, atol=1e-12)


@given(st.floats(-6, 6), st.floats(-1e3, 1e3), st.floats(0, 2))
def test_two_arms_in_closed_form(gap, centre, octaves):
    sd = 2.0**octaves
    second = 0.5 * (1 + erf(gap / (2 * (1 + sd * sd)) ** 0.5))
    np.testing.assert_allclose(best([[centre, centre + gap]], [[1.0, sd]]), [[1 - second, second]], rtol=0, atol=1e-9)


def test_one_arm_and_equal_arms():
    assert best([[3.0]], [[0.1]]).tolist() == [[1.0]]
    np.testing.assert_allclose(best([[2.0] * 28], [[0.3] * 28]), [[1 / 28] * 28], rtol=1e-12)


def test_an_arm_far_below_never_wins():
    assert best([[0.0, -1e6, 0.0]], [[1.0, 1.0, 1.0]])[0, 1] == 0


def test_rows_that_it_leaves_out_are_marked():
    out = best(np.zeros((3, 3)), [[1.0, 1, 1], [1, 0, 1], [1, 1e-3, 1]])
    assert (out[:, 0] < 0).tolist() == [False, True, True]
