"""Which cadence of the grid the sends of a period were, if they were one."""

from __future__ import annotations

import numpy as np
import polars as pl

from tactful.core.actions import DAY_US, NONE, ActionSpace
from tactful.core.arrays import F64, I64
from tactful.frames.building.sends import list_slots
from tactful.frames.spec.rollup_spec import OFF_GRID_ACTION, RollupSpec

USER_KEYS = ("user", "scope")
PERIOD_KEYS = (*USER_KEYS, "period")
# Why the sends of a period are no action of the grid.
OFF_COUNT, OFF_HOUR, OFF_SPREAD = "number of sends", "hour", "spread over hours"


def summarise_periods(sends: pl.DataFrame, rollup: RollupSpec) -> pl.DataFrame:
    """One row a (user, scope, period) with sends: ``sends``, ``last`` (local µs), ``slot``, ``near`` and ``agreed``.

    ``slot`` is the place of the commonest slot among sends within ``slot_minutes`` of one (the earliest of equals),
    ``agreed`` the share of the period's sends at it, ``near`` the share that is near any slot.
    """
    sends = sends.with_columns(near=pl.col("away") <= rollup.slot_minutes)
    periods = sends.group_by(PERIOD_KEYS).agg(
        pl.len().alias("sends"),
        pl.col("local").max().alias("last"),
        pl.col("near").mean(),
        *([pl.col("propensity").first()] if "propensity" in sends.columns else []),
    )
    by_slot = sends.filter("near").group_by(*PERIOD_KEYS, "slot").agg(pl.len().alias("at"))
    mode = by_slot.sort("at", "slot", descending=[True, False]).group_by(PERIOD_KEYS, maintain_order=True).first()
    joined = periods.join(mode, on=PERIOD_KEYS, how="left")
    return joined.with_columns(agreed=pl.col("at").fill_null(0) / pl.col("sends"))


def name_actions(table: pl.DataFrame, actions: ActionSpace, rollup: RollupSpec) -> pl.DataFrame:
    """The table with ``action``, ``cut`` and, for ``other``, ``because``.

    Where an opt-out came of the period's sends (``ended``), more had perhaps been planned: the frequency is the grid's
    nearest to the pace (m − ½) · length / time of the m-th and last send, and at least m. A period whose ``sends`` are
    null had none of them, and is ``none``.
    """
    length = actions.period_us or 7 * DAY_US
    sends = table["sends"].fill_null(0).to_numpy()
    frequencies = np.array(sorted({f for f in actions.frequencies if f}))
    start = actions.origin_us + table["period"].to_numpy() * length + round(rollup.lag_days * DAY_US)
    elapsed = np.clip((table["last"].fill_null(0).to_numpy() - start) / length, 1e-9, 1.0)
    ended = table["ended"].to_numpy() & (sends > 0)
    planned = np.where(ended, _extrapolate(sends, elapsed, frequencies), sends)
    slot = table["slot"].fill_null(-1).to_numpy()
    near, agreed = (table[c].fill_null(0.0).to_numpy() for c in ("near", "agreed"))
    because = np.full(sends.size, "", object)
    because[agreed < rollup.agreement] = OFF_SPREAD
    because[near < rollup.agreement] = OFF_HOUR
    because[~np.isin(planned, frequencies)] = OFF_COUNT
    because[sends == 0] = "" if NONE in actions.names else OFF_COUNT
    slots = list_slots(actions)
    names = [
        OFF_GRID_ACTION if why else NONE if m == 0 else f"{m}x@{slots[s]}"
        for why, m, s in zip(because, planned.tolist(), slot.tolist(), strict=True)
    ]
    return table.with_columns(
        pl.Series("action", names), pl.Series("because", because.tolist(), dtype=pl.String), pl.Series("cut", ended)
    )


def _extrapolate(sends: I64, elapsed: F64, frequencies: I64) -> I64:
    """(n,) the frequency nearest to the pace until the last send; as it was where none is as large."""
    pace = (sends - 0.5) / elapsed
    distance = np.abs(frequencies[None, :] - pace[:, None])
    distance += np.where(frequencies[None, :] < sends[:, None], np.inf, 0)
    nearest = frequencies[np.argmin(distance, axis=1)]
    return np.where(np.isfinite(distance).any(1), nearest, sends)
