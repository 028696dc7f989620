"""Hours, zones and delays have the figures that the configuration says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tactful.core.actions import DAY_US, time_us
from tactful.simulate.delays import HOUR_US, SlotClock
from tactful.simulate.hours import hour_effect, hour_rows, leaf_slots, open_delay, slot_hours, slot_times, zone_names
from tactful.simulate.people import draw_people
from tactful.simulate.world_config import WorldConfig, default_leaves

CONFIG = WorldConfig()


def test_the_hour_averages_to_one_over_the_slots_and_peaks_where_it_should():
    effect = np.exp(hour_effect(CONFIG, slot_hours(CONFIG)))
    np.testing.assert_allclose(effect.mean(1), 1)
    hours = np.arange(0, 24, 0.25)
    whole = np.exp(hour_effect(CONFIG, hours))
    awake = (hours >= 7) & (hours <= 22)
    ratio = whole[:, awake].max(1) / whole[:, awake].min(1)
    assert ((ratio > 1.35) & (ratio < 3.5)).all()
    assert (np.abs(whole.argmin(1) / 4 - 3.5) < 1).all()
    assert leaf_slots(CONFIG)[:4].tolist() == [3, 1, 3, 4]  # the evening is best even among early users


def test_night_and_quiet_hours_are_factors_of_the_hazard():
    late = replace(CONFIG, slots=(*CONFIG.slots, "23:30", "03:00"))
    known = slice(4 * len(CONFIG.zones), None)
    _, factors = hour_rows(late)
    np.testing.assert_array_equal(factors[known], np.tile([1, 1, 1, 1, 1, 2, 2], (4, 1)))
    _, quiet = hour_rows(replace(late, quiet=(22, 8)))
    np.testing.assert_array_equal(quiet[known], np.tile([1, 1, 1, 1, 0, 0, 0], (4, 1)))


def test_an_unknown_zone_means_the_assumed_hour():
    names = zone_names(CONFIG)
    log_odds, _ = hour_rows(CONFIG)
    pacific = names.index("America/Los_Angeles")
    at_home = hour_effect(CONFIG, slot_hours(CONFIG) - 3)
    np.testing.assert_allclose(log_odds[4 * pacific : 4 * pacific + 4], at_home)


def test_slots_follow_daylight_saving():
    times = slot_times(CONFIG, 0, 120)
    start = time_us(CONFIG.start, "")
    new_york = (times[0, :, 0] - start) / HOUR_US - 24 * np.arange(1, 121)
    assert new_york[0] == 13  # 08:00 is 13:00 UTC
    assert new_york[-1] == 12
    assert np.flatnonzero(np.diff(new_york)).tolist() == [60]  # 8 March 2026
    np.testing.assert_array_equal(times[-1], times[0])


def test_zones_have_their_shares():
    """χ², false-alarm rate 1e-4; the US mix is 47/29/7/17."""
    people = draw_people(CONFIG, 20_000, 0, seed=3)
    shares = np.array([s for _, s in CONFIG.zones])
    np.testing.assert_allclose(shares[:4] / shares[:4].sum(), [0.47, 0.29, 0.07, 0.17], atol=0.001)
    expected = np.append(shares, 1 - shares.sum())
    assert 0.02 <= expected[-1] <= 0.05
    assert stats.chisquare(np.bincount(people.zone), expected * people.n).pvalue > 1e-4


@pytest.mark.parametrize(("channel", "median_h"), list(enumerate(CONFIG.open_delay_h)))
def test_opens_come_as_late_as_the_channel_says(channel, median_h):
    """The median within a sign test's band (1e-4), and the lognormal within the window by Kolmogorov and Smirnov."""
    clock, n = SlotClock.of(CONFIG, 5, 0, 1), 4000
    at = np.zeros(n, np.int64)
    row = np.arange(n, dtype=np.uint64)
    late = (clock.opened_at(row, at, np.full(n, channel), at, at) - clock.sent_at(at, at, at)) / HOUR_US
    assert late.max() <= CONFIG.attribution_h
    assert abs((late < median_h).sum() - n / 2) < stats.norm.isf(5e-5) * np.sqrt(n) / 2
    location, share = open_delay(CONFIG)
    law = stats.lognorm(CONFIG.open_delay_sigma, scale=np.exp(location[channel]))
    assert stats.kstest(law.cdf(late) / share[channel], "uniform").pvalue > 1e-4


def test_opt_outs_are_known_when_they_should_be():
    clock, n = SlotClock.of(CONFIG, 6, 0, 3), 20_000
    row = np.arange(n, dtype=np.uint64)
    zone, day, slot = (np.full(n, x) for x in (0, 1, 4))
    known = clock.opted_out_at(row, zone, day, slot)
    midnight = clock.table[0, 1, 0] - 8 * HOUR_US
    days = (known - midnight) // DAY_US
    assert (known >= clock.sent_at(zone, day, slot)).all()
    for last, share in ((0, 0.786), (1, 0.929), (7, 0.983), (12, 1.0)):
        band = stats.norm.isf(1e-5) * np.sqrt(share * (1 - share) / n)
        assert abs((days <= last).mean() - share) <= band


def test_leaves_have_the_shares_of_their_lifecycles():
    leaves = default_leaves()
    assert len(leaves) == 24
    life = {x: sum(leaf.share for leaf in leaves if f"/{x}/" in leaf.path) for x in ("new", "regular", "core")}
    assert life == pytest.approx({"new": 0.3, "regular": 0.45, "core": 0.25})
    people = draw_people(WorldConfig(), 20_000, 0, seed=1)
    expected = np.array([leaf.share for leaf in leaves]) * people.n
    assert stats.chisquare(np.bincount(people.leaf, minlength=24), expected).pvalue > 1e-4
    own = np.array([leaf.chronotype for leaf in leaves])[people.leaf]
    assert (people.chronotype == own).mean() == pytest.approx(0.7, abs=0.02)
