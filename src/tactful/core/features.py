"""From the columns of a context to the design vector of a contextual model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tactful.core.arrays import F64
from tactful.errors import PolicyError

BLOCK = 8192
FLAT = 1e-12  # of a column's mean: a deviation below that is rounding
CLIP = 8.0  # standard deviations; beyond them a feature says no more than at them


@dataclass(frozen=True, slots=True)
class Features:
    """The design z = (1, (x − centre) / scale clipped to ±8), d = 1 + the number of ``names``.

    Examples
    --------
    >>> Features(("dose",), (2.0,), (4.0,)).design(np.array([[6.0], [1000.0]])).tolist()
    [[1.0, 1.0], [1.0, 8.0]]
    """

    names: tuple[str, ...] = ()
    centre: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse scales that cannot standardise."""
        numbers = np.array([*self.centre, *self.scale])
        if not len(self.names) == len(self.centre) == len(self.scale) or len(set(self.names)) < len(self.names):
            raise PolicyError("names, centres and scales do not match", "features", "give one of each a feature")
        if not np.isfinite(numbers).all() or any(s <= 0 for s in self.scale):
            raise PolicyError("a centre or scale is not usable", "features", "scales are positive and finite")

    @classmethod
    def of(cls, names: Sequence[str], context: F64) -> Features:
        """Centred and scaled by the columns of ``context`` (n, len(names)); a constant column keeps scale 1."""
        if not len(context):
            return cls(tuple(names), (0.0,) * len(names), (1.0,) * len(names))
        n, at = len(context), range(0, len(context), BLOCK)  # in blocks that fit the cache: an order faster
        mean: F64 = np.sum([context[i : i + BLOCK].sum(0) for i in at], axis=0) / n
        sd = np.sqrt(np.sum([np.square(context[i : i + BLOCK] - mean).sum(0) for i in at], axis=0) / n)
        flat = sd <= FLAT * np.maximum(1.0, np.abs(mean))
        return cls(tuple(names), tuple(mean.tolist()), tuple(np.where(flat, 1.0, sd).tolist()))

    @property
    def d(self) -> int:
        """The length of the design vector."""
        return 1 + len(self.names)

    def design(self, context: F64 | None, n: int | None = None) -> F64:
        """(n, d) design of raw contexts (n, len(names)); NaN stays NaN. Without features n says how many rows."""
        rows = n if context is None else len(context)
        if rows is None or (context is None and self.names) or (context is not None and context.ndim != 2):
            raise PolicyError("no context for a contextual policy", "context", f"give {', '.join(self.names)}")
        out = np.ones((rows, self.d))
        if context is not None and self.names:
            out[:, 1:] = np.clip((context - np.array(self.centre)) / np.array(self.scale), -CLIP, CLIP)
        return out

    def to_json(self) -> dict[str, Any]:
        """The plain form."""
        return {"names": list(self.names), "centre": list(self.centre), "scale": list(self.scale)}

    @classmethod
    def from_json(cls, plain: Any) -> Features:
        """Back from the plain form."""
        return cls(tuple(plain["names"]), tuple(map(float, plain["centre"])), tuple(map(float, plain["scale"])))
