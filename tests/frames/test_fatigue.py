"""Fatigue and recent dose from the log's rows alone are the columns that the world writes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tactful.errors import LogError, SpecError
from tactful.frames.fatigue import DOSE_COLUMN, FATIGUE_COLUMN, Fading, with_dose
from tactful.frames.write import to_frame
from tactful.simulate.world import World
from tactful.simulate.world_config import WorldConfig

WORLD = World(replace(WorldConfig(), hazard=0.01))


@pytest.mark.parametrize("shuffled", [False, True])
def test_weekly_columns_are_the_worlds(shuffled):
    frame = to_frame(WORLD.simulate(80, 9, seed=1).log)
    if shuffled:
        frame = frame.sample(fraction=1, shuffle=True, seed=3)
    dosed = with_dose(frame.drop(FATIGUE_COLUMN, DOSE_COLUMN))
    np.testing.assert_allclose(dosed[FATIGUE_COLUMN], frame[FATIGUE_COLUMN], rtol=1e-12)
    np.testing.assert_array_equal(dosed[DOSE_COLUMN], frame[DOSE_COLUMN])
    assert dosed[DOSE_COLUMN].max() > 5


def test_columns_of_a_trial_are_the_worlds():
    frame = to_frame(WORLD.trial(15, 35, 0.3, seed=1).log)
    dosed = with_dose(frame.drop(FATIGUE_COLUMN, DOSE_COLUMN), fading=Fading(per_day=5))
    np.testing.assert_allclose(dosed[FATIGUE_COLUMN], frame[FATIGUE_COLUMN], rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(dosed[DOSE_COLUMN], frame[DOSE_COLUMN])


rows = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(-3, 12), st.integers(0, 7)), min_size=1, max_size=25,
    unique_by=lambda r: r[:2],
)  # fmt: skip


@given(rows, st.sampled_from([None, 1, 3]), st.floats(0.5, 30))
def test_features_are_the_sums_of_what_was_sent_before(rows, per_day, half_life):
    frame = pl.DataFrame(rows, schema=["user", "period", "sent"], orient="row")
    fading = Fading(half_life, per_day=per_day)
    dosed = with_dose(frame, sends="sent", fading=fading)
    for i, (user, period, _) in enumerate(rows):
        tired = dose = 0.0
        for sender, earlier_period, n_sent in rows:
            if sender == user and earlier_period < period:
                if per_day is None:
                    days = [7 * (period - earlier_period) - j for j in range(7)]
                    tired += sum(n_sent / 7 * 2 ** (-d / half_life) for d in days)
                    dose += n_sent / 4 * (period - earlier_period <= 4)
                else:
                    tired += n_sent * 2 ** (-(period // per_day - earlier_period // per_day) / half_life)
                    dose += n_sent / 4 * (period - earlier_period <= 28 * per_day)
        assert dosed[FATIGUE_COLUMN][i] == pytest.approx(tired, rel=1e-9, abs=1e-12)
        assert dosed[DOSE_COLUMN][i] == pytest.approx(dose)


def test_scopes_are_apart():
    frame = pl.DataFrame({"user": ["a", "a"], "scope": ["x", "y"], "period": [0, 1], "sent": [3, 0]})
    assert with_dose(frame, sends="sent")[FATIGUE_COLUMN].to_list() == [0, 0]
    assert with_dose(frame.drop("scope"), sends="sent")[FATIGUE_COLUMN][1] > 0


def test_what_has_no_dose_is_refused():
    frame = pl.DataFrame({"user": ["a", "b"], "period": [0, 1], "sent": [3, None]})
    for message, faulty in (
        ("no column 'opens_trials'", frame),
        ("1 rows have no number", frame.rename({"sent": "opens_trials"})),
    ):
        with pytest.raises(LogError, match=message):
            with_dose(faulty)
    with pytest.raises(SpecError, match="must be positive"):
        Fading(0)
    assert with_dose(frame.clear(), sends="sent").columns == ["user", "period", "sent", FATIGUE_COLUMN, DOSE_COLUMN]
