"""Poisson counts are those of plain Python; replicates are sums that they weigh."""

from __future__ import annotations

import math

import numpy as np
import pytest

from logs import JIT
from reference import bootstrap as reference
from tactful.kernels import bootstrap

WIDTH = bootstrap.WIDTH


def counts(seed, key, chunk):
    out = np.empty(WIDTH)
    bootstrap.counts(np.uint64(seed), np.uint64(key), np.uint64(chunk), out)
    return out


@pytest.mark.parametrize(
    ("seed", "key", "chunk"), [(0, 0, 0), (7, 2**63 + 5, 1), (2**64 - 1, 2**64 - 1, 3), (5, 9, 2**35 + 1)]
)
def test_counts_are_those_of_plain_python(seed, key, chunk):
    expected = [reference.count(seed, key, chunk * WIDTH + b) for b in range(WIDTH)]
    assert counts(seed, key, chunk).tolist() == expected


@pytest.mark.parametrize("users", [0, 1, 5])
def test_replicates_add_every_users_totals_by_its_count(users):
    rng = np.random.default_rng(3)
    keys, total = rng.integers(0, 2**63, users).astype(np.uint64), rng.normal(size=(users, 2))
    before = rng.normal(size=(2, WIDTH))
    out = before.copy()
    bootstrap.replicate(np.uint64(9), keys, np.uint64(2), total, out)
    for b in (0, 1, 127, 128, WIDTH - 1):
        drawn = [reference.count(9, key, 2 * WIDTH + b) for key in keys.tolist()]
        for s in range(2):
            expected = before[s, b]
            for count, value in zip(drawn, total[:, s].tolist(), strict=True):
                expected += count * value
            assert out[s, b] == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_thresholds_give_a_mean_and_a_variance_of_one():
    thresholds = reference.thresholds()
    assert thresholds == list(bootstrap.THRESHOLDS)
    share = np.diff([0, *thresholds, 65536]) / 65536
    count = np.arange(9)
    assert share @ count == 1
    assert share @ (count - 1) ** 2 == 1
    poisson = [math.exp(-1) / math.factorial(c) for c in range(9)]
    np.testing.assert_allclose(share, poisson, atol=4e-5)


@pytest.mark.skipif(not JIT, reason="millions of counts")
def test_counts_are_poisson_and_of_users_and_replicates_apart():
    """Mean, variance and correlations of 2.56 million counts within 5 standard errors: fails once in 10⁵."""
    drawn = np.stack([counts(3, key, 0) for key in range(10_000)])
    n = drawn.size
    assert abs(drawn.mean() - 1) < 5 / math.sqrt(n)
    assert abs(drawn.var() - 1) < 5 * math.sqrt(3 / n)
    z = drawn - 1
    for pair in (z[1:] * z[:-1], z[:, 1:] * z[:, :-1], z[:, 4:] * z[:, :-4], z[:, 128:] * z[:, :-128]):
        assert abs(pair.mean()) < 5 / math.sqrt(pair.size)
