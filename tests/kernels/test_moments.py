"""Blocked sums, users' pairs, Newton rows and Cholesky roots against plain Python."""

from __future__ import annotations

import numpy as np
import pytest

from reference import linear as reference
from tactful.core.features import CLIP
from tactful.kernels import cholesky
from tactful.kernels import moments as kernels

RNG = np.random.default_rng(3)
N, F, CELLS = 90, 3, 5
CONTEXT = RNG.normal(5, 3, (N, F))
CONTEXT[4, 1] = 1e9  # is clipped
VALUE = RNG.normal(size=N)
CELL = RNG.integers(-1, CELLS, N)
USER = RNG.integers(0, 12, N)
CENTRE, SCALE = np.array([5.0, 4.0, 0.0]), np.array([3.0, 2.0, 1.0])
UNITS = np.stack([CENTRE, 1 / SCALE])
KEPT = CELL >= 0
Z = reference.design(CONTEXT, CENTRE, SCALE)
NONE = np.zeros(0)


def test_the_row_that_should_be_clipped_is():
    assert KEPT[4]
    assert Z[4][2] == CLIP


@pytest.mark.parametrize("block", [7, 4096])
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_by_cell_are_those_of_plain_python(block, weighted):
    weight = RNG.random(N) if weighted else NONE
    out = np.ones((CELLS, F + 2, F + 2))
    kernels.by_cell(CONTEXT, VALUE, weight, CELL, UNITS, CLIP, block, out)
    root = np.sqrt(weight) if weighted else np.ones(N)
    z = [[x * r for x in row] for row, r in zip(Z, root, strict=True)]
    rows = [i for i in range(N) if KEPT[i]]
    expected = reference.moments([z[i] for i in rows], (VALUE * root)[rows], CELL[rows], CELLS)
    np.testing.assert_allclose(out - 1, expected, rtol=1e-12, atol=1e-12)


def test_groups_are_users_who_repeat_in_a_cell():
    group, count = np.empty(N, np.int64), np.zeros(1, np.int64)
    kernels.repeats(USER, 12, CELL, CELLS, group, count)
    members = {}
    for row in range(N):
        if KEPT[row]:
            members.setdefault((USER[row], CELL[row]), []).append(row)
    several = [rows for rows in members.values() if len(rows) > 1]
    assert count[0] == len(several)
    assert (group[[i for i in range(N) if not any(i in rows for rows in several)]] == -1).all()
    assert all(len(set(group[rows])) == 1 for rows in several)
    assert sorted(group[rows[0]] for rows in several) == list(range(len(several)))
    sums, value, cell = np.zeros((count[0], F + 1)), np.zeros(count[0]), np.zeros(count[0], np.int64)
    kernels.totals(CONTEXT, VALUE, group, CELL, UNITS, CLIP, sums, value, cell)
    for rows in several:
        g = group[rows[0]]
        np.testing.assert_allclose(sums[g], np.sum([Z[i] for i in rows], 0), rtol=1e-12)
        assert value[g] == pytest.approx(VALUE[rows].sum())
        assert cell[g] == CELL[rows[0]]


@pytest.mark.parametrize(("link", "kind"), [(0, "logistic"), (1, "log")])
def test_a_newton_row_has_the_derivatives_of_its_likelihood(link, kind):
    t = RNG.integers(0, 4, N).astype(float)
    y = RNG.binomial(t.astype(int), 0.3).astype(float)
    theta = RNG.normal(0, 0.4, (CELLS, F + 1))
    theta[2] = [60.0, 0, 0, 0]  # saturated
    w, response, residual, value = np.zeros((4, N))
    kernels.working(CONTEXT, y, t, CELL, UNITS, theta, CLIP, link, w, response, residual, value)
    eta = np.sum(np.array(Z) * theta[CELL], 1)
    _, slope, curvature = reference.log_likelihood(kind, y, t, eta)
    np.testing.assert_allclose(residual[KEPT], slope[KEPT], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(w[KEPT], np.maximum(curvature, 1e-9 * t)[KEPT], rtol=1e-9)
    np.testing.assert_allclose((w * (response - eta))[KEPT], slope[KEPT], rtol=1e-6, atol=1e-6)
    for i in np.flatnonzero(KEPT)[:20]:
        one = reference.log_likelihood(kind, y[i : i + 1], t[i : i + 1], eta[i : i + 1])[0]
        assert value[i] == pytest.approx(one, rel=1e-9, abs=1e-12)
    assert (w[~KEPT] == 0).all()


def test_inverse_roots_are_those_of_the_inverse():
    A = RNG.normal(size=(6, 4, 9))
    A = np.ascontiguousarray(A @ A.swapaxes(1, 2))
    W, log_det, repaired = np.empty_like(A), np.empty(6), np.empty(6, np.int64)
    cholesky.inverse_roots(A, W, log_det, repaired)
    np.testing.assert_allclose(W.swapaxes(1, 2) @ W, np.linalg.inv(A), rtol=1e-9)
    np.testing.assert_allclose(log_det, np.linalg.slogdet(A)[1], rtol=1e-12)
    assert (np.triu(W, 1) == 0).all()
    assert (repaired == 0).all()


def test_a_singular_matrix_is_repaired_and_counted():
    x = np.array([[1.0, 2.0], [2.0, 4.0]])
    A = np.stack([x, np.eye(2), np.zeros((2, 2))])
    W, log_det, repaired = np.empty_like(A), np.empty(3), np.empty(3, np.int64)
    cholesky.inverse_roots(A, W, log_det, repaired)
    assert repaired.tolist() == [1, 0, 2]
    assert np.isfinite(W).all()
    assert np.isfinite(log_det).all()
