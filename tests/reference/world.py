"""The simulated world for one user in plain Python, from docs/world.md: a dictionary moves through days and slots.

``user`` holds row, rate, log_odds, tolerance, fatigue, habit, since, credit, alive, staying (the factor of organic
visits) and, by slot and weekday, hours, factors and weekdays. ``rates`` names the parameters of the equations.
"""

from __future__ import annotations

from collections import Counter
from math import exp, log2

from reference.philox import short_uniform, words

SLOT_LANES = 64  # lanes of a day: one for each pair of days, then one for each slot
WEEK = 7000  # credit of one send


def poisson(u, mean):
    """The Poisson variate at uniform u, by inversion."""
    mass = below = exp(-mean)
    count = 0
    while u > below and mass > 1e-300:
        count += 1
        mass *= mean / count
        below += mass
    return count


def reaction(user, rates, slot, log_odds):
    """(chance of an open, excess over tolerance, chance of an opt-out) of a send at a slot."""
    load = rates["dose"] * (user["fatigue"] + 0.5) / user["tolerance"]
    excess = min(1.0, max(0.0, log2(load)))
    hazard = rates["hazard"] * user["factors"][slot] * exp(rates["log_factor"] * excess)
    hazard *= max(1.0, user["since"] / rates["stale_days"]) ** rates["stale"]
    score = log_odds + rates["eta"] * user["habit"] - rates["phi"] * user["fatigue"] - rates["xi"] * excess
    return 1 / (1 + exp(-score)), excess, 1 - exp(-hazard)


def happens(seed, row, lane, p, adds, quits):
    """(opened, added, quit) of a send, one word of its block each; only what was opened adds a session."""
    first, second, third, _ = words(seed, row, lane)
    opened = short_uniform(first) < p
    return opened, opened and short_uniform(third) < adds, short_uniform(second) < quits


def slots_of_day(count, slot, chance, slots):
    """The slots of a day's sends: the first at ``slot`` (None: any, by 16 bits), the others spread over the day."""
    start = chance * slots // 65536 if slot is None else slot
    count = min(count, slots)
    return sorted((start + j * slots // count) % slots for j in range(count))


def send(user, rates, *, seed, day, slot, log_odds, mu, totals):
    """One send: what it brings is added to ``totals``. Returns what happened as a triple of truths."""
    p, excess, quits = reaction(user, rates, slot, log_odds)
    adds = exp(-mu * rates["replace"])
    opened, added, left = happens(seed, user["row"], day * SLOT_LANES + slot + 1, p, adds, quits)
    user["fatigue"] += 1
    user["since"] = 0
    user["habit"] += rates["gain"] * opened - rates["pester"] * excess
    totals.update(sends=1, opens=opened, sessions=added, added_sessions=added, opt_outs=left)
    totals.update(expected_opens=p, expected_sessions=p * adds, expected_opt_outs=quits)
    if left:
        user.update(alive=False, staying=rates["stay"], left=(day, slot))
    return opened, added, left


def night(user, rates):
    """Fatigue and habit decay; a day more since the last send, while the user is there."""
    user["fatigue"] *= rates["decay_fatigue"]
    user["habit"] *= rates["decay_habit"]
    user["since"] += user["alive"]


def live(user, rates, *, seed, first_day, weekday, share, windows, drift, cadence, slots):
    """Live through the days of ``windows`` under a cadence (thousandths of sends) and a slot (or None) a week.

    ``share`` in 65536ths of the sends are made; ``drift`` holds log-odds and a factor of organic visits a day. Returns
    the totals by window and the sends as (day, slot, what happened).
    """
    totals, record = {}, []
    for d, window in enumerate(windows):
        day, count = first_day + d, totals.setdefault(window, Counter())
        block = words(seed, user["row"], day // 2 * 2 * SLOT_LANES)
        visits, choice = block[2:] if day % 2 else block[:2]
        mu = user["rate"] * user["staying"] * drift[1][d] * exp(user["habit"])
        count.update(sessions=poisson(short_uniform(visits), mu), expected_sessions=mu, days_alive=user["alive"])
        sends = 0
        if user["alive"]:
            user["credit"] += cadence[d // 7]
            sends, user["credit"] = divmod(user["credit"], WEEK)
        if sends and choice % 65536 < share:
            for slot in slots_of_day(int(sends), slots[d // 7], choice >> 16, len(user["hours"])):
                if user["alive"] and user["factors"][slot] > 0:
                    log_odds = (
                        user["log_odds"] + user["hours"][slot] + user["weekdays"][(weekday + d) % 7] + drift[0][d]
                    )
                    event = send(user, rates, seed=seed, day=day, slot=slot, log_odds=log_odds, mu=mu, totals=count)
                    record.append((day, slot, event))
        night(user, rates)
    return totals, record


def live_by_slot(user, rates, *, seed, first_slot, weekday, windows, drift, sends):
    """Live through slots, some of which hold a send; organic visits are drawn by slot, ``weekday`` is that of day 0."""
    per_day = len(user["hours"])
    totals, record = {}, []
    for t, window in enumerate(windows):
        (day, slot), count = divmod(first_slot + t, per_day), totals.setdefault(window, Counter())
        d = day - first_slot // per_day
        mu = user["rate"] * user["staying"] * drift[1][d] * exp(user["habit"])
        visits = poisson(short_uniform(words(seed, user["row"], day * SLOT_LANES + slot + 1)[3]), mu / per_day)
        count.update(sessions=visits, expected_sessions=mu / per_day, days_alive=user["alive"] and slot == 0)
        if user["alive"] and sends[t] and user["factors"][slot] > 0:
            log_odds = user["log_odds"] + user["hours"][slot] + user["weekdays"][(weekday + day) % 7] + drift[0][d]
            event = send(user, rates, seed=seed, day=day, slot=slot, log_odds=log_odds, mu=mu, totals=count)
            record.append((day, slot, event))
        if slot == per_day - 1:
            night(user, rates)
    return totals, record


def expected(user, rates, *, weekday, drift, cadence, slot):
    """(sends, opens, sessions, opt-outs) to expect under one cadence; ``slot`` None: the mean over all slots.

    Those who leave stay in the sums by the share that has left; habit moves by its mean.
    """
    user, slots = dict(user), range(len(user["hours"]))
    present, absent = float(user["alive"]), 1.0 - user["alive"]
    staying = rates["stay"] if user["alive"] else user["staying"]
    total = [0.0] * 4
    for d in range(len(drift[0])):
        mu = user["rate"] * drift[1][d] * exp(user["habit"])
        total[2] += mu * (present + absent * staying)
        sends, user["credit"] = divmod(user["credit"] + cadence, WEEK)
        places = [[s] for s in slots_of_day(int(sends), slot, 0, len(slots))] if sends and slot is not None else None
        for n in range(min(int(sends), len(slots))):
            choices, mean = places[n] if places else slots, [0.0] * 4
            for s in choices:
                if user["factors"][s] > 0:
                    log_odds = user["log_odds"] + drift[0][d] + user["weekdays"][(weekday + d) % 7] + user["hours"][s]
                    reacts = (1.0, *reaction(user, rates, s, log_odds))
                    mean = [m + x / len(choices) for m, x in zip(mean, reacts, strict=True)]
            allowed, p, excess, quits = mean
            arrive = (allowed, p, p * exp(-mu * rates["replace"]), quits)
            total = [x + present * y for x, y in zip(total, arrive, strict=True)]
            present, absent = present * (1 - quits), absent + present * quits
            user["fatigue"] += allowed
            user["habit"] += rates["gain"] * p - rates["pester"] * excess
            user["since"] = 0.0 if allowed > 0 else user["since"]
        user["fatigue"] *= rates["decay_fatigue"]
        user["habit"] *= rates["decay_habit"]
        user["since"] += 1
    return total
