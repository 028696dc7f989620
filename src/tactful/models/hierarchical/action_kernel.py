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
LEVEL_SD = (0.4, 0.4, 0.08)  # the same of every level below the root
LENGTHS = (1.0, 1.2)  # hour (2 sin(πΔh/24)), ln frequency
NONE_VARIANCE = 4.0  # added to the variance of ``none`` at the root
SHARED_PARAMETERS = 2  # the length scales, which all levels share
LEVEL_PARAMETERS = 3  # the standard deviations of one level


class ActionGeometry(NamedTuple):
    """Squared distances (k, k) of actions on the circle of hours, ``hour``, and in ln frequency, ``octave``.

    ``placed`` (k, k) marks pairs that share the smooth part, since both have an hour and a frequency; ``alike`` (k, k)
    pairs that share the constant, since neither is ``none``.
    """

    hour: F64
    octave: F64
    placed: Bool
    alike: Bool

    @classmethod
    def from_actions(cls, actions: ActionSpace) -> Self:
        """The geometry of an action space: plain names share the constant alone.

        >>> geometry = ActionGeometry.from_actions(ActionSpace.grid(["08:00", "20:00"], [1, 3]))
        >>> geometry.hour[1].round(2).tolist(), geometry.alike[0].tolist()
        ([0.0, 0.0, 0.0, 4.0, 4.0], [False, False, False, False, False])
        """
        none = np.array([f == 0 for f in actions.frequencies])
        sends = np.array([float(f or 1) for f in actions.frequencies])
        hours = np.array([0.0 if s is None else int(s[:2]) + int(s[3:]) / 60 for s in actions.slots])
        timed = np.array([s is not None and bool(f) for s, f in zip(actions.slots, actions.frequencies, strict=True)])
        placed = np.outer(timed, timed)
        hour = 4 * np.sin(np.pi * (hours[:, None] - hours) / 24) ** 2 * placed
        octave = (np.log(sends)[:, None] - np.log(sends)) ** 2 * placed
        return cls(hour, octave, placed, np.outer(~none, ~none))


def defaults(levels: int) -> F64:
    """The logarithms of the default hyper-parameters: two length scales, then three sds a level."""
    sds = [ROOT_SD] + [LEVEL_SD] * (levels - 1)
    return np.log(np.array([*LENGTHS, *(sd for level in sds for sd in level)]))


def extended(theta: F64, levels: int) -> F64:
    """Hyper-parameters for a tree of so many levels: levels that ``theta`` lacks have the defaults."""
    return np.concatenate([theta, defaults(levels)[theta.size :]])[: SHARED_PARAMETERS + LEVEL_PARAMETERS * levels]


def covariances(geometry: ActionGeometry, theta: F64) -> F64:
    """(levels, k, k) prior covariance at each level; ``theta`` holds the logarithms of the hyper-parameters."""
    lengths, sds = np.exp(theta[:SHARED_PARAMETERS]), np.exp(theta[SHARED_PARAMETERS:]).reshape(-1, LEVEL_PARAMETERS)
    smooth = _smooth(geometry, lengths)
    none = np.diag(~geometry.alike.diagonal()).astype(np.float64)
    out = np.empty((len(sds), *smooth.shape))
    for level, (amplitude, constant, nugget) in enumerate(sds**2):
        total = (amplitude if geometry.placed.any() else 0.0) + constant + NONE_VARIANCE * (level == 0)
        out[level] = amplitude * smooth + constant * geometry.alike + nugget * np.eye(len(smooth)) + total * none
    return out


def gradient(geometry: ActionGeometry, theta: F64, slope: F64) -> F64:
    """The chain rule: the gradient in ``theta`` of a function whose gradient in the covariances is ``slope``.

    Parameters
    ----------
    geometry
        Of the k actions.
    theta
        (2 + 3 levels,) logarithms of the hyper-parameters.
    slope
        (levels, k, k) gradient in the covariances, symmetric.

    Returns
    -------
    F64
        (2 + 3 levels,).
    """
    lengths, sds = np.exp(theta[:SHARED_PARAMETERS]), np.exp(theta[SHARED_PARAMETERS:]).reshape(-1, LEVEL_PARAMETERS)
    smooth = _smooth(geometry, lengths)
    none = ~geometry.alike.diagonal()
    out = np.zeros_like(theta)
    for level, (amplitude, constant, nugget) in enumerate(sds**2):
        d = slope[level]
        of_none = float(d.diagonal()[none].sum())
        out[0] += amplitude * float(np.sum(d * smooth * geometry.hour)) / lengths[0] ** 2
        out[1] += amplitude * float(np.sum(d * smooth * geometry.octave)) / lengths[1] ** 2
        i = SHARED_PARAMETERS + LEVEL_PARAMETERS * level
        out[i] = 2 * amplitude * (float(np.sum(d * smooth)) + (of_none if geometry.placed.any() else 0.0))
        out[i + 1] = 2 * constant * (float(np.sum(d[geometry.alike])) + of_none)
        out[i + 2] = 2 * nugget * float(np.trace(d))
    return out


def _smooth(geometry: ActionGeometry, lengths: F64) -> F64:
    """(k, k) correlation of the smooth part."""
    exponent = geometry.hour / lengths[0] ** 2 + geometry.octave / lengths[1] ** 2
    return np.exp(-0.5 * exponent) * geometry.placed
