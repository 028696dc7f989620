"""How the coefficients of the actions hang together: each for itself, or through features of the action.

θ_a = M_a φ in both cases; φ is what is learnt. With action features φ holds a matrix Φ over (features of the action
× design) and a small deviation of each action's intercept: θ_a[j] = Σ_q g_a[q] Φ[q, j] + 1{j = 0} δ_a.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, final

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64
from tactful.errors import SpecError

HOUR_HARMONICS = 2
SECOND_ORDER_VARIANCE = 0.25  # prior variance of second harmonics and of (ln frequency)², beside that of the first
DEVIATION_VARIANCE = 0.1  # prior variance of an action's own deviation
CONSTANT_RANGE = 1e-9  # a feature that varies less over the actions is a constant


class Sharing(Protocol):
    """From sums by action to information on φ, of b independent blocks of p coefficients, and back."""

    @property
    def d(self) -> int:
        """The length of a design."""
        ...

    @property
    def independent(self) -> bool:
        """Whether the actions' coefficients are independent of each other."""
        ...

    def gather(self, J: F64, h: F64) -> tuple[F64, F64]:
        """Precisions J (v, k, d, d) and vectors h (v, k, d) of θ as those of φ: (v, b, p, p) and (v, b, p)."""
        ...

    def precision(self, slope: float) -> F64:
        """(b, p) prior precision of φ, in units of an intercept's precision; ``slope`` multiplies that of slopes."""
        ...

    def spread(self, phi: F64) -> F64:
        """(…, k, d) θ from φ (…, b, p)."""
        ...

    def covariance(self, cov: F64) -> F64:
        """(v, k, d, d) covariance of each action's θ from that of φ (v, b, p, p)."""
        ...


@final
@dataclass(frozen=True, slots=True)
class SeparateActions:
    """Every action for itself: k blocks of d coefficients."""

    k: int
    """Actions."""
    d: int
    """The length of a design."""

    @property
    def independent(self) -> bool:
        return True

    def gather(self, J: F64, h: F64) -> tuple[F64, F64]:
        return J, h

    def precision(self, slope: float) -> F64:
        return np.tile(design_precision(self.d, slope), (self.k, 1))

    def spread(self, phi: F64) -> F64:
        return phi

    def covariance(self, cov: F64) -> F64:
        return cov


@final
@dataclass(frozen=True, slots=True, eq=False)
class SharedActions:
    """Through features of the actions: one block of p = q · d + k coefficients."""

    g: F64
    """(k, q) features of the actions."""
    variance: F64
    """(q,) prior variances of their weights."""
    d: int
    """The length of a design."""

    @property
    def independent(self) -> bool:
        return False

    def gather(self, J: F64, h: F64) -> tuple[F64, F64]:
        (k, q), d, v = self.g.shape, self.d, len(J)
        shared = np.einsum("aq,ar->aqr", self.g, self.g).reshape(k, q * q)
        p = q * d + k
        out, pull = np.zeros((v, p, p)), np.empty((v, p))
        # The matrix Φ: Σ_a g_a g_aᵀ ⊗ J_a.
        blocks = np.matmul(shared.T, J.reshape(v, k, d * d)).reshape(v, q, q, d, d)
        out[:, : q * d, : q * d] = blocks.swapaxes(2, 3).reshape(v, q * d, q * d)
        # Φ beside the deviations δ, which move intercepts alone.
        cross = np.einsum("aq,vaj->vqja", self.g, J[..., 0]).reshape(v, q * d, k)
        out[:, : q * d, q * d :] = cross
        out[:, q * d :, : q * d] = cross.swapaxes(1, 2)
        # The deviations, which are independent given Φ.
        out[:, range(q * d, p), range(q * d, p)] = J[..., 0, 0]
        # The vectors likewise.
        pull[:, : q * d] = np.einsum("aq,vaj->vqj", self.g, h).reshape(v, q * d)
        pull[:, q * d :] = h[..., 0]
        return out[:, None], pull[:, None]

    def precision(self, slope: float) -> F64:
        shared = np.outer(1 / self.variance, design_precision(self.d, slope)).ravel()
        return np.concatenate((shared, np.full(len(self.g), 1 / DEVIATION_VARIANCE)))[None]

    def spread(self, phi: F64) -> F64:
        q, leading = self.g.shape[1], phi.shape[:-2]
        flat = phi[..., 0, :]
        theta = np.matmul(self.g, flat[..., : q * self.d].reshape(*leading, q, self.d))
        theta[..., 0] += flat[..., q * self.d :]
        return theta

    def covariance(self, cov: F64) -> F64:
        M = self.loadings()
        return np.matmul(np.matmul(M, cov), M.swapaxes(1, 2))

    def loadings(self) -> F64:
        """(k, d, p) M with θ_a = M_a φ."""
        (k, q), d = self.g.shape, self.d
        M = np.zeros((k, d, q * d + k))
        for j in range(d):
            M[:, j, j : q * d : d] = self.g
        M[range(k), 0, range(q * d, q * d + k)] = 1.0
        return M


def sharing_of(actions: ActionSpace, d: int, action_features: bool) -> Sharing:
    """The sharing that the options ask for.

    Parameters
    ----------
    actions
        The k actions.
    d
        The length of a design.
    action_features
        Whether actions share their coefficients through features of their hour and frequency.

    Raises
    ------
    SpecError
        Action features are asked for, and the actions have no hours and frequencies.
    """
    if not action_features:
        return SeparateActions(actions.k, d)
    g, variance = action_features_of(actions)
    return SharedActions(g, variance, d)


def design_precision(d: int, slope: float) -> F64:
    """(d,) prior precisions: with ``slope`` 1 the slopes together may move the mean as far as the intercept may."""
    return np.array([1.0] + [slope * (d - 1)] * (d - 1))


def action_features_of(actions: ActionSpace) -> tuple[F64, F64]:
    """(k, q) features of the actions and their prior variances (q,): constant, harmonics of the hour, ln frequency.

    ``none`` has a feature of its own and no other. Columns that are the same for all other actions are left out.

    Raises
    ------
    SpecError
        The actions have no hours and frequencies.
    """
    sends = np.array([f != 0 for f in actions.frequencies])
    timed = [s is not None and bool(f) for s, f in zip(actions.slots, actions.frequencies, strict=True)]
    if not all(hour or not s for hour, s in zip(timed, sends.tolist(), strict=True)) or not sends.any():
        raise SpecError("actions without hours and frequencies have no features", "action_features", "leave it out")
    angle = 2 * np.pi * np.array([0.0 if s is None else int(s[:2]) / 24 + int(s[3:]) / 1440 for s in actions.slots])
    octave = np.log(np.array([float(f or 1) for f in actions.frequencies]))
    octave = (octave - octave[sends].mean()) / max(float(octave[sends].std()), 1e-9)
    candidates = [(np.ones(actions.k), 1.0)]
    for i in range(1, HOUR_HARMONICS + 1):
        candidates += [(wave(i * angle), SECOND_ORDER_VARIANCE ** (i - 1)) for wave in (np.cos, np.sin)]
    candidates += [(octave, 1.0), (octave**2 - 1, SECOND_ORDER_VARIANCE)]
    columns = [(x * sends, v) for i, (x, v) in enumerate(candidates) if i == 0 or np.ptp(x[sends]) > CONSTANT_RANGE]
    if not sends.all():
        columns.append((~sends * 1.0, 1.0))
    return np.stack([x for x, _ in columns], 1), np.array([v for _, v in columns])
