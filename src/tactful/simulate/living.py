"""People under a plan, week after week."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tactful.core.arrays import F64
from tactful.kernels import world as kernel
from tactful.simulate.engine import MEASURES, Engine
from tactful.simulate.people import People, remember
from tactful.simulate.plans import Plan


def live(engine: Engine, people: People, plan: Plan, first_day: int, days: int, cuts: Sequence[int] = ()) -> F64:
    """(n, windows, 9) totals of ``days`` days (whole weeks) from ``first_day``, between ``cuts``; people are moved.

    A plan that does not look at the state runs the whole horizon in one call of the kernel. Before day 0 every plan
    goes week by week, so that ``people.dose`` is there for policies that ask for it afterwards.
    """
    inner = np.array(cuts[1:-1], np.int64)
    windows = np.searchsorted(inner, np.arange(days), "right").astype(np.int64)
    out = np.zeros((people.n, max(1, len(cuts) - 1), len(MEASURES)))
    step = 7 if plan.by_week or first_day < 0 else days
    for at in range(0, days, step):
        cadence, slot = plan.weeks(people, (first_day + at) // 7, step // 7)
        before = out[:, :, kernel.SENDS].sum(1)
        engine.cadences(people, first_day + at, cadence, slot, out, windows=windows[at : at + step], kept=plan.kept)
        if step == 7:
            remember(people, out[:, :, kernel.SENDS].sum(1) - before, engine.config.fatigue_half_life)
    return out
