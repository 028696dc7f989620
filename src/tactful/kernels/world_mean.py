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
def mean_reaction(fatigue, habit, since, tolerance, base_log_odds, hours, factors, hour_row, bits, rates):
    """Means over the slots in ``bits`` of: a send being allowed, an open, excess, an opt-out."""
    sends = p = excess = quits = count = 0.0
    for s in range(hours.shape[1]):
        if bits >> s & 1:
            count += 1.0
            if factors[hour_row, s] > 0.0:
                log_odds = base_log_odds + hours[hour_row, s]
                a, b, c = reaction(fatigue, habit, since, tolerance, log_odds, factors[hour_row, s], rates)
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
        hour_row, weekday_row = kinds[i, HOUR_ROW], kinds[i, WEEKDAY_ROW]
        for a in range(cadence.size):
            fatigue, habit, since = state[i, FATIGUE], state[i, HABIT], state[i, SINCE]
            present, credit = state[i, ALIVE], state[i, CREDIT]
            absent, staying = 1.0 - present, state[i, STAYING] if present == 0.0 else rates[STAY]
            opens = sessions = opt_outs = sends = 0.0
            for d in range(days.shape[1]):
                # Organic visits of those who are there, and of those who have left.
                mu = traits[i, RATE] * days[1, d] * np.exp(habit)
                sessions += mu * (present + absent * staying)
                credit += np.float64(cadence[a])
                today = 0
                while credit >= WEEK:
                    credit -= WEEK
                    today += 1
                # A cadence with a slot spreads a day's sends from there; one without sends at the mean of all slots.
                bits = chosen(today, slot[a], np.uint64(0), slots) if slot[a] >= 0 else anywhere
                log_odds = traits[i, LOG_ODDS] + days[0, d] + weekdays[weekday_row, (plan[1] + d) % 7]
                place = 0
                for _ in range(min(today, slots)):
                    mask = bits
                    if slot[a] >= 0:
                        while not bits >> place & 1:
                            place += 1
                        mask = 1 << place
                        place += 1
                    allowed, p, excess, quits = mean_reaction(
                        fatigue, habit, since, traits[i, TOLERANCE], log_odds, hours, factors, hour_row, mask, rates
                    )
                    sends += present * allowed
                    opens += present * p
                    sessions += present * p * np.exp(-mu * rates[REPLACE])
                    opt_outs += present * quits
                    absent += present * quits
                    present -= present * quits
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
