"""What the study of gates and monitors varies, and the users that it draws."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tactful.ope import Design, Stakes

SEED = 70_001
DELTA, LIMIT = 0.05, 0.004
RATIOS, SIZES = (0.25, 0.5, 1.0, 1.5, 2.0), (2000, 5000, 20_000)
GAINS = (0.0, 1.0, 2.0, 3.0)  # in standard errors
NULL_FACTOR = 10  # times as many runs at a gain of 0, whose share is compared with δ itself
ROWS, MEAN, CORRELATION = 4, 0.13, 0.1
CANDIDATES = 20
LOOKS = 60


class UserWorld(NamedTuple):
    """Weights of one kind: with the ``share`` of decisions that have each, and the decisions of a user."""

    name: str
    weight: tuple[float, ...]
    share: tuple[float, ...]
    rows: int

    @property
    def design(self) -> Design:
        weight, share = np.array(self.weight), np.array(self.share)
        return Design(weight=weight, share=share, rows=self.rows, max_rows=self.rows, largest=float(weight.max()))


WORLDS = (
    UserWorld("to 2.7, one decision a user", (2.7, 0.15), (1 / 3, 2 / 3), 1),
    UserWorld("to 2.7, eight a user", (2.7, 0.15), (1 / 3, 2 / 3), 8),
    UserWorld("to 10, one a user", (10.0, 0.2 / 0.92), (0.08, 0.92), 1),
)


def draw_stakes(rng: np.random.Generator, world: UserWorld, users: int, rate: float) -> Stakes:
    """The stakes of users who end with an event that comes at ``rate`` a decision, as opting out does."""
    k, rows = max(world.weight), world.rows
    count = np.full(users, float(rows))
    lost = np.flatnonzero(rng.random(users) < 1 - (1 - rate) ** rows)
    first = np.ones(lost.size)
    if rows > 1:  # given that it comes, the period in which it does
        first = np.ceil(np.log1p(-rng.random(lost.size) * (1 - (1 - rate) ** rows)) / np.log1p(-rate))
    count[lost] = first
    low = np.zeros(users)
    low[lost] = np.array(world.weight)[(rng.random(lost.size) >= world.share[0]).astype(np.int64)]
    sides = {"floor": (0.0, k - 1), "ceiling": (k, 1.0), "worst": (np.inf, k)}
    return Stakes(low=low, high=count - low, count=count, max_rows=rows, cap=k, bounds=(0.0, 1.0), **sides)
