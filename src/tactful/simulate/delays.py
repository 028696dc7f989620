"""When things become known: opens come late, and some opt-outs are noticed days after the send that caused them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from tactful.core.actions import DAY_US
from tactful.core.arrays import F64, I64, U64
from tactful.kernels import world as kernel
from tactful.simulate.engine import ORIGIN
from tactful.simulate.hours import open_delay, slot_hours, slot_times
from tactful.simulate.world_config import WorldConfig

HOUR_US = DAY_US // 24
LEAVING = 1 << 41  # lanes of the times of opt-outs
LAST_DAY = 12


@dataclass(frozen=True, slots=True, eq=False)
class SlotClock:
    """UTC times of the local slots of ``days`` days from ``first_day``; ``table`` (zones, days, slots) µs UTC."""

    config: WorldConfig
    seed: int
    first_day: int
    table: I64

    @classmethod
    def of(cls, config: WorldConfig, seed: int, first_day: int, days: int) -> SlotClock:
        """The clock of these days."""
        return cls(config, seed, first_day, slot_times(config, first_day, days))

    def sent_at(self, zone: I64, day: I64, slot: I64) -> I64:
        """(e,) µs UTC of sends at local days and slots."""
        return self.table[zone, day - self.first_day, slot]

    def opened_at(self, row: U64, zone: I64, channel: I64, day: I64, slot: I64) -> I64:
        """(e,) µs UTC of opens: lognormal delays by channel, within the attribution window."""
        location, share = open_delay(self.config)
        u = self._uniform(row, day, slot, 0)
        hours = np.exp(location[channel] + self.config.open_delay_sigma * ndtri(u * share[channel]))
        return self.sent_at(zone, day, slot) + np.rint(hours * HOUR_US).astype(np.int64)

    def opted_out_at(self, row: U64, zone: I64, day: I64, slot: I64) -> I64:
        """(e,) µs UTC from which opt-outs are known: the rest of the local day, the next, days 2–7, days 8–12."""
        u = self._uniform(row, day, slot, LEAVING)
        by = np.array([0.0, *self.config.opt_out_by_day, 1.0])
        start, end = np.array([0.0, 1.0, 2.0, 8.0]), np.array([1.0, 2.0, 8.0, LAST_DAY + 1.0])
        part = np.minimum(np.searchsorted(by, u, "right") - 1, 3)
        within = (u - by[part]) / (by[part + 1] - by[part])
        sent, passed = self.sent_at(zone, day, slot), slot_hours(self.config)[slot] / 24
        days = start[part] + within * (end[part] - start[part])
        same_day = within * (1 - passed)
        return sent + np.floor(np.where(part == 0, same_day, days - passed) * DAY_US).astype(np.int64)

    def _uniform(self, row: U64, day: I64, slot: I64, lanes: int) -> F64:
        lane = ((day + ORIGIN) * 64 + slot).astype(np.uint64) + kernel.DELAYS + np.uint64(lanes)
        out = np.empty(row.size)
        kernel.uniforms(np.uint64(self.seed), np.ascontiguousarray(row), lane, out)
        return out
