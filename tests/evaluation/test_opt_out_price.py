"""The price of an opt-out equals its closed form in a world of constant rates, and says what it had to assume."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tactful as tt
from logs import ABSORBING, BINARY, COUNT, log_of, measured
from tactful.errors import LogError, NothingToSayError, SpecError
from tactful.evaluation.opt_out_price import price_of_log

STAY, AFTER = 0.5, 0.1
HAZARD = {"ios": 0.02, "web": 0.08}
RATE = {"ios": 0.6, "web": 0.3}
AT_ONCE = replace(ABSORBING, window_us=0)


def panel(seed, *, users=4000, periods=12, after=False):
    """Users of two segments with constant rates and hazards; rows after an opt-out on request."""
    rng = np.random.default_rng(seed)
    who, week = (x.ravel() for x in np.mgrid[0:users, 0:periods])
    segment = np.array(["ios", "web"])[who % 2]
    left = rng.random(who.size) < np.array([HAZARD[s] for s in ("ios", "web")])[who % 2]
    before = np.cumsum(left.reshape(users, -1), 1).ravel() - left
    alive = before == 0
    rate = np.where(alive, np.array([RATE[s] for s in ("ios", "web")])[who % 2], AFTER)
    value = rng.random(who.size) < rate
    rows = np.flatnonzero(alive | after)
    return log_of(
        users=[f"u{w}" for w in who[rows]],
        period=week[rows],
        action=rng.integers(3, size=rows.size),
        segment=segment[rows].tolist(),
        outcomes=[measured(BINARY, value[rows]), measured(AT_ONCE, (left & alive)[rows])],
        objective=tt.Objective({"engaged": 2.0, "opted_out": -50.0}),
    )


def truth(horizon, discount, after):
    """Σ γ^t (1 − h)^(t−1) (2 r − after), over the segments in proportion to their opt-outs in the log's weeks."""
    total = weight = 0.0
    for s in HAZARD:
        left = 1 - (1 - HAZARD[s]) ** 12
        t = np.arange(1, horizon + 1)
        total += left * np.sum(discount**t * (1 - HAZARD[s]) ** (t - 1) * (2 * RATE[s] - after))
        weight += left
    return total / weight


@pytest.mark.parametrize(("after", "given"), [(False, 0.3), (True, None)])
def test_it_equals_the_closed_form(after, given):
    """Within 4 standard errors: 1 in 16,000 runs fails."""
    found = tt.opt_out_price(panel(1, after=after), 5, discount=0.9, after=given)
    assert abs(found.value - truth(5, 0.9, 0.3 if given else 2 * AFTER)) < 4 * found.se
    assert found.assumed is (given is not None)
    assert found.after == pytest.approx(given or 2 * AFTER, abs=0.03)
    assert found.low < found.value < found.high


@pytest.mark.slow
@pytest.mark.parametrize(("after", "given"), [(False, 0.3), (True, None)])
def test_its_interval_covers(after, given):
    """95 % intervals of 300 logs: covered in 273 to 297 but in 1 of 1,000 runs."""
    inside = 0
    for seed in range(300):
        found = tt.opt_out_price(panel(seed, users=500, after=after), 4, discount=0.95, after=given)
        inside += found.low <= truth(4, 0.95, 0.3 if given else 2 * AFTER) <= found.high
    assert 273 <= inside <= 297


def test_the_influence_is_that_of_leaving_users_out():
    """The jackknife by user gives the standard error."""
    log = panel(2, users=60)
    whole = tt.opt_out_price(log, 3, after=0.3)
    without = [tt.opt_out_price(log.take(log.user != u), 3, after=0.3).value for u in range(60)]
    assert whole.se == pytest.approx(np.sqrt(59 / 60 * np.sum((np.array(without) - np.mean(without)) ** 2)), rel=0.15)


def test_without_rows_after_it_must_be_told():
    log = panel(1, users=300)
    with pytest.raises(NothingToSayError, match="nobody knows what they bring"):
        tt.opt_out_price(log, 3)
    bound = price_of_log(log)
    assert (bound.assumed, bound.after, bound.horizon) == (True, 0.0, 5)
    assert bound.value > tt.opt_out_price(log, 5, after=0.3).value


def test_a_log_says_it_by_itself_where_it_can():
    assert not price_of_log(panel(1, users=500, after=True)).assumed
    assert tt.check(panel(1, users=500)).price.opt_outs > 0
    assert price_of_log(panel(1, users=300).take(np.zeros(0, np.int64))) is None


def test_it_does_not_depend_on_the_order_of_rows():
    log = panel(3, users=200)
    order = np.random.default_rng(1).permutation(log.n)
    a, b = (tt.opt_out_price(x, 4, after=0.2) for x in (log, log.take(order)))
    assert (a.value, a.se) == pytest.approx((b.value, b.se), rel=1e-12)


def test_what_cannot_be_priced_is_refused():
    log = panel(1, users=100)
    with pytest.raises(NothingToSayError, match="no user was seen 20 periods"):
        tt.opt_out_price(log, 20, after=0.0)
    with pytest.raises(SpecError, match="nothing but opt-outs"):
        tt.opt_out_price(log, 2, after=0.0, objective=tt.Objective({"opted_out": -1.0}))
    for wrong in ({"horizon": 0}, {"horizon": 2, "discount": 1.5}, {"horizon": 2, "level": 1.0}):
        with pytest.raises(SpecError):
            tt.opt_out_price(log, **{"after": 0.0, **wrong})
    quiet = replace(log, outcomes={"sessions": measured(COUNT, np.ones(log.n))})
    with pytest.raises(LogError, match="no absorbing outcome"):
        tt.opt_out_price(quiet, 2, after=0.0)
    none = {**log.outcomes, "opted_out": measured(AT_ONCE, np.zeros(log.n))}
    with pytest.raises(NothingToSayError, match="no opt-out is known"):
        tt.opt_out_price(replace(log, outcomes=none), 2, after=0.0)
