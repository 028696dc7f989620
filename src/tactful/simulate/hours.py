"""What the hour does in the simulated world, and when a local slot is in UTC."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from tactful.core.actions import time_us
from tactful.core.arrays import F64, I64
from tactful.errors import SpecError
from tactful.simulate.world_config import CHRONOTYPES, WorldConfig

FIRST_WEEKDAY = 1  # local day 0 is a Tuesday
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DIP_H, DIP_WIDTH_H, EVENING_H, EVENING_WIDTH_H = 3.5, 2.2, 19.0, 3.0


def slot_hours(config: WorldConfig) -> F64:
    """(slots,) local hours.

    >>> slot_hours(WorldConfig()).tolist()
    [8.0, 12.0, 16.0, 19.0, 22.0]
    """
    return np.array([int(s[:2]) + int(s[3:]) / 60 for s in config.slots])


def hour_effect(config: WorldConfig, hour: F64, week: int = 0) -> F64:
    """(chronotypes, …) log-odds of an open at local hours, such that exp averages to 1 over the slots.

    hour(c, h) = −dip·φ(h; 3.5, 2.2) + bump·φ(h; peak_c, width_c) + evening·φ(h; 19, 3), φ(h; m, w) = exp(−d²/2w²),
    d the distance on the circle of 24 hours. The peaks may move with ``drift.hour_shift_per_year``.
    """

    def raw(at: F64) -> F64:
        shift = config.drift.hour_shift_per_year * week / 52
        common = config.evening * _bump(at, EVENING_H, EVENING_WIDTH_H) - config.dip * _bump(at, DIP_H, DIP_WIDTH_H)
        peaks = zip(config.peaks_h, config.widths_h, strict=True)
        return np.stack([common + config.bump * _bump(at, peak + shift, width) for peak, width in peaks])

    level = np.log(np.exp(raw(slot_hours(config))).mean(1))
    return raw(hour) - level.reshape(-1, *[1] * np.ndim(hour))


def _bump(hour: F64, centre: float, width: float) -> F64:
    away = np.abs(hour - centre) % 24
    away = np.minimum(away, 24 - away)
    return np.exp(-0.5 * (away / width) ** 2)


def hour_rows(config: WorldConfig, week: int = 0) -> tuple[F64, F64]:
    """(rows, slots) log-odds and hazard factors; row = shift · 4 + chronotype, shifts as in :func:`shifts_h`.

    A user whose zone is unknown gets messages at the assumed zone's hours, ``shift`` hours off his own. The factor is
    0 in quiet hours of the zone that is known or assumed: nothing is sent.
    """
    at = slot_hours(config)
    local = (at + shifts_h(config)[:, None]) % 24
    night = np.where((local >= 23) | (local < 7), config.night_factor, 1.0) * allowed(config)
    log_odds = np.concatenate([hour_effect(config, row, week) for row in local])
    return log_odds, np.repeat(night, len(CHRONOTYPES), axis=0)


def allowed(config: WorldConfig) -> F64:
    """(slots,) 1 where messages may go out, 0 in quiet hours."""
    at = slot_hours(config)
    if config.quiet is None:
        return np.ones(at.size)
    start, end = config.quiet
    inside = (at >= start) & (at < end) if start <= end else (at >= start) | (at < end)
    return np.where(inside, 0.0, 1.0)


def leaf_slots(config: WorldConfig) -> I64:
    """(leaves,) the best slot for the mixture of chronotypes in each leaf."""
    effect = np.exp(hour_effect(config, slot_hours(config)))
    mix = np.full((len(config.leaves), len(effect)), (1 - config.dominance) / (len(effect) - 1))
    mix[np.arange(len(mix)), [leaf.chronotype for leaf in config.leaves]] = config.dominance
    return np.argmax(mix @ effect, axis=1)


def weekday_rows(config: WorldConfig) -> F64:
    """(chronotypes, 7) log-odds by weekday, Monday first."""
    weekend = np.array([0, 0, 0, 0, 0, 1, 1])
    late = config.weekday * np.where(weekend, 1.0, -0.5)
    early = config.weekday * np.where(weekend, -0.5, 1.0)
    return np.array([late if c in ("lunch", "night") else early for c in CHRONOTYPES])


def zone_of(name: str) -> tzinfo:
    """A time zone of the IANA database.

    Raises
    ------
    SpecError
        The database has no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise SpecError(f"unknown timezone {name!r}", "[world] zones", "write it as Europe/Berlin") from None


def zone_names(config: WorldConfig) -> tuple[str, ...]:
    """The zones that messages are timed by; the assumed one is last, for users whose zone is unknown."""
    return (*(name for name, _ in config.zones), config.assumed_zone)


def shifts_h(config: WorldConfig) -> F64:
    """(zones + 1,) hours by which a zone is ahead of the assumed one, at the start; the last is 0, for known zones."""
    at = EPOCH + timedelta(microseconds=time_us(config.start, "[world] start"))
    offsets = [zone_of(name).utcoffset(at) or timedelta(0) for name in zone_names(config)]
    return np.array([(o - offsets[-1]) / timedelta(hours=1) for o in offsets])


def slot_times(config: WorldConfig, first_day: int, days: int) -> I64:
    """(zones, days, slots) µs UTC of every local slot; where clocks go back, the first of the two."""
    start = (EPOCH + timedelta(microseconds=time_us(config.start, "[world] start"))).replace(tzinfo=None)
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1 + first_day)
    at = [midnight + timedelta(days=d, hours=h) for d in range(days) for h in slot_hours(config)]
    zones = [zone_of(name) for name in zone_names(config)]
    times = [[(t.replace(tzinfo=zone) - EPOCH) // MICROSECOND for t in at] for zone in zones]
    return np.array(times, np.int64).reshape(len(zones), days, len(config.slots))


def open_delay(config: WorldConfig) -> tuple[F64, F64]:
    """(3,) location of ln(hours) by channel, and (3,) share of the lognormal that falls within the attribution window.

    The location is such that the median of opens *within* the window is the configured one.
    """
    sigma, most = config.open_delay_sigma, math.log(config.attribution_h)
    found: list[float] = []
    for median in config.open_delay_h:
        low, high = math.log(median), math.log(median) + 4 * sigma
        for _ in range(100):
            middle = (low + high) / 2
            below = _normal_cdf((math.log(median) - middle) / sigma) / _normal_cdf((most - middle) / sigma)
            low, high = (middle, high) if below > 0.5 else (low, middle)
        found.append(low)
    return np.array(found), np.array([_normal_cdf((most - m) / sigma) for m in found])


def _normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))
