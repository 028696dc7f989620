"""The simulated world slot by slot, for decisions that are made several times a day. Equations: docs/world.md."""

# pyright: basic
from __future__ import annotations

import numpy as np

from tactful.kernels.jit import (
    BOOL_2,
    F64_1,
    F64_2,
    I64_1,
    I64_2,
    OUT_F64_2,
    OUT_F64_3,
    OUT_I64_2,
    U64_0,
    U64_1,
    kernel,
)
from tactful.kernels.philox import block
from tactful.kernels.world import (
    ADDED,
    ADDED_SESSIONS,
    ALIVE,
    DAYS_ALIVE,
    DECAY_F,
    DECAY_H,
    EXPECTED_OPENS,
    EXPECTED_OPT_OUTS,
    EXPECTED_SESSIONS,
    FATIGUE,
    FLAGS,
    GAIN,
    HABIT,
    HALF,
    HOUR_ROW,
    LANES,
    LEFT_DAY,
    LEFT_SLOT,
    LOG_ODDS,
    OPENED,
    OPENS,
    OPT_OUTS,
    PESTER,
    QUIT,
    RATE,
    REPLACE,
    SENDS,
    SESSIONS,
    SINCE,
    STAY,
    STAYING,
    TOLERANCE,
    WEEKDAY_ROW,
    happens,
    poisson,
    reaction,
    unit,
)


@kernel(
    U64_0, U64_1, I64_1, F64_1, F64_2, I64_2, F64_2, F64_2, F64_2, F64_2, BOOL_2,
    OUT_F64_2, OUT_F64_3, OUT_I64_2,
)  # fmt: skip
def slots(seed, row, plan, rates, traits, kinds, hours, factors, weekdays, days, sends, state, out, sent):
    """Move users through t slots, ``sends`` (n, t) of which hold a send; organic visits are drawn by slot.

    ``plan`` (3 + t,) holds the first slot counted from day 0, the weekday of day 0, an unused entry, and the window of
    ``out`` of each slot; ``days`` (2, d) is drift by day from the first slot's. All else as in ``world.cadences``.
    """
    per_day = hours.shape[1]
    for i in range(row.size):
        tolerance = traits[i, TOLERANCE]
        hour_row, weekday_row = kinds[i, HOUR_ROW], kinds[i, WEEKDAY_ROW]
        recorded = 0
        for t in range(sends.shape[1]):
            day = (plan[0] + t) // per_day
            s = (plan[0] + t) % per_day
            d = day - plan[0] // per_day
            w = plan[3 + t]
            lane = np.uint64(day) * LANES + np.uint64(s + 1)
            # Organic visits of this slot, by the upper half of the second word.
            _, second = block(seed, row[i], lane)
            mu = traits[i, RATE] * state[i, STAYING] * days[1, d] * np.exp(state[i, HABIT])
            out[i, w, SESSIONS] += poisson(unit(second >> HALF), mu / per_day)
            out[i, w, EXPECTED_SESSIONS] += mu / per_day
            alive = state[i, ALIVE] > 0.0
            if alive and s == 0:
                out[i, w, DAYS_ALIVE] += 1.0
            if alive and sends[i, t] and factors[hour_row, s] > 0.0:
                log_odds = traits[i, LOG_ODDS] + hours[hour_row, s] + days[0, d]
                log_odds += weekdays[weekday_row, (plan[1] + day) % 7]
                fatigue, habit, since = state[i, FATIGUE], state[i, HABIT], state[i, SINCE]
                p, excess, quits = reaction(fatigue, habit, since, tolerance, log_odds, factors[hour_row, s], rates)
                adds = np.exp(-mu * rates[REPLACE])
                happened = happens(seed, row[i], lane, p, adds, quits)
                state[i, FATIGUE] += 1.0
                state[i, SINCE] = 0.0
                state[i, HABIT] -= rates[PESTER] * excess
                out[i, w, SENDS] += 1.0
                out[i, w, EXPECTED_OPENS] += p
                out[i, w, EXPECTED_SESSIONS] += p * adds
                out[i, w, EXPECTED_OPT_OUTS] += quits
                if happened & OPENED:
                    state[i, HABIT] += rates[GAIN]
                    out[i, w, OPENS] += 1.0
                if happened & ADDED:
                    out[i, w, SESSIONS] += 1.0
                    out[i, w, ADDED_SESSIONS] += 1.0
                if happened & QUIT:
                    out[i, w, OPT_OUTS] += 1.0
                    state[i, ALIVE], state[i, STAYING] = 0.0, rates[STAY]
                    state[i, LEFT_DAY], state[i, LEFT_SLOT] = day, s
                if recorded < sent.shape[1]:
                    sent[i, recorded] = (day * 64 + s) * FLAGS + happened
                    recorded += 1
            if s == per_day - 1:  # night
                state[i, FATIGUE] *= rates[DECAY_F]
                state[i, HABIT] *= rates[DECAY_H]
                if state[i, ALIVE] > 0.0:
                    state[i, SINCE] += 1.0


@kernel(I64_1, F64_1, F64_2, I64_2, F64_2, F64_2, F64_2, F64_2, F64_2, OUT_F64_2)
def one_step(plan, rates, traits, kinds, hours, factors, weekdays, days, state, out):
    """Organic visits until the next slot, and of a send now: opens, sessions it adds, opt-outs; ``out`` (n, 4)."""
    day, s = plan[0] // hours.shape[1], plan[0] % hours.shape[1]
    for i in range(state.shape[0]):
        hour_row = kinds[i, HOUR_ROW]
        mu = traits[i, RATE] * state[i, STAYING] * days[1, 0] * np.exp(state[i, HABIT])
        log_odds = traits[i, LOG_ODDS] + hours[hour_row, s] + days[0, 0]
        log_odds += weekdays[kinds[i, WEEKDAY_ROW], (plan[1] + day) % 7]
        p, _, quits = reaction(
            state[i, FATIGUE], state[i, HABIT], state[i, SINCE], traits[i, TOLERANCE], log_odds, factors[hour_row, s],
            rates,
        )  # fmt: skip
        out[i, 0] = mu / hours.shape[1]
        out[i, 1] = p
        out[i, 2] = p * np.exp(-mu * rates[REPLACE])
        out[i, 3] = quits
