"""The probability of each of some Gaussians to be the largest, by panels of 8-node Gauss–Legendre, in plain Python."""

from __future__ import annotations

from itertools import pairwise
from math import erfc, exp, pi, prod, sqrt

# Abramowitz & Stegun, table 25.4.
NODES = (0.1834346424956498, 0.5255324099163290, 0.7966664774136267, 0.9602898564975363)
WEIGHTS = (0.3626837833783620, 0.3137066458778873, 0.2223810344533745, 0.1012285362903763)
EDGES = (0, 1, 2, 4, 8)


def cdf(z: float) -> float:
    return 0.5 * erfc(-z / sqrt(2))


def density(z: float) -> float:
    return exp(-0.5 * z * z) / sqrt(2 * pi)


def best(mean: list[float], sd: list[float], parts: int = 1) -> list[float]:
    """∫ f_a Π_{b≠a} F_b over panels that begin at m ± c·s; ``parts`` cuts every panel for more digits."""
    edges = sorted({m + sign * c * s for m, s in zip(mean, sd, strict=True) for c in EDGES for sign in (-1, 1)})
    total = [0.0] * len(mean)
    for low, high in pairwise(edges):
        for part in range(parts):
            width = (high - low) / parts
            centre = low + (part + 0.5) * width
            for x, w in zip(NODES, WEIGHTS, strict=True):
                for t in (centre - 0.5 * width * x, centre + 0.5 * width * x):
                    z = [(t - m) / s for m, s in zip(mean, sd, strict=True)]
                    below = [cdf(v) for v in z]
                    for a in range(len(mean)):
                        if abs(z[a]) < 9:
                            rest = prod(below[:a]) * prod(below[a + 1 :])
                            total[a] += 0.5 * width * w * density(z[a]) / sd[a] * rest
    return total
