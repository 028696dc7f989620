"""Sums by cell, users' groups and their totals, and the rows of a Newton step, against plain Python."""

from __future__ import annotations

from math import exp, log1p, nan, sqrt

import numpy as np
import pytest

from reference import linear as reference
from tactful.core.features import CLIP
from tactful.kernels import moments

RNG = np.random.default_rng(3)
N, F, CELLS = 90, 3, 5
CONTEXT = RNG.normal(5, 3, (N, F))
CONTEXT[4, 1] = 1e9  # is clipped
VALUE = RNG.normal(size=N)
CELL = RNG.integers(-1, CELLS, N)
USER = RNG.integers(0, 12, N)
CENTRE, SCALE = np.array([5.0, 4.0, 0.0]), np.array([3.0, 2.0, 1.0])
UNITS = np.stack([CENTRE, 1 / SCALE])
INSIDE = CELL >= 0  # rows that have a cell
Z = reference.design(CONTEXT, CENTRE, SCALE)
UNWEIGHTED = np.zeros(0)


def test_the_row_that_should_be_clipped_is():
    assert INSIDE[4]
    assert Z[4][2] == CLIP


@pytest.mark.parametrize("x", [-1e300, -8.0, 0.0, 3.5, 1e300, nan])
def test_a_standard_feature_is_clipped_and_nan_stays(x):
    standard = moments.standard(x, 0.5, 2.0, 8.0)
    expected = nan if x != x else min(max((x - 0.5) * 2, -8.0), 8.0)
    assert standard == pytest.approx(expected, nan_ok=True, rel=0, abs=0)


@pytest.mark.parametrize("block", [1, 7, 4096])
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_by_cell_are_those_of_plain_python(block, weighted):
    weight = RNG.random(N) * (RNG.random(N) < 0.8) if weighted else UNWEIGHTED
    before = RNG.normal(size=(CELLS, F + 2, F + 2))
    out = before.copy()
    moments.by_cell(CONTEXT, VALUE, weight, CELL, UNITS, CLIP, block, out)
    roots = [sqrt(w) for w in weight] if weighted else [1.0] * N
    rows = [i for i in range(N) if INSIDE[i]]
    z = [[x * roots[i] for x in Z[i]] for i in rows]
    expected = reference.moments(z, [VALUE[i] * roots[i] for i in rows], CELL[rows], CELLS)
    np.testing.assert_allclose(out, before + expected, rtol=1e-12, atol=1e-12)


def test_no_rows_and_rows_without_a_cell_add_nothing():
    out = np.zeros((CELLS, F + 2, F + 2))
    for rows in (slice(0, 0), slice(0, N)):
        outside = np.full(N, -1)[rows]
        moments.by_cell(CONTEXT[rows], VALUE[rows], UNWEIGHTED, outside, UNITS, CLIP, 16, out)
    assert not out.any()


def groups():
    """Rows of each user and cell that stand together, by user and then by first appearance."""
    members = {}
    for row in range(N):
        if INSIDE[row]:
            members.setdefault((USER[row], CELL[row]), []).append(row)
    repeated = [rows for rows in members.values() if len(rows) > 1]
    return sorted(repeated, key=lambda rows: (USER[rows[0]], rows[0]))


def test_groups_are_users_who_repeat_in_a_cell():
    group, count = np.empty(N, np.int64), np.zeros(1, np.int64)
    moments.repeats(USER, 12, CELL, CELLS, group, count)
    expected = [-1] * N
    for number, rows in enumerate(groups()):
        for row in rows:
            expected[row] = number
    assert group.tolist() == expected
    assert count[0] == len(groups()) > 5


def test_rows_of_users_of_their_own_are_in_no_group():
    group, count = np.empty(N, np.int64), np.full(1, 9)
    moments.repeats(np.arange(N), N, CELL, CELLS, group, count)
    assert (group == -1).all()
    assert count[0] == 0


def test_totals_of_groups_are_plain_sums():
    repeated = groups()
    group = np.full(N, -1)
    for number, rows in enumerate(repeated):
        group[rows] = number
    total, value, cell = np.zeros((len(repeated), F + 1)), np.zeros(len(repeated)), np.zeros(len(repeated), np.int64)
    moments.totals(CONTEXT, VALUE, group, CELL, UNITS, CLIP, total, value, cell)
    for number, rows in enumerate(repeated):
        assert total[number] == pytest.approx([sum(Z[i][j] for i in rows) for j in range(F + 1)], rel=1e-12, abs=1e-14)
        assert value[number] == pytest.approx(sum(VALUE[i] for i in rows), rel=1e-12, abs=1e-14)
        assert cell[number] == CELL[rows[0]]


def newton(link, y, t, eta):
    """(curvature, working response, residual, log density) of one row at η."""
    if link == 0:
        tail = exp(-abs(eta))
        p = 1 / (1 + tail) if eta > 0 else tail / (1 + tail)
        mean, curvature = t * p, t * tail / (1 + tail) ** 2
        density = y * eta - t * (max(eta, 0.0) + log1p(tail))
    else:
        mean = curvature = t * exp(min(eta, 300.0))
        density = y * eta - mean
    curvature = max(curvature, 1e-9 * t)
    return curvature, eta + (y - mean) / curvature if curvature > 0 else eta, y - mean, density


@pytest.mark.parametrize(("link", "kind"), [(0, "logistic"), (1, "log")])
def test_a_newton_row_has_the_derivatives_of_its_likelihood(link, kind):
    t = RNG.integers(0, 4, N).astype(float)
    y = RNG.binomial(t.astype(int), 0.3).astype(float)
    theta = RNG.normal(0, 0.4, (CELLS, F + 1))
    theta[2] = [60.0, 0, 0, 0]  # saturated
    theta[3] = [-700.0 if link == 0 else 400.0, 0, 0, 0]  # beyond what exp can hold
    out = np.zeros((4, N))
    moments.working(CONTEXT, y, t, CELL, UNITS, theta, CLIP, link, *out)
    assert (out[:, ~INSIDE] == 0).all()
    for i in np.flatnonzero(INSIDE):
        eta = sum(a * b for a, b in zip(theta[CELL[i]].tolist(), Z[i], strict=True))
        expected = newton(link, y[i], t[i], eta)
        scale = t[i] + abs(expected[3])
        assert out[:, i] == pytest.approx(expected, rel=1e-12, abs=1e-12 * scale)
        if CELL[i] < 2:
            row = slice(i, i + 1)
            _, slope, curvature = reference.log_likelihood(kind, y[row], t[row], np.array([eta]))
            assert out[2, i] == pytest.approx(slope[0], rel=1e-9, abs=1e-9)
            assert out[0, i] == pytest.approx(curvature[0], rel=1e-9, abs=1e-9)
