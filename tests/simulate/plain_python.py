"""A week of one user in plain Python, from the configuration and docs/world.md: no kernels, no arrays of users."""

from __future__ import annotations

import math

from reference.philox import short_uniform, words
from reference.world import poisson

ORIGIN = 1 << 20  # keys of days are counted from here


def hour_effects(config, hour, chronotype):
    """Log-odds of an open at an hour, such that exp averages to 1 over the slots."""

    def bump(h, centre, width):
        d = abs(h - centre) % 24
        return math.exp(-(min(d, 24 - d) ** 2) / 2 / width**2)

    def raw(h):
        own = config.bump * bump(h, config.peaks_h[chronotype], config.widths_h[chronotype])
        return own + config.evening * bump(h, 19, 3) - config.dip * bump(h, 3.5, 2.2)

    slots = [int(s[:2]) + int(s[3:]) / 60 for s in config.slots]
    return raw(hour) - math.log(sum(math.exp(raw(h)) for h in slots) / len(slots))


def reaction(config, user, slot, day):
    """(p, excess, probability of an opt-out) of a send at a slot."""
    hour = int(config.slots[slot][:2]) + int(config.slots[slot][3:]) / 60
    recent = 7 * math.log(2) / config.fatigue_half_life * (user["F"] + 0.5)
    excess = min(1.0, max(0.0, math.log2(recent / user["T"])))
    weekday = (1 + day) % 7
    late = user["chronotype"] in (1, 3)
    favoured = late if weekday >= 5 else not late
    odds = user["b"] + hour_effects(config, hour, user["chronotype"])
    odds += config.weekday * (1 if favoured else -0.5)
    odds += config.habit_effect * user["H"] - config.fatigue * user["F"] - config.overload * excess
    hazard = config.hazard * config.hazard_factor**excess
    hazard *= config.night_factor if hour >= 23 or hour < 7 else 1
    hazard *= max(1.0, user["since"] / config.stale_days) ** config.stale
    return 1 / (1 + math.exp(-odds)), excess, 1 - math.exp(-hazard)


def week(config, seed, user, first_day, frequency, slot):
    """Live through seven days at ``frequency`` sends a week at ``slot``; ``user`` is moved. Returns the totals."""
    total = dict.fromkeys(("sends", "opens", "sessions", "opt_outs"), 0)
    for day in range(first_day, first_day + 7):
        key = ORIGIN + day
        block = words(seed, user["row"], (key // 2 * 2) * 64)
        visit = block[2] if key % 2 else block[0]
        mu = user["lam"] * (1.0 if user["alive"] else 1 - config.leaving) * math.exp(user["H"])
        total["sessions"] += poisson(short_uniform(visit), mu)
        if user["alive"]:
            user["credit"] += 1000 * frequency
            if user["credit"] >= 7000:
                user["credit"] -= 7000
                p, excess, quits = reaction(config, user, slot, day)
                opened, left, added, _ = words(seed, user["row"], key * 64 + slot + 1)
                total["sends"] += 1
                user["F"] += 1
                user["since"] = 0
                user["H"] -= config.habit_loss * excess
                if short_uniform(opened) < p:
                    total["opens"] += 1
                    user["H"] += config.habit_gain
                    total["sessions"] += short_uniform(added) < math.exp(-mu * config.replace_days)
                if short_uniform(left) < quits:
                    total["opt_outs"] += 1
                    user["alive"] = False
        user["F"] *= 2 ** (-1 / config.fatigue_half_life)
        user["H"] *= 2 ** (-1 / config.habit_half_life)
        user["since"] += user["alive"]
    return total
