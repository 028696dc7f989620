"""Inverse roots of many matrices, repaired where they are singular, and messages of them, by plain Python."""

from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest

from reference.matrix import add, diagonal, inverse, product, transpose
from tactful.kernels import cholesky


def factor(A):
    """(L, ln|A|, repairs): the root of A with A = L Lᵀ; a pivot that is rounding is lifted to 1e-11 of its diagonal."""
    size, log_det, repairs = len(A), 0.0, 0
    L = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i):
            L[i][j] = (A[i][j] - sum(L[i][k] * L[j][k] for k in range(j))) / L[j][j]
        pivot, least = A[i][i] - sum(x * x for x in L[i][:i]), 1e-11 * A[i][i]
        if pivot <= least:
            pivot, repairs = least if least > 0 else 1e-11, repairs + 1
        L[i][i] = sqrt(pivot)
        log_det += log(pivot)
    return L, log_det, repairs


def roots(A):
    W, log_det, repaired = np.empty_like(A), np.empty(len(A)), np.empty(len(A), np.int64)
    cholesky.inverse_roots(A, W, log_det, repaired)
    return W, log_det, repaired


def definite(seed, g, p):
    A = np.random.default_rng(seed).normal(size=(g, p, p + 5))
    return np.ascontiguousarray(A @ A.swapaxes(1, 2))


@pytest.mark.parametrize(("g", "p"), [(0, 3), (1, 1), (6, 4), (2, 17)])
def test_roots_are_inverses_of_plain_factors(g, p):
    A = definite(g, g, p)
    W, log_det, repaired = roots(A)
    for m in range(g):
        L, expected, repairs = factor(A[m].tolist())
        root = np.array(inverse(L)[0])
        np.testing.assert_allclose(W[m], root, rtol=1e-12, atol=1e-12 * np.abs(root).max())
        assert log_det[m] == pytest.approx(expected, rel=1e-12, abs=1e-12)
        assert (repairs, repaired[m]) == (0, 0)
        assert (np.triu(W[m], 1) == 0).all()
        np.testing.assert_allclose(W[m].T @ W[m] @ A[m], np.eye(p), atol=1e-9)


def test_scales_that_are_far_apart_are_not_repaired():
    A = np.diag([1e-200, 1.0, 1e200])[None]
    W, log_det, repaired = roots(A)
    np.testing.assert_allclose(np.diag(W[0]), [1e100, 1, 1e-100], rtol=1e-12)
    assert log_det[0] == pytest.approx(0, abs=1e-9)
    assert repaired[0] == 0


def test_a_singular_matrix_is_repaired_and_counted():
    A = np.stack([[[1.0, 2.0], [2.0, 4.0]], np.eye(2), np.zeros((2, 2))])
    W, log_det, repaired = roots(A)
    assert repaired.tolist() == [1, 0, 2]
    for m in range(3):
        L, expected, repairs = factor(A[m].tolist())
        np.testing.assert_allclose(W[m], inverse(L)[0], rtol=1e-12)
        assert log_det[m] == pytest.approx(expected, rel=1e-12)
        assert repaired[m] == repairs


@pytest.mark.parametrize(("g", "p"), [(0, 2), (1, 1), (5, 3), (2, 16)])
def test_messages_are_plain_products(g, p):
    W, P = np.tril(np.random.default_rng(p).normal(size=(g, p, p))), np.random.default_rng(g).gamma(1.0, size=(g, p))
    out = np.empty_like(W)
    cholesky.messages(W, P, out)
    for m in range(g):
        root, prior = W[m].tolist(), diagonal(P[m].tolist())
        expected = np.array(add(prior, product(prior, transpose(root), root, prior), -1))
        np.testing.assert_allclose(out[m], expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())
        assert (out[m] == out[m].T).all()


def test_a_message_of_no_root_is_the_prior():
    out = np.empty((1, 2, 2))
    cholesky.messages(np.zeros((1, 2, 2)), np.array([[3.0, 0.0]]), out)
    assert out[0].tolist() == [[3, 0], [0, 0]]
