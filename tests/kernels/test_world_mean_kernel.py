"""Expected outcomes of cadences are those of plain Python, and leave the state where it was."""

from __future__ import annotations

import numpy as np
import pytest
from world_arrays import SLOTS, Population

from reference import world as reference
from tactful.kernels import world_mean


@pytest.mark.parametrize("days", [1, 10])
@pytest.mark.parametrize("seed", [1, 2])
def test_expectations_are_those_of_plain_python(days, seed):
    people = Population(seed, 8, days)
    cadence, slot = np.array([0, 3000, 7000, 21000, 49000, 5500]), np.array([-1, 0, 4, 2, -1, -1])
    before, out = people.state.copy(), np.empty((8, cadence.size, 4))
    world_mean.expected(np.array([9, 5]), *people.tables(), cadence, slot, people.state, out)
    assert (people.state == before).all()
    for i in range(8):
        for a, (pace, place) in enumerate(zip(cadence.tolist(), slot.tolist(), strict=True)):
            total = reference.expected(
                people.user(i), people.named_rates, weekday=5, drift=people.drift, cadence=pace,
                slot=None if place < 0 else place,
            )  # fmt: skip
            assert out[i, a] == pytest.approx(total, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("bits", [0b00001, 0b10000, 0b10110, 0b11111])
def test_means_over_slots(bits):
    people = Population(bits, 6, 1)
    for i in range(6):
        user = people.user(i)
        hour_row = people.kinds[i, 0]
        slots, mean = [s for s in range(SLOTS) if bits >> s & 1], [0.0] * 4
        for s in slots:
            if user["factors"][s] > 0:
                reacts = 1.0, *reference.reaction(user, people.named_rates, s, user["log_odds"] + user["hours"][s])
                mean = [m + x / len(slots) for m, x in zip(mean, reacts, strict=True)]
        found = world_mean.mean_reaction(
            user["fatigue"], user["habit"], user["since"], user["tolerance"], user["log_odds"], people.hours,
            people.factors, hour_row, bits, people.rates,
        )  # fmt: skip
        assert found == pytest.approx(mean, rel=1e-12, abs=1e-13)
