"""The probability that each of k independent Gaussians is the largest, for many rows: ``policies.gauss`` in a kernel.

The same nodes, so that both agree to 1e-12. Loops run over the nodes of one arm, and each has few arrays, so that they
vectorise; Φ is read from a table small enough for the first cache, and five terms of its Taylor series.
"""

# pyright: basic
from __future__ import annotations

import math

import numpy as np

from tactful.kernels.jit import F64_1, F64_2, OUT_F64_2, helper, kernel

SPREADS = 6.5
STEP = 0.35
NODES = 96
POINT = 1e-8

CELLS = 128  # of the table of cdfs for one unit of x = z / √2
LOW, HIGH = -5, 6
TOP = HIGH - 0.01
ORIGIN = np.float64(-LOW * CELLS)
INVERSE_ROOT_PI = 1.0 / math.sqrt(math.pi)
TABLE = np.array([0.5 * math.erfc(-i / CELLS) for i in range(LOW * CELLS, HIGH * CELLS)])


@helper
def _nearest(x, table, cdf, rest, n):
    """Φ at the nearest place of the table, and how far away it is."""
    for j in range(n):
        place = np.floor(x[j] * CELLS + 0.5)
        cdf[j] = table[np.uint64(place + ORIGIN)]
        rest[j] = x[j] - place * (1.0 / CELLS)


@helper
def _bell(x, out, n):
    """exp(−x²) as the 64th power of a polynomial."""
    for j in range(n):
        y = x[j] * x[j] * (-1.0 / 64.0)
        p = y * (1.0 / 3628800.0) + 1.0 / 362880.0
        p = p * y + 1.0 / 40320.0
        p = p * y + 1.0 / 5040.0
        p = p * y + 1.0 / 720.0
        p = p * y + 1.0 / 120.0
        p = p * y + 1.0 / 24.0
        p = p * y + 1.0 / 6.0
        p = p * y + 1.0 / 2.0
        p = p * y + 1.0 / 1.0
        p = p * y + 1.0 / 1.0
        p *= p
        p *= p
        p *= p
        p *= p
        p *= p
        p *= p
        out[j] = p


@helper
def _taylor(x, rest, density, cdf, n):
    """Φ by its derivatives at x; ``density`` is exp(−x²)."""
    for j in range(n):
        d = rest[j]
        q = x[j] * x[j]
        t = x[j] * (q * (1.0 / 3.0) - 0.5)
        t = t * d + (q * (2.0 / 3.0) - (1.0 / 3.0))
        t = t * d + x[j]
        t = t * d + 1.0
        cdf[j] += t * d * density[j] * INVERSE_ROOT_PI


@helper
def _collect(cdf, density, every, n):
    """The product of all cdfs, and the density in terms of its own."""
    for j in range(n):
        every[j] *= cdf[j]
        density[j] /= cdf[j]


@helper
def _dot(x, y, n):
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = n - n % 4
    for j in range(0, whole, 4):
        a += x[j] * y[j]
        b += x[j + 1] * y[j + 1]
        c += x[j + 2] * y[j + 2]
        d += x[j + 3] * y[j + 3]
    for j in range(whole, n):
        a += x[j] * y[j]
    return a + b + c + d


@helper
def _range(mean, sd):
    """Lower and upper end, the smallest standard deviation of the arms that matter, and whether some are points."""
    low, widest, point = -np.inf, 0.0, False
    for a in range(mean.size):
        low = max(low, mean[a] - SPREADS * sd[a])
        widest = max(widest, sd[a])
        point |= sd[a] == 0.0
    if point:
        return low, low, 1.0, point
    square, slope = 0.0, 0.0
    for a in range(mean.size):
        z = max((mean[a] - low) / sd[a], 0.0)
        square += z * z
        slope += z / sd[a]
    low += (square - SPREADS * np.sqrt(square)) / slope
    high, least = -np.inf, np.inf
    for a in range(mean.size):
        top = mean[a] + SPREADS * sd[a]
        point |= sd[a] < POINT * widest
        if top >= low:
            high = max(high, top)
            least = min(least, sd[a])
    return low, high, least, point


@kernel(F64_2, F64_2, F64_1, OUT_F64_2)
def best(mean, sd, table, out):
    """``out`` (n, k): the probabilities of N(mean, sd²), mean and sd (n, k); ``table`` is ``TABLE``.

    Rows that need more than 96 nodes, or have points among their arms, begin with −1: they are left to
    ``policies.gauss``.
    """
    n, k = mean.shape
    x, cdf, rest, every = np.empty(NODES), np.empty(NODES), np.empty(NODES), np.empty(NODES)
    ratio = np.empty((k, NODES))
    for i in range(n):
        low, high, least, point = _range(mean[i], sd[i])
        count = 0.0 if point else np.floor((high - low) / (STEP * least)) + 2.0
        if point or not count <= NODES:
            out[i, 0] = -1.0
            continue
        m = int(count)
        h = (high - low) / (m - 1)
        every[:] = 1.0
        for a in range(k):
            if mean[i, a] + SPREADS * sd[i, a] >= low:
                scale = math.sqrt(0.5) / sd[i, a]
                start, step = (low - mean[i, a]) * scale, h * scale
                for j in range(m):
                    x[j] = min(start + j * step, TOP)
                _nearest(x, table, cdf, rest, m)
                _bell(x, ratio[a], m)
                _taylor(x, rest, ratio[a], cdf, m)
                _collect(cdf, ratio[a], every, m)
        total = 0.0
        for a in range(k):
            out[i, a] = 0.0
            if mean[i, a] + SPREADS * sd[i, a] >= low:
                out[i, a] = _dot(ratio[a], every, m) / sd[i, a]
                total += out[i, a]
        for a in range(k):
            out[i, a] /= total
