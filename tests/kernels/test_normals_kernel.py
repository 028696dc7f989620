"""Uniforms in pairs, points of the circle and their products with radii are those of plain Python."""

from __future__ import annotations

from math import cos, pi, sin

import numpy as np
import pytest

from reference.philox import uniforms
from tactful.kernels import normals


@pytest.mark.parametrize(("seed", "stream", "row"), [(0, 0, 0), (2**64 - 1, 2**24 - 1, 2**44 - 1), (7, 3, 5)])
def test_pairs_are_keyed_by_seed_stream_row_and_draw(seed, stream, row):
    u, v = np.empty((2, 4, 3))
    normals.pairs(*map(np.uint64, (seed, stream, row)), u, v)
    for i in range(4):
        for j in range(3):
            assert (u[i, j], v[i, j]) == uniforms(seed, (row << 20) + j, (stream << 40) + i)


def test_points_of_the_circle():
    """The error of the polynomials is 5e-14 at most."""
    v = [
        0.0,
        2**-54,
        1e-9,
        0.125,
        0.25,
        0.5 - 2**-54,
        0.5,
        0.5 + 1e-9,
        0.75,
        1 - 2**-53,
        *np.random.default_rng(1).random(500),
    ]
    x, y = np.array(v), np.full(len(v), np.nan)
    normals.circle(x, y)
    for share, c, s in zip(v, x, y, strict=True):
        assert c == pytest.approx(cos(2 * pi * (share - 0.5)), abs=6e-14)
        assert s == pytest.approx(sin(2 * pi * (share - 0.5)), abs=6e-14)


@pytest.mark.parametrize("k", [1, 2, 5, 6])
def test_products_fill_the_columns(k):
    """First all with the cosine, then as many with the sine as there is room for."""
    m, h = 3, (k + 1) // 2
    radius, x, y = np.random.default_rng(k).random((3, m, h))
    out = np.empty((m, k))
    normals.join(radius, x, y, out)
    for i in range(m):
        expected = [r * c for r, c in zip(radius[i], x[i], strict=True)]
        expected += [r * s for r, s in zip(radius[i], y[i], strict=True)]
        assert out[i].tolist() == expected[:k]
