"""Many standard normals as pure functions of (seed, stream, row, draw). Reference: Box & Muller 1958."""

# pyright: basic
from __future__ import annotations

import numpy as np

from tactful.kernels.jit import OUT_F64_2, U64_0, kernel
from tactful.kernels.philox import two_uniforms


@kernel(U64_0, U64_0, U64_0, OUT_F64_2, OUT_F64_2, OUT_F64_2)
def circle(seed, stream, row, out_u, out_cos, out_sin):
    """A uniform and an independent point on the unit circle for each (draw, pair), all ``out`` (m, h).

    The angle is z = 2π(v − ½); sine and cosine of z/2 by their Taylor polynomials (error 5e-14), which vectorise.
    """
    m, h = out_u.shape
    for i in range(m):
        lane = (stream << np.uint64(40)) + np.uint64(i)
        for j in range(h):
            u, v = two_uniforms(seed, (row << np.uint64(20)) + np.uint64(j), lane)
            out_u[i, j] = u
            out_cos[i, j] = v
        for j in range(h):
            x = np.pi * (out_cos[i, j] - 0.5)
            y = x * x
            s = y * (-1.0 / 342.0) + 1.0
            s = s * y * (-1.0 / 272.0) + 1.0
            s = s * y * (-1.0 / 210.0) + 1.0
            s = s * y * (-1.0 / 156.0) + 1.0
            s = s * y * (-1.0 / 110.0) + 1.0
            s = s * y * (-1.0 / 72.0) + 1.0
            s = s * y * (-1.0 / 42.0) + 1.0
            s = s * y * (-1.0 / 20.0) + 1.0
            s = (s * y * (-1.0 / 6.0) + 1.0) * x
            c = y * (-1.0 / 306.0) + 1.0
            c = c * y * (-1.0 / 240.0) + 1.0
            c = c * y * (-1.0 / 182.0) + 1.0
            c = c * y * (-1.0 / 132.0) + 1.0
            c = c * y * (-1.0 / 90.0) + 1.0
            c = c * y * (-1.0 / 56.0) + 1.0
            c = c * y * (-1.0 / 30.0) + 1.0
            c = c * y * (-1.0 / 12.0) + 1.0
            c = c * y * (-1.0 / 2.0) + 1.0
            out_cos[i, j] = 1.0 - 2.0 * s * s
            out_sin[i, j] = 2.0 * s * c
