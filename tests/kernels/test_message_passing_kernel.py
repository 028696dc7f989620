"""Messages up and down a segment tree by plain products and inverses of matrices."""

from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest

from reference.matrix import add, diagonal, identity, inverse, product, times, transpose
from tactful.kernels import message_passing


def definite(rng, k):
    root = rng.normal(size=(k, k + 2))
    return np.ascontiguousarray(root @ root.T / k)


def close(array, expected):
    expected = np.array(expected)
    np.testing.assert_allclose(array, expected, rtol=1e-12, atol=1e-12 * max(1.0, np.abs(expected).max()))


def tree(seed, k, nodes=7):
    """K (k, k), the messages M (nodes, k, k) of all, and the nodes of one level with their parents, one without."""
    rng = np.random.default_rng(seed)
    M = np.stack([definite(rng, k) for _ in range(nodes)]) / 10
    return rng, definite(rng, k), M, np.array([6, 2, 3, 4]), np.array([0, 0, 1, -1])


@pytest.mark.parametrize(("k", "count"), [(1, 1), (2, 5), (3, 32), (5, 33), (8, 70)])
def test_the_inverse_of_every_leaf(k, count):
    """By the sweep operator in lanes; here by Gauss and Jordan. Cells without data weigh 0."""
    rng = np.random.default_rng(k)
    K, W = definite(rng, k), rng.gamma(1.0, size=(count + 3, k)) * (rng.random((count + 3, k)) < 0.8)
    nodes = rng.permutation(count + 3)[:count]
    log_det, out = np.empty(count), np.full((count + 3, k, k), np.nan)
    message_passing.leaves(K, W, nodes, log_det, out)
    for n, v in enumerate(nodes):
        root = diagonal([sqrt(w) for w in W[v]])
        B_inverse, determinant = inverse(add(identity(k), product(root, K.tolist(), root)))
        close(out[v], product(root, B_inverse, root))
        assert log_det[n] == pytest.approx(log(determinant), rel=1e-12, abs=1e-12)
        assert (out[v] == out[v].T).all()
    assert np.isnan(np.delete(out, nodes, 0)).all()


@pytest.mark.parametrize("k", [1, 2, 5])
def test_one_level_upward(k):
    rng, K, M, nodes, parents = tree(1, k)
    h, m = rng.normal(size=(7, k)), np.full((7, k), np.nan)
    before = h.tolist()
    message_passing.collect(K, M, nodes, parents, h, m)
    for v, parent in zip(nodes, parents, strict=True):
        told = times(M[v].tolist(), times(K.tolist(), before[v]))
        message = [x - y for x, y in zip(before[v], told, strict=True)]
        close(m[v], message)
        if parent >= 0:
            before[parent] = [x + y for x, y in zip(before[parent], message, strict=True)]
    close(h, before)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_one_level_downward(k):
    rng, K, M, nodes, parents = tree(2, k)
    alpha, f = rng.normal(size=(7, k)), rng.normal(size=(7, k))
    messages, modes = alpha.tolist(), f.tolist()
    message_passing.settle(K, M, nodes, parents, alpha, f)
    for v, parent in zip(nodes, parents, strict=True):
        above = modes[parent] if parent >= 0 else [0.0] * k
        expected = [m - x for m, x in zip(messages[v], times(M[v].tolist(), above), strict=True)]
        close(alpha[v], expected)
        close(f[v], [x + y for x, y in zip(above, times(K.tolist(), expected), strict=True)])


def test_messages_of_children_add_up_by_family():
    _, _, M, nodes, _ = tree(3, 3)
    out = np.ones((3, 3, 3))
    message_passing.gather(M, nodes, np.array([0, 2, 0, 2]), out)
    close(out[0] - 1, add(M[6].tolist(), M[3].tolist()))
    close(out[1], np.ones((3, 3)))
    close(out[2] - 1, add(M[2].tolist(), M[4].tolist()))


@pytest.mark.parametrize("k", [1, 3, 4, 9])
@pytest.mark.parametrize("inner", [0, 2, 4])
def test_covariances_of_one_level(k, inner):
    """C = (I − KM) K + (I − KM) C₀ (I − KM)ᵀ, for as many nodes as have children; the diagonals for all."""
    rng, K, M, nodes, _ = tree(4, k)
    covariances = np.stack([definite(rng, k) for _ in range(2)])
    family = np.array([0, 1, 1, 0])
    pull, variance, out = np.ones((k, k)), np.full((7, k), np.nan), np.empty((inner, k, k))
    message_passing.spread(K, M, nodes, covariances, family, pull, variance, out)
    expected_pull = np.ones((k, k)).tolist()
    for n, v in enumerate(nodes):
        message, parent = M[v].tolist(), covariances[family[n]].tolist()
        gain = add(identity(k), product(K.tolist(), message), -1)
        own, inherited = product(gain, K.tolist()), product(gain, parent, transpose(gain))
        C = add(own, inherited)
        close(variance[v], [max(own[i][i], 0.0) + max(inherited[i][i], 0.0) for i in range(k)])
        if n < inner:
            close(out[n], C)
        expected_pull = add(expected_pull, add(message, product(message, parent, message), -1))
    close(pull, expected_pull)
