"""Keyed draws from Gaussian, gamma and beta laws, one at a time: Box & Muller 1958; Marsaglia & Tsang 2000."""

from __future__ import annotations

from math import cos, exp, log, pi, sqrt

from reference.philox import uniforms

ATTEMPTS = 2**20  # lanes that belong to one draw


def normal(seed, row, lane):
    """A standard normal of one block."""
    u, v = uniforms(seed, row, lane)
    return sqrt(-2 * log(u)) * cos(2 * pi * v)


def log_gamma(shape, seed, row, lane):
    """The logarithm of a Gamma(shape, 1) variate; a shape below 1 is drawn as Gamma(shape + 1) · U^(1/shape)."""
    if shape < 1:
        return log_gamma(shape + 1, seed, row, lane) + log(uniforms(seed, row, lane)[0]) / shape
    d = shape - 1 / 3
    while True:
        x = normal(seed, row, lane + 1)
        v = (1 + x / sqrt(9 * d)) ** 3
        lane += 2
        if v > 0 and log(uniforms(seed, row, lane)[0]) < x * x / 2 + d - d * v + d * log(v):
            return log(d * v)


def lane_of(stream, draw):
    """The first lane of a draw of a stream."""
    return (stream * ATTEMPTS * 2**20 + draw * ATTEMPTS) % 2**64


def gamma(shape, rate, seed, stream, draw, cell):
    """One draw from Gamma(shape, rate)."""
    return exp(log_gamma(shape, seed, 2 * cell, lane_of(stream, draw))) / rate


def beta(a, b, seed, stream, draw, cell):
    """One draw from Beta(a, b): X / (X + Y) of two gamma variates, by the difference of their logarithms."""
    lane = lane_of(stream, draw)
    gap = log_gamma(b, seed, 2 * cell + 1, lane) - log_gamma(a, seed, 2 * cell, lane)
    return 1 / (1 + exp(gap)) if gap < 0 else exp(-gap) / (1 + exp(-gap))


def gaussian(mean, sd, seed, stream, draw, cell):
    """One draw from Normal(mean, sd²)."""
    return mean + sd * normal(seed, 2 * cell, lane_of(stream, draw))


def wins(draws):
    """[share of the draws in which each action is best], ties split equally; ``draws`` one list of utilities a draw."""
    shares = [0.0] * len(draws[0])
    for utilities in draws:
        best = [a for a, u in enumerate(utilities) if u == max(utilities)]
        for a in best:
            shares[a] += 1 / len(best) / len(draws)
    return shares
