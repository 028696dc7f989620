"""Prior covariance over actions: alike at neighbouring hours and frequencies, at each level of the segment tree.

K = σ²·exp(−2 sin²(πΔh/24)/ℓ_h²)·exp(−(Δ ln f)²/(2ℓ_f²)) + σ_c²·11ᵀ + σ_n²·I; ``none`` is independent of the rest.
Reference: Rasmussen & Williams 2006, eq. 4.31 for the hour on its circle.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, Bool

ROOT_SD = (0.7, 1.0, 0.1)  # smooth, constant, nugget: of the root, in units of the latent scale
LEVEL_SD = (0.4, 0.4, 0.08)  # of every level below it
LENGTHS = (1.0, 1.2)  # hour (2 sin(πΔh/24)), ln frequency
NONE_VARIANCE = 4.0  # what more the root does not know of ``none``
SHARED = 2  # length scales are shared by the levels
PER_LEVEL = 3


class Geometry(NamedTuple):
    """Squared distances (k, k) of actions on the circle of hours and in ln frequency; which of them have any.

    ``alike`` (k, k) marks pairs that share the constant, ``placed`` (k, k) pairs that share the smooth part.
    """

    hour: F64
    octave: F64
    placed: Bool
    alike: Bool

    @classmethod
    def of(cls, actions: ActionSpace) -> Self:
        """The geometry of an action space: plain names share the constant alone.

        >>> geometry = Geometry.of(ActionSpace.grid(["08:00", "20:00"], [1, 3]))
        >>> geometry.hour[1].round(2).tolist(), geometry.alike[0].tolist()
        ([0.0, 0.0, 0.0, 4.0, 4.0], [False, False, False, False, False])
        """
        none = np.array([f == 0 for f in actions.frequencies])
        sent = np.array([float(f or 1) for f in actions.frequencies])
        hours = np.array([0.0 if s is None else int(s[:2]) + int(s[3:]) / 60 for s in actions.slots])
        has = np.array([s is not None and bool(f) for s, f in zip(actions.slots, actions.frequencies, strict=True)])
        hour = 4 * np.sin(np.pi * (hours[:, None] - hours) / 24) ** 2 * np.outer(has, has)
        octave = (np.log(sent)[:, None] - np.log(sent)) ** 2 * np.outer(has, has)
        return cls(hour, octave, np.outer(has, has), np.outer(~none, ~none))


def defaults(levels: int) -> F64:
    """The logarithms of the default hyper-parameters: two length scales, then three sds a level."""
    sds = [ROOT_SD] + [LEVEL_SD] * (levels - 1)
    return np.log(np.array([*LENGTHS, *(sd for level in sds for sd in level)]))


def extended(theta: F64, levels: int) -> F64:
    """Hyper-parameters for a deeper tree: its new levels have the defaults."""
    return np.concatenate([theta, defaults(levels)[theta.size :]])[: SHARED + PER_LEVEL * levels]


def covariances(geometry: Geometry, theta: F64) -> F64:
    """(levels, k, k) prior covariance at each level, from the logarithms of the hyper-parameters."""
    lengths, sds = np.exp(theta[:SHARED]), np.exp(theta[SHARED:]).reshape(-1, PER_LEVEL)
    smooth = _smooth(geometry, lengths)
    none = np.diag(~geometry.alike.diagonal()).astype(np.float64)
    out = np.empty((len(sds), *smooth.shape))
    for level, (amplitude, constant, nugget) in enumerate(sds**2):
        total = (amplitude if geometry.placed.any() else 0.0) + constant + NONE_VARIANCE * (level == 0)
        out[level] = amplitude * smooth + constant * geometry.alike + nugget * np.eye(len(smooth)) + total * none
    return out


def gradient(geometry: Geometry, theta: F64, slope: F64) -> F64:
    """The gradient in ``theta`` of what has the gradient ``slope`` (levels, k, k) in the covariances."""
    lengths, sds = np.exp(theta[:SHARED]), np.exp(theta[SHARED:]).reshape(-1, PER_LEVEL)
    smooth = _smooth(geometry, lengths)
    none = ~geometry.alike.diagonal()
    out = np.zeros_like(theta)
    for level, (amplitude, constant, nugget) in enumerate(sds**2):
        d = slope[level]
        alone = float(d.diagonal()[none].sum())
        out[0] += amplitude * float(np.sum(d * smooth * geometry.hour)) / lengths[0] ** 2
        out[1] += amplitude * float(np.sum(d * smooth * geometry.octave)) / lengths[1] ** 2
        at = SHARED + PER_LEVEL * level
        out[at] = 2 * amplitude * (float(np.sum(d * smooth)) + (alone if geometry.placed.any() else 0.0))
        out[at + 1] = 2 * constant * (float(np.sum(d[geometry.alike])) + alone)
        out[at + 2] = 2 * nugget * float(np.trace(d))
    return out


def _smooth(geometry: Geometry, lengths: F64) -> F64:
    exponent = geometry.hour / lengths[0] ** 2 + geometry.octave / lengths[1] ** 2
    return np.exp(-0.5 * exponent) * geometry.placed
