"""Sums of z zᵀ by cell for the contextual models, z = (1, standardised and clipped features, value).

Rows of a block are sorted by cell while they are copied (a counting sort), so that the product of a cell runs over
rows that lie together, by BLAS. Rows of cell −1 are left out.
"""

# pyright: basic
from __future__ import annotations

import numpy as np

from tactful.kernels.jit import (
    F64_0,
    F64_1,
    F64_2,
    I64_0,
    I64_1,
    OUT_F64_1,
    OUT_F64_2,
    OUT_F64_3,
    OUT_I64_1,
    helper,
    kernel,
)

CENTRE, INVERSE = range(2)  # rows of ``units``


@helper
def standard(x, centre, inverse, limit):
    """A feature in its standard deviations, clipped; NaN stays NaN."""
    y = (x - centre) * inverse
    y = limit if y > limit else y  # noqa: FURB136 - min and max are slower, and lose NaN
    return -limit if y < -limit else y  # noqa: FURB136


@kernel(F64_2, F64_1, F64_1, I64_1, F64_2, F64_0, I64_0, OUT_F64_3)
def by_cell(context, value, weight, cell, units, limit, block, out):
    """Add w z zᵀ of every row to ``out`` (c, f + 2, f + 2) of its cell.

    ``context`` (n, f), ``value`` (n,), ``weight`` (n,) or empty for 1, ``cell`` (n,), ``units`` (2, f) centres and
    inverse scales, ``block`` rows at once.
    """
    n, f = context.shape
    cells, D = out.shape[0], f + 2
    z = np.empty((block, D))
    product = np.empty((D, D))
    end = np.empty(cells + 1, np.int64)  # where the next row of each cell goes; in the end, where the cell ends
    for first in range(0, n, block):
        last = min(first + block, n)
        # A counting sort: how many rows of the block each cell has, and where its rows start.
        end[:] = 0
        for row in range(first, last):
            if cell[row] >= 0:
                end[cell[row] + 1] += 1
        for c in range(cells):
            end[c + 1] += end[c]
        # √w z of every row, at the place of its cell.
        for row in range(first, last):
            c = cell[row]
            if c >= 0:
                place = end[c]
                end[c] += 1
                w = 1.0 if weight.size == 0 else np.sqrt(weight[row])
                z[place, 0] = w
                for j in range(f):
                    z[place, j + 1] = w * standard(context[row, j], units[CENTRE, j], units[INVERSE, j], limit)
                z[place, f + 1] = w * value[row]
        # The product over the rows of each cell.
        low = 0
        for c in range(cells):
            if end[c] > low:
                np.dot(z[low : end[c]].T, z[low : end[c]], product)
                for i in range(D):
                    for j in range(D):
                        out[c, i, j] += product[i, j]
            low = end[c]


@kernel(I64_1, I64_0, I64_1, I64_0, OUT_I64_1, OUT_I64_1)
def repeats(user, users, cell, cells, out_group, out_count):
    """``out_group`` (n,): which (user, cell) of several rows a row belongs to, −1 where it is alone or left out.

    Groups are numbered by user, then by first appearance; ``out_count`` (1,) says how many there are.
    """
    n = user.size
    # The rows in the order of their users, by a counting sort.
    start = np.zeros(users + 1, np.int64)
    order = np.empty(n, np.int64)
    for row in range(n):
        start[user[row] + 1] += 1
    for u in range(users):
        start[u + 1] += start[u]
    for row in range(n):
        order[start[user[row]]] = row
        start[user[row]] += 1
    # User by user: the rows of each cell are counted, cells with several get the next number, and all is cleared.
    rows_in_cell = np.zeros(cells, np.int64)
    group = np.full(cells, -1)
    groups = 0
    low = 0
    for u in range(users):
        high = start[u]
        for i in range(low, high):
            if cell[order[i]] >= 0:
                rows_in_cell[cell[order[i]]] += 1
        for i in range(low, high):
            c = cell[order[i]]
            out_group[order[i]] = -1
            if c >= 0 and rows_in_cell[c] > 1:
                if group[c] < 0:
                    group[c] = groups
                    groups += 1
                out_group[order[i]] = group[c]
        for i in range(low, high):
            if cell[order[i]] >= 0:
                rows_in_cell[cell[order[i]]] = 0
                group[cell[order[i]]] = -1
        low = high
    out_count[0] = groups


@kernel(F64_2, F64_1, I64_1, I64_1, F64_2, F64_0, OUT_F64_2, OUT_F64_1, OUT_I64_1)
def totals(context, value, group, cell, units, limit, out, out_value, out_cell):
    """``out`` (g, f + 1) totals of (1, features) of each group, ``out_value`` (g,) of the value; ``out_cell`` (g,)."""
    n, f = context.shape
    for row in range(n):
        g = group[row]
        if g >= 0:
            out[g, 0] += 1.0
            for j in range(f):
                out[g, j + 1] += standard(context[row, j], units[CENTRE, j], units[INVERSE, j], limit)
            out_value[g] += value[row]
            out_cell[g] = cell[row]


@kernel(F64_2, F64_1, F64_1, I64_1, F64_2, F64_2, F64_0, I64_0, OUT_F64_1, OUT_F64_1, OUT_F64_1, OUT_F64_1)
def working(context, value, size, cell, units, theta, limit, link, out_weight, out_response, out_residual, out_value):
    """A Newton step as least squares: curvature w, working response η + e/w, residual e = y − μ, log density by row.

    y successes of ``size`` (n,) trials for the logistic ``link`` 0, a count over that exposure for the logarithmic 1;
    ``theta`` (c, f + 1). What rounds to no curvature keeps a little. Reference: McCullagh & Nelder 1989, section 2.5.
    """
    n, f = context.shape
    for row in range(n):
        c = cell[row]
        if c < 0:
            continue
        # The linear predictor η.
        eta = theta[c, 0]
        for j in range(f):
            eta += theta[c, j + 1] * standard(context[row, j], units[CENTRE, j], units[INVERSE, j], limit)
        # Mean, curvature and log density; the exponential is of −|η|, which cannot overflow.
        y, t = value[row], size[row]
        if link == 0:
            e = np.exp(-abs(eta))
            p = 1.0 / (1.0 + e) if eta > 0.0 else e / (1.0 + e)
            mean, w = t * p, t * e / ((1.0 + e) * (1.0 + e))
            out_value[row] = y * eta - t * (max(eta, 0.0) + np.log1p(e))
        else:
            mean = t * np.exp(min(eta, 300.0))
            w = mean
            out_value[row] = y * eta - mean
        # The step as a weighted regression of the working response.
        w = max(w, 1e-9 * t)
        out_weight[row] = w
        out_residual[row] = y - mean
        out_response[row] = eta + (y - mean) / w if w > 0.0 else eta
