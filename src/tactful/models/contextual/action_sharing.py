"""How the coefficients of the actions hang together: each for itself, or through features of the action.

θ_a = M_a φ in both cases, φ being what is learnt. With action features φ holds a matrix Φ over (features of the action
× design) and a small deviation of each action's intercept: θ_a[j] = Σ_q g_a[q] Φ[q, j] + 1{j = 0} δ_a.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64
from tactful.errors import SpecError

HARMONICS = 2
SECOND = 0.25  # prior variance of second harmonics and of the square of ln frequency, beside that of the first
OWN = 0.1  # prior variance of an action's own deviation


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
        """Precisions J (v, k, d, d) and vectors h (v, k, d) on φ: (v, b, p, p) and (v, b, p)."""
        ...

    def precision(self, slope: float) -> F64:
        """(b, p) prior precision of φ, in units of that of an intercept; ``slope`` multiplies that of slopes."""
        ...

    def spread(self, phi: F64) -> F64:
        """(…, k, d) θ from φ (…, b, p)."""
        ...

    def covariance(self, cov: F64) -> F64:
        """(v, k, d, d) covariance of each action's θ from that of φ (v, b, p, p)."""
        ...


@dataclass(frozen=True, slots=True)
class Separate:
    """Every action for itself: k blocks of d coefficients."""

    k: int
    d: int

    @property
    def independent(self) -> bool:
        return True

    def gather(self, J: F64, h: F64) -> tuple[F64, F64]:
        return J, h

    def precision(self, slope: float) -> F64:
        return np.tile(slopes(self.d, slope), (self.k, 1))

    def spread(self, phi: F64) -> F64:
        return phi

    def covariance(self, cov: F64) -> F64:
        return cov


@dataclass(frozen=True, slots=True, eq=False)
class Alike:
    """Through features ``g`` (k, q) of the actions with prior variances ``variance`` (q,): one block."""

    g: F64
    variance: F64
    d: int

    @property
    def independent(self) -> bool:
        return False

    def gather(self, J: F64, h: F64) -> tuple[F64, F64]:
        (k, q), d, v = self.g.shape, self.d, len(J)
        shared = np.einsum("aq,ar->aqr", self.g, self.g).reshape(k, q * q)
        p = q * d + k
        out, pull = np.zeros((v, p, p)), np.empty((v, p))
        blocks = np.matmul(shared.T, J.reshape(v, k, d * d)).reshape(v, q, q, d, d)
        out[:, : q * d, : q * d] = blocks.swapaxes(2, 3).reshape(v, q * d, q * d)
        cross = np.einsum("aq,vaj->vqja", self.g, J[..., 0]).reshape(v, q * d, k)
        out[:, : q * d, q * d :] = cross
        out[:, q * d :, : q * d] = cross.swapaxes(1, 2)
        out[:, range(q * d, p), range(q * d, p)] = J[..., 0, 0]
        pull[:, : q * d] = np.einsum("aq,vaj->vqj", self.g, h).reshape(v, q * d)
        pull[:, q * d :] = h[..., 0]
        return out[:, None], pull[:, None]

    def precision(self, slope: float) -> F64:
        shared = np.outer(1 / self.variance, slopes(self.d, slope)).ravel()
        return np.concatenate((shared, np.full(len(self.g), 1 / OWN)))[None]

    def spread(self, phi: F64) -> F64:
        q, head = self.g.shape[1], phi.shape[:-2]
        flat = phi[..., 0, :]
        theta = np.matmul(self.g, flat[..., : q * self.d].reshape(*head, q, self.d))
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


def sharing(actions: ActionSpace, d: int, action_features: bool) -> Sharing:
    """The sharing that the options ask for.

    Raises
    ------
    SpecError
        Action features are asked for, and the actions have no hours and frequencies.
    """
    if not action_features:
        return Separate(actions.k, d)
    g, variance = geometry(actions)
    return Alike(g, variance, d)


def slopes(d: int, slope: float) -> F64:
    """(d,) prior precisions: with ``slope`` 1 the slopes together may move the mean as far as the intercept may."""
    return np.array([1.0] + [slope * (d - 1)] * (d - 1))


def geometry(actions: ActionSpace) -> tuple[F64, F64]:
    """(k, q) features of the actions and their prior variances (q,): constant, harmonics of the hour, ln frequency.

    ``none`` has a feature of its own and no other. Columns that are the same for all other actions are left out.

    Raises
    ------
    SpecError
        The actions have no hours and frequencies.
    """
    sent = np.array([f != 0 for f in actions.frequencies])
    placed = [s is not None and bool(f) for s, f in zip(actions.slots, actions.frequencies, strict=True)]
    if not all(p or not s for p, s in zip(placed, sent.tolist(), strict=True)) or not sent.any():
        raise SpecError("actions without hours and frequencies have no features", "action_features", "leave it out")
    angle = 2 * np.pi * np.array([0.0 if s is None else int(s[:2]) / 24 + int(s[3:]) / 1440 for s in actions.slots])
    octave = np.log(np.array([float(f or 1) for f in actions.frequencies]))
    octave = (octave - octave[sent].mean()) / max(float(octave[sent].std()), 1e-9)
    columns = [(np.ones(actions.k), 1.0)]
    for i in range(1, HARMONICS + 1):
        columns += [(wave(i * angle), SECOND ** (i - 1)) for wave in (np.cos, np.sin)]
    columns += [(octave, 1.0), (octave**2 - 1, SECOND)]
    kept = [(x * sent, v) for i, (x, v) in enumerate(columns) if i == 0 or np.ptp(x[sent]) > 1e-9]
    if not sent.all():
        kept.append((~sent * 1.0, 1.0))
    return np.stack([x for x, _ in kept], 1), np.array([v for _, v in kept])
