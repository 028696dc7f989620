"""Which cadence of the grid the sends of a period were, if they were one."""

from __future__ import annotations

import numpy as np
import polars as pl

from tactful.core.actions import DAY_US, NONE, ActionSpace
from tactful.core.arrays import F64, I64
from tactful.frames.building.sends import slots_of
from tactful.frames.spec.rollup_spec import OTHER, RollupSpec

WHO = ("user", "scope")
KEYS = (*WHO, "period")
COUNT, HOUR, SPREAD = "number of sends", "hour", "spread over hours"


def cadences(sends: pl.DataFrame, how: RollupSpec) -> pl.DataFrame:
    """One row a (user, scope, period) with sends: ``sends``, ``last`` (local µs), ``slot``, ``near`` and ``agreed``.

    ``slot`` is the place of the commonest slot among sends within ``slot_minutes`` of one (the earliest of equals),
    ``agreed`` the share of the period's sends at it, ``near`` the share that is near any slot.
    """
    near = sends.with_columns(near=pl.col("away") <= how.slot_minutes)
    whole = near.group_by(KEYS).agg(
        pl.len().alias("sends"),
        pl.col("local").max().alias("last"),
        pl.col("near").mean(),
        *([pl.col("propensity").first()] if "propensity" in sends.columns else []),
    )
    by_slot = near.filter("near").group_by(*KEYS, "slot").agg(pl.len().alias("at"))
    mode = by_slot.sort("at", "slot", descending=[True, False]).group_by(KEYS, maintain_order=True).first()
    return whole.join(mode, on=KEYS, how="left").with_columns(agreed=pl.col("at").fill_null(0) / pl.col("sends"))


def actions_of(table: pl.DataFrame, actions: ActionSpace, how: RollupSpec) -> pl.DataFrame:
    """With ``action``, ``cut`` and, for ``other``, ``because``.

    Where an opt-out came of the period's sends (``ended``), more had perhaps been planned: the frequency is the grid's
    nearest to the pace (m − ½) · length / time of the m-th and last send, and at least m. A period whose ``sends`` are
    null had none of them, and is ``none``.
    """
    length = actions.period_us or 7 * DAY_US
    sends = table["sends"].fill_null(0).to_numpy()
    frequencies = np.array(sorted({f for f in actions.frequencies if f}))
    start = actions.origin_us + table["period"].to_numpy() * length + round(how.lag_days * DAY_US)
    elapsed = np.clip((table["last"].fill_null(0).to_numpy() - start) / length, 1e-9, 1.0)
    ended = table["ended"].to_numpy() & (sends > 0)
    planned = np.where(ended, _at_pace(sends, elapsed, frequencies), sends)
    known = np.isin(planned, frequencies)
    slot = table["slot"].fill_null(-1).to_numpy()
    near, agreed = (table[c].fill_null(0.0).to_numpy() for c in ("near", "agreed"))
    because = np.full(sends.size, "", object)
    because[agreed < how.agreement] = SPREAD
    because[near < how.agreement] = HOUR
    because[~known] = COUNT
    because[sends == 0] = "" if NONE in actions.names else COUNT
    slots = slots_of(actions)
    name = [
        OTHER if why else NONE if m == 0 else f"{m}x@{slots[s]}"
        for why, m, s in zip(because, planned.tolist(), slot.tolist(), strict=True)
    ]
    return table.with_columns(
        pl.Series("action", name), pl.Series("because", because.tolist(), dtype=pl.String), pl.Series("cut", ended)
    )


def _at_pace(sends: I64, elapsed: F64, frequencies: I64) -> I64:
    """(n,) the frequency nearest to the pace until the last send; as it was where none is as large."""
    pace = (sends - 0.5) / elapsed
    apart = np.abs(frequencies[None, :] - pace[:, None]) + np.where(frequencies[None, :] < sends[:, None], np.inf, 0)
    found = frequencies[np.argmin(apart, axis=1)]
    return np.where(np.isfinite(apart).any(1), found, sends)
