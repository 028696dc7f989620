"""The probability that each of k independent Gaussians is the largest, for many rows: ``policies.gauss`` in a kernel.

The same nodes, so that both agree to 1e-12. All nodes of all arms of a row stand one after the other, so that loops are
long and vectorise; Φ and exp(−x²) are read from a table small enough for the first cache, and continued by series. An
arm has no nodes where its Φ is 1, and products of the others' Φ are taken forward and backward, without divisions.
"""

# pyright: basic
from __future__ import annotations

import math

import numpy as np

from tactful.kernels.jit import F64_1, F64_2, OUT_F64_2, helper, inlined, kernel

SPREADS = 6.5
STEP = 0.35
NODES = 96
POINT = 1e-8

CELLS = 256  # of the table for one unit of x = z / √2
LOW, HIGH = -5, 6
ORIGIN = np.float64(-LOW * CELLS)
CELL = 1.0 / CELLS
END = 5.5 * CELLS  # Φ is 1 − 4e-15 there
UNIT = CELLS * math.sqrt(0.5)
INVERSE_ROOT_PI = 1.0 / math.sqrt(math.pi)
PLACES = [i / CELLS for i in range(LOW * CELLS, HIGH * CELLS)]
TABLE = np.array([[0.5 * math.erfc(-x), math.exp(-x * x)] for x in PLACES]).ravel()


@inlined
def _nearest(u, offset, n):
    """The nearest place of the table, which replaces ``u``, and how far away it is."""
    for j in range(n):
        place = np.floor(u[j] + 0.5)
        offset[j] = (u[j] - place) * CELL
        u[j] = place


@inlined
def _look_up(place, table, cdf, bell, n):
    """Φ and exp(−x²) at places of the table; they stand in it in turn."""
    for j in range(n):
        i = np.uint64(2) * np.uint64(place[j] + ORIGIN)
        cdf[j] = table[i]
        bell[j] = table[i + np.uint64(1)]


@inlined
def _continue(place, offset, cdf, bell, n):
    """Φ by four derivatives, and exp(−(x + d)²) = exp(−x²) · exp(−(2x + d) d) by six terms of the second."""
    for j in range(n):
        x = place[j] * CELL
        d = offset[j]
        q = x * x
        t = (0.5 - q * (1.0 / 3.0)) * x
        t = t * d + (q * (2.0 / 3.0) - (1.0 / 3.0))
        t = t * d - x
        t = t * d + 1.0
        u = -(x + x + d) * d
        p = u * (1.0 / 120.0) + 1.0 / 24.0
        p = p * u + 1.0 / 6.0
        p = p * u + 0.5
        p = p * u + 1.0
        p = p * u + 1.0
        b = bell[j]
        cdf[j] += t * d * (b * INVERSE_ROOT_PI)
        bell[j] = b * p


@inlined
def _forward(bell, others, cdf, start, size):
    """Densities times the product of the cdfs before, and the product with this arm's."""
    for j in range(size):
        bell[start + j] *= others[j]
        others[j] *= cdf[start + j]


@inlined
def _backward(bell, others, cdf, start, size):
    """The sum of what :func:`_forward` left, times the product of the cdfs behind."""
    total = 0.0
    for j in range(size):
        total += bell[start + j] * others[j]
        others[j] *= cdf[start + j]
    return total


@helper
def _range(mean, sd, inverse, i):
    """Lower end, step and number of nodes of row i; no nodes where some arms are points or they would be too many."""
    k = inverse.size
    low, widest, narrowest = -np.inf, 0.0, np.inf
    for a in range(k):
        low = max(low, mean[i, a] - SPREADS * sd[i, a])
        widest = max(widest, sd[i, a])
        narrowest = min(narrowest, sd[i, a])
    if narrowest == 0.0 or narrowest < POINT * widest:
        return low, 0.0, 0
    # One step of Newton's iteration raises the lower end to where Π Φ is next to nothing; see ``policies.gauss``.
    square, slope = 0.0, 0.0
    for a in range(k):
        inverse[a] = 1.0 / sd[i, a]
        z = max((mean[i, a] - low) * inverse[a], 0.0)
        square += z * z
        slope += z * inverse[a]
    low += (square - SPREADS * np.sqrt(square)) / slope
    # Arms that end below it are left out; the narrowest of the others decides about the step.
    high, narrowest = -np.inf, np.inf
    for a in range(k):
        top = mean[i, a] + SPREADS * sd[i, a]
        high = max(high, top)
        narrowest = min(narrowest, sd[i, a] if top >= low else np.inf)
    count = np.floor((high - low) / (STEP * narrowest)) + 2.0
    if not count <= NODES:
        return low, 0.0, 0
    return low, (high - low) / (count - 1.0), int(count)


@inlined
def _spread(mean, sd, inverse, low, h, m, i, first, u):
    """Nodes of the arms in turn, in units of the table: those of arm a begin at ``first[a]``; none where Φ is 1."""
    end = np.uint64(0)
    for a in range(inverse.size):
        first[a] = end
        scale = UNIT * inverse[a]
        start, step = (low - mean[i, a]) * scale, h * scale
        if mean[i, a] + SPREADS * sd[i, a] >= low:
            size = np.uint64(min(int((END - start) / step) + 1, m))
            for j in range(size):
                u[end + j] = start + np.float64(np.int64(j)) * step
            end += size
    first[inverse.size] = end
    return end


@kernel(F64_2, F64_2, F64_1, OUT_F64_2)
def best(mean, sd, table, out):
    """``out`` (n, k): the probabilities of N(mean, sd²), mean and sd (n, k); ``table`` is ``TABLE``.

    Rows that need more than 96 nodes, or have points among their arms, begin with −1: they are left to
    ``policies.gauss``.
    """
    n, k = mean.shape
    inverse, others, first = np.empty(k), np.empty(NODES), np.empty(k + 1, np.uint64)
    u, offset, cdf, bell = np.empty(k * NODES), np.empty(k * NODES), np.empty(k * NODES), np.empty(k * NODES)
    for i in range(n):
        low, h, m = _range(mean, sd, inverse, i)
        if m == 0:
            out[i, 0] = -1.0
            continue
        # All nodes of all arms, then Φ and the density at each.
        size = _spread(mean, sd, inverse, low, h, m, i, first, u)
        _nearest(u, offset, size)
        _look_up(u, table, cdf, bell, size)
        _continue(u, offset, cdf, bell, size)
        # f_a Π_{b≠a} Φ_b as a product of what stands before and behind each arm.
        others[:] = 1.0
        for a in range(k):
            _forward(bell, others, cdf, first[a], first[a + 1] - first[a])
        others[:] = 1.0
        total = 0.0
        for a in range(k - 1, -1, -1):
            out[i, a] = _backward(bell, others, cdf, first[a], first[a + 1] - first[a]) * inverse[a]
            total += out[i, a]
        for a in range(k):
            out[i, a] /= total
