"""The simulated world, user by user and day by day: one user's whole horizon in an inner loop.

A call reads traits that never change, moves ``state`` forward and adds to ``out``; nothing is shared between users, so
any split by users and any number of threads gives the same bits. Random numbers are Philox blocks of four 32-bit words
keyed (seed, user, day and slot); the words of a block are its purposes. Equations: docs/world.md.
"""

# pyright: basic
from __future__ import annotations

import numpy as np

from tactful.kernels.jit import (
    F64_1,
    F64_2,
    I64_1,
    I64_2,
    OUT_F64_1,
    OUT_F64_2,
    OUT_F64_3,
    OUT_I64_2,
    U64_0,
    U64_1,
    helper,
    kernel,
)
from tactful.kernels.philox import MASK, block, uniform

# Columns of traits (n, 3), kinds (n, 2), state (n, 8), and the measures of out (n, windows, 9).
RATE, LOG_ODDS, TOLERANCE = range(3)
HOUR_ROW, WEEKDAY_ROW = range(2)
FATIGUE, HABIT, SINCE, CREDIT, ALIVE, STAYING, LEFT_DAY, LEFT_SLOT = range(8)
SENDS, OPENS, SESSIONS, OPT_OUTS, EXPECTED_OPENS, EXPECTED_SESSIONS, EXPECTED_OPT_OUTS, DAYS_ALIVE, ADDED_SESSIONS = (
    range(9)
)
# Positions in rates (14,).
(DECAY_F, DECAY_H, ETA, PHI, XI, GAIN, PESTER, DOSE, HAZARD, LOG_FACTOR, STALE_DAYS, STALE, REPLACE, STAY) = range(14)
WEEK = 7000  # credit of a send: cadences are whole thousandths of sends a week
LANES = np.uint64(64)  # lanes of one day: 0 the pair of days, 1 … 31 the slots, 32 … 63 the delays
DELAYS = np.uint64(32)
HALF = np.uint64(32)
TO_UNIT = 2.0**-32
OPENED, ADDED, QUIT, FLAGS = 1, 2, 4, 8  # bits of a recorded send, and what the slot's index is multiplied by


@helper
def unit(word):
    """A uniform in (0, 1) of the lower 32 bits of a word."""
    return (np.float64(word & MASK) + 0.5) * TO_UNIT


@helper
def poisson(u, mean):
    """The Poisson variate at uniform u, by inversion."""
    mass = np.exp(-mean)
    below = mass
    count = 0.0
    while u > below and mass > 1e-300:
        count += 1.0
        mass *= mean / count
        below += mass
    return count


@helper
def at_least_one(hazard):
    """1 − exp(−hazard); below .01 by a series with an error under 1e-12, four times as fast."""
    if hazard < 0.01:
        return hazard * (1.0 - hazard * (0.5 - hazard * (1.0 / 6.0 - hazard * (1.0 / 24.0))))
    return -np.expm1(-hazard)


@helper
def reaction(fatigue, habit, since, tolerance, log_odds, factor, rates):
    """Probability of an open, excess over tolerance, and probability of an opt-out, of one send."""
    load = rates[DOSE] * (fatigue + 0.5) / tolerance
    excess = 0.0
    hazard = rates[HAZARD] * factor
    if load > 1.0:
        excess = min(1.0, np.log2(load))
        hazard *= np.exp(rates[LOG_FACTOR] * excess)
    if since > rates[STALE_DAYS]:
        hazard *= (since / rates[STALE_DAYS]) ** rates[STALE]
    score = log_odds + rates[ETA] * habit - rates[PHI] * fatigue - rates[XI] * excess
    return 1.0 / (1.0 + np.exp(-score)), excess, at_least_one(hazard)


@helper
def happens(seed, row, lane, p, adds, quits):
    """The bits of what one send brings: an open, a session that it adds, an opt-out."""
    first, second = block(seed, row, lane)
    happened = 0
    if unit(first) < p:
        happened |= OPENED
        if unit(second) < adds:
            happened |= ADDED
    if unit(first >> HALF) < quits:
        happened |= QUIT
    return happened


@helper
def chosen(sends, slot, word, slots):
    """Bits of the slots of a day's sends: the first at ``slot`` (below 0: any), the others spread over the day."""
    start = slot
    if slot < 0:
        start = np.int64(((word >> np.uint64(16)) * np.uint64(slots)) >> np.uint64(16))
    if sends == 1:
        return 1 << start
    bits = 0
    for j in range(min(sends, slots)):
        bits |= 1 << ((start + j * slots // min(sends, slots)) % slots)
    return bits


@kernel(
    U64_0, U64_1, I64_1, F64_1, F64_2, I64_2, F64_2, F64_2, F64_2, F64_2, I64_2, I64_2,
    OUT_F64_2, OUT_F64_3, OUT_I64_2,
)  # fmt: skip
def cadences(
    seed, row, plan, rates, traits, kinds, hours, factors, weekdays, days, cadence, slot, state, out, sent
):  # fmt: skip
    """Move users through the days of ``days`` under a cadence and a slot a week.

    Parameters
    ----------
    seed, row
        Key of the random numbers, and index (n,) of each user.
    plan
        (3 + d,): the first day, its weekday, the share of sends that are made in 65536ths, and for each of d days the
        window of ``out`` that it is counted in (the last one takes what nobody asked for).
    rates, traits, kinds
        (14,), (n, 3), (n, 2): see the names at the top of this module.
    hours, factors
        (rows, slots): log-odds of an open, and factor of the hazard (0: no send is allowed), by user's ``HOUR_ROW``.
    weekdays
        (rows, 7) log-odds by weekday.
    days
        (2, d) log-odds added and factor of organic visits by day: drift.
    cadence, slot
        (n, weeks): thousandths of sends a week, and the slot of the first send of a day (below 0: any).
    state, out, sent
        (n, 8) moved; (n, windows, 9) added to; (n, m) the first m sends as (day · 64 + slot) · 8 + bits, or −1.
    """
    slots = hours.shape[1]
    length = days.shape[1]
    for i in range(row.size):
        # The state of one user, in registers for the whole horizon.
        fatigue, habit, since, credit = state[i, FATIGUE], state[i, HABIT], state[i, SINCE], state[i, CREDIT]
        alive, staying = state[i, ALIVE] > 0.0, state[i, STAYING]
        rate, user_log_odds, tolerance = traits[i, RATE], traits[i, LOG_ODDS], traits[i, TOLERANCE]
        hour_row, weekday_row = kinds[i, HOUR_ROW], kinds[i, WEEKDAY_ROW]
        recorded = 0
        first = np.uint64(0)
        second = np.uint64(0)
        sends = opens = sessions = opt_outs = expected_opens = expected_sessions = expected_opt_outs = 0.0
        present = added = 0.0
        week = -1
        weekday = plan[1]
        in_week = 0
        for d in range(length):
            day = plan[0] + d
            if in_week == 0:
                week += 1
            if d == 0 or day & 1 == 0:  # one block serves two days
                first, second = block(seed, row[i], np.uint64(day & ~1) * LANES)
            # Organic visits, by the lower half of the day's word.
            word = second if day & 1 else first
            mu = rate * staying * days[1, d] * np.exp(habit)
            sessions += poisson(unit(word), mu)
            expected_sessions += mu
            if alive:
                # Sends that the credit pays for today; the upper half of the word decides whether and where.
                present += 1.0
                credit += np.float64(cadence[i, week])
                if credit >= WEEK:
                    today = 0
                    while credit >= WEEK:
                        credit -= WEEK
                        today += 1
                    choice = word >> HALF
                    bits = 0
                    if np.int64(choice & np.uint64(0xFFFF)) < plan[2]:
                        bits = chosen(today, slot[i, week], choice, slots)
                    s = 0
                    while bits and alive:
                        if bits & 1 and factors[hour_row, s] > 0.0:
                            log_odds = user_log_odds + hours[hour_row, s] + weekdays[weekday_row, weekday] + days[0, d]
                            p, excess, quits = reaction(
                                fatigue, habit, since, tolerance, log_odds, factors[hour_row, s], rates
                            )
                            adds = np.exp(-mu * rates[REPLACE])
                            lane = np.uint64(day) * LANES + np.uint64(s + 1)
                            happened = happens(seed, row[i], lane, p, adds, quits)
                            fatigue += 1.0
                            since = 0.0
                            habit -= rates[PESTER] * excess
                            sends += 1.0
                            expected_opens += p
                            expected_sessions += p * adds
                            expected_opt_outs += quits
                            if happened:
                                if happened & OPENED:
                                    habit += rates[GAIN]
                                    opens += 1.0
                                if happened & ADDED:
                                    added += 1.0
                                if happened & QUIT:
                                    opt_outs += 1.0
                                    alive = False
                                    staying = rates[STAY]
                                    state[i, LEFT_DAY], state[i, LEFT_SLOT] = day, s
                            if recorded < sent.shape[1]:
                                sent[i, recorded] = (day * 64 + s) * FLAGS + happened
                                recorded += 1
                        bits >>= 1
                        s += 1
            # Night.
            fatigue *= rates[DECAY_F]
            habit *= rates[DECAY_H]
            if alive:
                since += 1.0
            weekday = weekday + 1 if weekday < 6 else 0
            in_week = in_week + 1 if in_week < 6 else 0
            # The sums of a run of days of one window are written when it ends.
            if d + 1 == length or plan[3 + d] != plan[4 + d]:
                w = plan[3 + d]
                out[i, w, SENDS] += sends
                out[i, w, OPENS] += opens
                out[i, w, SESSIONS] += sessions + added
                out[i, w, ADDED_SESSIONS] += added
                out[i, w, OPT_OUTS] += opt_outs
                out[i, w, EXPECTED_OPENS] += expected_opens
                out[i, w, EXPECTED_SESSIONS] += expected_sessions
                out[i, w, EXPECTED_OPT_OUTS] += expected_opt_outs
                out[i, w, DAYS_ALIVE] += present
                sends = opens = sessions = opt_outs = expected_opens = expected_sessions = expected_opt_outs = 0.0
                present = added = 0.0
        state[i, FATIGUE], state[i, HABIT], state[i, SINCE], state[i, CREDIT] = fatigue, habit, since, credit
        state[i, ALIVE], state[i, STAYING] = 1.0 if alive else 0.0, staying


@kernel(U64_0, U64_1, U64_1, OUT_F64_1)
def uniforms(seed, row, lane, out):
    """Uniforms in (0, 1) of pairs of row and lane (n,)."""
    for i in range(row.size):
        out[i] = uniform(seed, row[i], lane[i])
