"""Random users, parameters and tables of a small world, as arrays for kernels and as dictionaries for plain Python."""

from __future__ import annotations

import numpy as np
import pytest

from tactful.kernels import world as kernels

SLOTS, HOUR_ROWS, WEEKDAY_ROWS = 5, 4, 3
RATES = (
    "decay_fatigue", "decay_habit", "eta", "phi", "xi", "gain", "pester", "dose", "hazard", "log_factor", "stale_days",
    "stale", "replace", "stay",
)  # fmt: skip
MEASURES = (
    "sends", "opens", "sessions", "opt_outs", "expected_opens", "expected_sessions", "expected_opt_outs", "days_alive",
    "added_sessions",
)  # fmt: skip
VALUES = (0.89, 0.99, 1.1, 0.04, 0.5, 0.03, 0.02, 0.8, 0.01, 1.9, 7.0, 0.5, 1.5, 0.9)


class Population:
    """n users in any state, some of whom have left; some slots of some rows allow no send."""

    def __init__(self, seed: int, n: int, days: int):
        rng = np.random.default_rng(seed)
        self.rng, self.n = rng, n
        self.row = rng.integers(0, 2**40, n).astype(np.uint64)
        self.rates = np.array(VALUES)
        self.traits = np.column_stack([rng.gamma(1.0, 0.3, n), rng.normal(-1.5, 1, n), rng.choice([0.02, 2, 6, 50], n)])
        self.kinds = np.column_stack([rng.integers(HOUR_ROWS, size=n), rng.integers(WEEKDAY_ROWS, size=n)])
        self.hours = rng.normal(0, 0.5, (HOUR_ROWS, SLOTS))
        self.factors = rng.choice([0.0, 1.0, 2.0], (HOUR_ROWS, SLOTS), p=[0.2, 0.6, 0.2])
        self.weekdays = rng.normal(0, 0.2, (WEEKDAY_ROWS, 7))
        self.days = np.stack([rng.normal(0, 0.2, days), rng.uniform(0.5, 1.5, days)])
        alive = rng.random(n) < 0.8
        self.state = np.zeros((n, 8))
        self.state[:, kernels.FATIGUE] = rng.gamma(1.0, 3.0, n)
        self.state[:, kernels.HABIT] = rng.normal(0, 0.2, n)
        self.state[:, kernels.SINCE] = rng.integers(0, 30, n)
        self.state[:, kernels.CREDIT] = rng.integers(0, 7000, n)
        self.state[:, kernels.ALIVE] = alive
        self.state[:, kernels.STAYING] = np.where(alive, 1.0, 0.9)

    @property
    def named_rates(self):
        return dict(zip(RATES, self.rates.tolist(), strict=True))

    @property
    def drift(self):
        return self.days.tolist()

    def user(self, i):
        """User i as plain Python moves it."""
        rate, log_odds, tolerance = self.traits[i].tolist()
        fatigue, habit, since, credit, alive, staying, *_ = self.state[i].tolist()
        hour_row, weekday_row = self.kinds[i].tolist()
        return {
            "row": int(self.row[i]), "rate": rate, "log_odds": log_odds, "tolerance": tolerance,
            "hours": self.hours[hour_row].tolist(), "factors": self.factors[hour_row].tolist(),
            "weekdays": self.weekdays[weekday_row].tolist(), "fatigue": fatigue, "habit": habit, "since": since,
            "credit": int(credit), "alive": alive > 0, "staying": staying, "left": (0, 0),
        }  # fmt: skip

    def tables(self):
        """What every kernel takes between its plan and its decisions."""
        return self.rates, self.traits, self.kinds, self.hours, self.factors, self.weekdays, self.days


def same_state(user, state):
    """The row of the kernel's state is the user of plain Python."""
    names = ("fatigue", "habit", "since", "credit", "alive", "staying")
    assert state[:6].tolist() == pytest.approx([float(user[name]) for name in names], rel=1e-12, abs=1e-13)
    assert tuple(state[6:].tolist()) == user["left"]


def same_totals(totals, out):
    """Counts are equal, expectations to rounding."""
    for window, row in enumerate(out):
        count = totals.get(window, {})
        expected = [float(count.get(name, 0)) for name in MEASURES]
        assert row.tolist() == pytest.approx(expected, rel=1e-12, abs=1e-13)


def recorded(record, width):
    """Sends as the kernel writes them, padded with −1."""
    codes = [(day * 64 + slot) * 8 + (opened + 2 * added + 4 * left) for day, slot, (opened, added, left) in record]
    return (codes + [-1] * width)[:width]
