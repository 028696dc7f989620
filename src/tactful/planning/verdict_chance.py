"""Prospects of a verdict: how many users it takes, and how likely it is with those there are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scipy.special import ndtr, ndtri

from tactful.ope.certificate_power import Design, chance_kept, users_to_keep
from tactful.ope.sample_size import z_needed


@dataclass(frozen=True, slots=True)
class Prospect:
    """What one verdict takes: a ``limit`` kept, or a ``gain`` seen.

    ``assumed`` is the true rate over its limit, or the gain relative to the baseline; ``largest`` the largest weight
    and ``square`` E[w²], decisions over effective decisions. ``users`` give the verdict with probability ``power``,
    None where none do; ``chance`` is that of the number of users asked about.
    """

    verdict: str
    outcome: str
    assumed: float
    mean: float
    largest: float
    square: float
    users: int | None
    decisions: int | None
    chance: float | None = None


@dataclass(frozen=True, slots=True)
class Prospects:
    """A table of prospects; claims are made at ``delta``, with ``rows`` decisions a user and ``users`` asked about."""

    prospects: Sequence[Prospect]
    delta: float
    power: float
    rows: float
    users: int | None
    notes: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """The plain form that ``tactful power --json`` prints."""
        return asdict(self)


def kept(
    name: str,
    share: float,
    limit: float,
    design: Design,
    ratios: Sequence[float],
    delta: float,
    power: float,
    users: int | None,
) -> Iterator[Prospect]:
    """Prospects of "kept" for a limit that is ``share`` of the declared range."""
    for ratio in ratios:
        enough = users_to_keep(design, share, ratio * share, delta=delta, power=power)
        chance = None if users is None else chance_kept(design, share, ratio * share, users, delta=delta)
        decisions = None if enough is None else math.ceil(enough * design.rows)
        sizes = (design.largest, design.square, enough, decisions, chance)
        yield Prospect("limit", name, ratio, ratio * limit, *sizes)


def seen(
    mean: float,
    by_user: float,
    sizes: tuple[float, float, float],
    lifts: Sequence[float],
    delta: float,
    power: float,
    users: int | None,
) -> Iterator[Prospect]:
    """Prospects of a gain; ``by_user`` is the variance of a user's mean influence, ``sizes`` k, E[w²] and rows."""
    for lift in lifts:
        gain = abs(mean) * lift
        enough = z_needed(gain, by_user, delta=delta, power=power)
        chance = None if users is None else chance_seen(gain, math.sqrt(by_user / users), delta=delta)
        yield Prospect("gain", "objective", lift, gain, *sizes[:2], enough, math.ceil(enough * sizes[2]), chance)


def chance_seen(gain: float, se: float, *, delta: float = 0.05) -> float:
    """The probability that a lower bound at 1 − δ is above 0: Φ(gain / SE − z_{1−δ}).

    >>> round(chance_seen(0.0, 1.0), 3), round(chance_seen(2.49, 1.0), 2)
    (0.05, 0.8)
    """
    return float(ndtr(gain / se - ndtri(1 - delta)))
