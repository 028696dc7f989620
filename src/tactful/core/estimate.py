"""An estimate: a value with the influence of every row on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tactful.core.arrays import F64, I64


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the centred influence (n,) of each row; ``weight`` (n,) is kept for its diagnostics.

    ``interval`` is False where the error is bias and no interval would mean anything (the direct method).
    """

    value: float
    influence: F64
    weight: F64
    interval: bool = True

    def __sub__(self, other: Estimate) -> Estimate:
        """Paired difference: what rows add to both estimates cancels in its interval.

        Its weights are those of the side that relies on fewer rows.
        """
        weight = min((self.weight, other.weight), key=effective_sample_size)
        both = self.interval and other.interval
        return Estimate(self.value - other.value, self.influence - other.influence, weight, both)

    def standard_error(self, user: I64) -> float:
        """Standard error with all rows of a user as one observation.

        ``user`` (n,) are codes from 0; SE = √(U/(U−1)·Σ_u (Σ_{i∈u} φ_i)²)/n. Infinite with one user.
        Reference: Liang & Zeger 1986; math of the influence function of a mean over clusters.
        """
        total = np.bincount(user, self.influence)
        u = int(np.count_nonzero(np.bincount(user)))
        if u < 2:
            return float("inf")
        return float(np.sqrt(u / (u - 1) * np.sum(total**2)) / self.influence.size)


def effective_sample_size(weight: F64) -> float:
    """Kish's (Σw)²/Σw²: how many equally weighted rows would be as informative; 0 where all weights are 0."""
    square = float(np.einsum("i,i->", weight, weight))  # not weight @ weight: BLAS wakes threads that cost more
    return float(weight.sum()) ** 2 / square if square > 0 else 0.0
