"""The world slot by slot is that of plain Python, and so are the expectations of one send."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from world_arrays import SLOTS, Population, recorded, same_state, same_totals

from reference import world as reference
from tactful.kernels import world_slots


@pytest.mark.parametrize(("first_slot", "count"), [(0, 23), (7, 1), ((1 << 20) * SLOTS + 3, 40)])
def test_slots_are_those_of_plain_python(first_slot, count):
    n, last = 10, first_slot + count - 1
    people = Population(count, n, last // SLOTS - first_slot // SLOTS + 1)
    sends = people.rng.random((n, count)) < 0.5
    windows = [t * 3 // count for t in range(count)]
    plan = np.array([first_slot, 2, 0, *windows])
    users = [people.user(i) for i in range(n)]
    out, sent = np.zeros((n, 3, 9)), np.full((n, 8), -1)
    world_slots.slots(np.uint64(6), people.row, plan, *people.tables(), sends, people.state, out, sent)
    for i, user in enumerate(users):
        totals, record = reference.live_by_slot(
            user, people.named_rates, seed=6, first_slot=first_slot, weekday=2, windows=windows, drift=people.drift,
            sends=sends[i].tolist(),
        )  # fmt: skip
        same_state(user, people.state[i])
        same_totals(totals, out[i])
        assert sent[i].tolist() == recorded(record, 8)
    assert out[:, :, 0].sum() > 0


@pytest.mark.parametrize("slot", [0, 4, 37])
def test_one_step_holds_the_expectations_of_a_send(slot):
    people = Population(slot, 12, 1)
    before, out = people.state.copy(), np.empty((12, 4))
    world_slots.one_step(np.array([slot, 3]), *people.tables(), people.state, out)
    assert (people.state == before).all()
    for i in range(12):
        user, rates = people.user(i), people.named_rates
        day, s = divmod(slot, SLOTS)
        mu = user["rate"] * user["staying"] * people.days[1, 0] * exp(user["habit"])
        log_odds = user["log_odds"] + user["hours"][s] + people.days[0, 0] + user["weekdays"][(3 + day) % 7]
        p, _, quits = reference.reaction(user, rates, s, log_odds)
        assert out[i] == pytest.approx([mu / SLOTS, p, p * exp(-mu * rates["replace"]), quits], rel=1e-12, abs=1e-14)
