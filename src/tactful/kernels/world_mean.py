"""Expected outcomes of every cadence from a given state: the world without its dice. Equations: docs/world.md."""

# pyright: basic
from __future__ import annotations

import numpy as np

from tactful.kernels.jit import F64_1, F64_2, I64_1, I64_2, OUT_F64_3, helper, kernel
from tactful.kernels.world import (
    ALIVE,
    CREDIT,
    DECAY_F,
    DECAY_H,
    FATIGUE,
    GAIN,
    HABIT,
    HOUR_ROW,
    LOG_ODDS,
    PESTER,
    RATE,
    REPLACE,
    SINCE,
    STAY,
    STAYING,
    TOLERANCE,
    WEEK,
    WEEKDAY_ROW,
    chosen,
    reaction,
)

SENDS, OPENS, SESSIONS, OPT_OUTS = range(4)


@helper
def at_slots(fatigue, habit, since, tolerance, own_odds, hours, factors, at_hour, bits, rates):
    """Means over the slots in ``bits`` of: a send being allowed, an open, excess, an opt-out."""
    sends = p = excess = quits = count = 0.0
    for s in range(hours.shape[1]):
        if bits >> s & 1:
            count += 1.0
            if factors[at_hour, s] > 0.0:
                own = own_odds + hours[at_hour, s]
                a, b, c = reaction(fatigue, habit, since, tolerance, own, factors[at_hour, s], rates)
                sends, p, excess, quits = sends + 1.0, p + a, excess + b, quits + c
    return sends / count, p / count, excess / count, quits / count


@kernel(I64_1, F64_1, F64_2, I64_2, F64_2, F64_2, F64_2, F64_2, I64_1, I64_1, F64_2, OUT_F64_3)
def expected(plan, rates, traits, kinds, hours, factors, weekdays, days, cadence, slot, state, out):
    """Expected sends, opens, sessions and opt-outs (n, k, 4) over the days of ``days`` under each of k cadences.

    Users who opt out stay in the sums by the share that has left; habit moves by its mean, which is exact but for terms
    of second order in its gain per open. ``plan`` (2,) is the first day and its weekday; ``cadence`` and ``slot`` (k,);
    the rest as in ``world.cadences``. ``state`` is not moved.
    """
    slots = hours.shape[1]
    anywhere = (1 << slots) - 1
    for i in range(state.shape[0]):
        at_hour, at_weekday = kinds[i, HOUR_ROW], kinds[i, WEEKDAY_ROW]
        for a in range(cadence.size):
            fatigue, habit, since = state[i, FATIGUE], state[i, HABIT], state[i, SINCE]
            here, credit = state[i, ALIVE], state[i, CREDIT]
            gone, kept = 1.0 - here, state[i, STAYING] if here == 0.0 else rates[STAY]
            opens = sessions = opt_outs = sends = 0.0
            for d in range(days.shape[1]):
                mu = traits[i, RATE] * days[1, d] * np.exp(habit)
                sessions += mu * (here + gone * kept)
                credit += np.float64(cadence[a])
                today = 0
                while credit >= WEEK:
                    credit -= WEEK
                    today += 1
                bits = chosen(today, slot[a], np.uint64(0), slots) if slot[a] >= 0 else anywhere
                own = traits[i, LOG_ODDS] + days[0, d] + weekdays[at_weekday, (plan[1] + d) % 7]
                at = 0
                for _ in range(min(today, slots)):
                    which = bits
                    if slot[a] >= 0:
                        while not bits >> at & 1:
                            at += 1
                        which = 1 << at
                        at += 1
                    allowed, p, excess, quits = at_slots(
                        fatigue, habit, since, traits[i, TOLERANCE], own, hours, factors, at_hour, which, rates
                    )
                    sends += here * allowed
                    opens += here * p
                    sessions += here * p * np.exp(-mu * rates[REPLACE])
                    opt_outs += here * quits
                    gone += here * quits
                    here -= here * quits
                    fatigue += allowed
                    habit += rates[GAIN] * p - rates[PESTER] * excess
                    if allowed > 0.0:
                        since = 0.0
                fatigue *= rates[DECAY_F]
                habit *= rates[DECAY_H]
                since += 1.0
            out[i, a, SENDS], out[i, a, OPENS], out[i, a, SESSIONS], out[i, a, OPT_OUTS] = (
                sends, opens, sessions, opt_outs,
            )  # fmt: skip
