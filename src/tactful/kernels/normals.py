"""Many standard normals as pure functions of (seed, stream, row, draw). Reference: Box & Muller 1958."""

# pyright: basic
from __future__ import annotations

import numpy as np

from tactful.kernels.jit import F64_2, OUT_F64_1, OUT_F64_2, U64_0, kernel
from tactful.kernels.philox import two_uniforms


@kernel(U64_0, U64_0, U64_0, OUT_F64_2, OUT_F64_2)
def pairs(seed, stream, row, out_u, out_v):
    """Two independent uniforms in (0, 1) for each (draw, pair), both ``out`` (m, h)."""
    m, h = out_u.shape
    for i in range(m):
        # The counter of Philox is (row and pair, stream and draw), so that no two are alike.
        lane = (stream << np.uint64(40)) + np.uint64(i)
        for j in range(h):
            u, v = two_uniforms(seed, (row << np.uint64(20)) + np.uint64(j), lane)
            out_u[i, j] = u
            out_v[i, j] = v


@kernel(OUT_F64_1, OUT_F64_1)
def circle(out_cos, out_sin):
    """From uniforms v in ``out_cos`` (c,): the points of the unit circle at z = 2π(v − ½).

    Sine and cosine of z/2 by their Taylor polynomials (error 5e-14). A loop of its own, which vectorises.
    """
    for j in range(out_cos.size):
        # Half the angle, z/2, and its square.
        x = np.pi * (out_cos[j] - 0.5)
        y = x * x
        # sin(z/2) by Horner's rule, to the term of degree 19.
        s = y * (-1.0 / 342.0) + 1.0
        s = s * y * (-1.0 / 272.0) + 1.0
        s = s * y * (-1.0 / 210.0) + 1.0
        s = s * y * (-1.0 / 156.0) + 1.0
        s = s * y * (-1.0 / 110.0) + 1.0
        s = s * y * (-1.0 / 72.0) + 1.0
        s = s * y * (-1.0 / 42.0) + 1.0
        s = s * y * (-1.0 / 20.0) + 1.0
        s = (s * y * (-1.0 / 6.0) + 1.0) * x
        # cos(z/2), to the term of degree 18.
        c = y * (-1.0 / 306.0) + 1.0
        c = c * y * (-1.0 / 240.0) + 1.0
        c = c * y * (-1.0 / 182.0) + 1.0
        c = c * y * (-1.0 / 132.0) + 1.0
        c = c * y * (-1.0 / 90.0) + 1.0
        c = c * y * (-1.0 / 56.0) + 1.0
        c = c * y * (-1.0 / 30.0) + 1.0
        c = c * y * (-1.0 / 12.0) + 1.0
        c = c * y * (-1.0 / 2.0) + 1.0
        # The double angle.
        out_cos[j] = 1.0 - 2.0 * s * s
        out_sin[j] = 2.0 * s * c


@kernel(F64_2, F64_2, F64_2, OUT_F64_2)
def join(radius, cos, sin, out):
    """``out`` (m, k): first the products with ``cos`` (m, h), then those with ``sin`` that find room, 2h ≥ k."""
    m, h = radius.shape
    k = out.shape[1]
    for i in range(m):
        for j in range(h):
            out[i, j] = radius[i, j] * cos[i, j]
        for j in range(k - h):
            out[i, h + j] = radius[i, j] * sin[i, j]
