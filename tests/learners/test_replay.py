"""Replay: what a learner earns on a log is what it would have earned on line; exactly, in a world small enough."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

import tactful as tt
from logs import BINARY, START, WEEK, log_of, measured, random_log
from tactful.core.actions import ActionSpace
from tactful.core.log import Coded
from tactful.core.outcomes import Outcome
from tactful.errors import NothingToSayError, SpecError
from tactful.learners import rejection
from tactful.learners.learner import History, Learner, known_at
from tactful.learners.replay import replay
from tactful.models.conjugate.posterior import Conjugate
from tactful.models.contextual.linear import Linear
from tactful.optimisation.explorers import Greedy

PAIR = ActionSpace.named(["a", "b"], period_days=7)
VALUE = tt.Objective({"engaged": 1.0})
LATE = Outcome("engaged", "binary", window_us=2 * WEEK)
PLAIN_MODEL = Conjugate(dispersion=False)


def tiny(actions, rewards):
    """One decision a week, each of another user, logged with probability ½."""
    n = len(actions)
    return log_of(
        users=[f"u{i}" for i in range(n)],
        period=range(n),
        action=actions,
        actions=PAIR,
        outcomes=[measured(BINARY, rewards)],
        propensity=np.full(n, 0.5),
        propensities=np.full((n, 2), 0.5),
        objective=VALUE,
    )


def stationary(seed, *, users=400, periods=6, outcome=BINARY):
    """Random vectors over three actions; the rate of an action is the same in every week."""
    rng = np.random.default_rng(seed)
    n = users * periods
    vector = 0.1 + 0.7 * rng.dirichlet(np.ones(3), n)
    action = (vector.cumsum(1) <= rng.random((n, 1)) * (1 - 1e-12)).sum(1)
    return log_of(
        users=[f"u{i}" for i in np.arange(n) % users],
        period=2900 + np.arange(n) // users,
        action=action,
        outcomes=[measured(outcome, rng.random(n) < np.array([0.2, 0.3, 0.6])[action])],
        propensity=vector[np.arange(n), action],
        propensities=vector,
        objective=VALUE,
    )


# Unbiased


def online(rate, steps, eta):
    """(value of the first and of the second decision) of a greedy learner that decides itself, by enumeration."""
    first = np.mean(rate)
    second = 0.0
    for a, r in product(range(2), range(2)):
        p = 0.5 * (rate[a] if r else 1 - rate[a])
        posterior = PLAIN_MODEL.fit(tiny([a], [float(r)]))
        pmf = (1 - eta) * Greedy().pmf(posterior, VALUE, 0)[0] + eta / 2
        second += p * pmf @ rate
    return [first, second][:steps]


def lives(monkeypatch, rate, eta):
    """Every log of two decisions and every pair of coins, with its probability and its replay.

    With η = ½ the probabilities of acceptance are 1/3, 2/3 and 1, so three coins are all there are.
    """
    coins = np.array([1, 3, 5]) / 6
    for actions in product(range(2), repeat=2):
        for rewards in product(range(2), repeat=2):
            p = np.prod([0.5 * (rate[a] if r else 1 - rate[a]) for a, r in zip(actions, rewards, strict=True)])
            log = tiny(list(actions), [float(r) for r in rewards])
            for u in product(coins, repeat=2):
                by_user = dict(zip(log.user_key, u, strict=True))
                monkeypatch.setattr(
                    rejection, "draw_coins", lambda x, _, k=by_user: np.array([k[i] for i in x.user_key[x.user]])
                )
                try:
                    yield p / 9, replay(log, PLAIN_MODEL, explorer=Greedy(), uniform=eta)
                except NothingToSayError:  # nothing was accepted
                    yield p / 9, None


def test_accepted_rewards_and_dr_are_unbiased_exactly(monkeypatch):
    """By enumeration of logs, rewards and coins: to 1e-12, no luck involved."""
    rate, eta = np.array([0.3, 0.8]), 0.5
    found = list(lives(monkeypatch, rate, eta))
    first, second = online(rate, 2, eta)
    both = [(p, r) for p, r in found if r is not None and r.accepted == 2]
    mass = sum(p for p, _ in both)
    assert mass == pytest.approx((2 / 3) ** 2, abs=1e-12)
    for step, wanted in enumerate((first, second)):
        got = sum(p * r.curve[step].rejection for p, r in both) / mass
        assert got == pytest.approx(wanted, abs=1e-12)
    # Given how many were accepted, the pooled mean is that of so many decisions on line.
    pooled = sum(p * r["objective", "rejection"].value for p, r in both) / mass
    assert pooled == pytest.approx((first + second) / 2, abs=1e-12)
    # The doubly robust value of a batch is that of the policy in it, whatever the coins were.
    some = [(p, r) for p, r in found if r is not None]
    assert sum(p for p, _ in some) == pytest.approx(1 - (1 / 3) ** 2, abs=1e-12)
    dr = sum(p * r.curve[0].dr for p, r in some) / sum(p for p, _ in some)
    assert dr == pytest.approx(first, abs=1e-12)
    accepted_first = [(p, r) for p, r in found if r is not None and r.curve[0].accepted]
    at = sum(p for p, _ in accepted_first)
    assert sum(p * r.curve[1].dr for p, r in accepted_first) / at == pytest.approx(second, abs=1e-12)


@pytest.mark.slow
def test_replay_is_unbiased_for_the_learner_on_line():
    """300 logs and 300 lives on line: the means within 4 standard errors (1 in 16,000 runs fails)."""
    rate = np.array([0.2, 0.3, 0.6])
    offline = [replay(stationary(s), PLAIN_MODEL, explorer=Greedy(), uniform=0.3, seed=s) for s in range(300)]
    c = offline[0].rate
    on_line = [_lived(s, rate, c) for s in range(300)]
    for name in ("rejection", "dr-ns"):
        got = np.array([r["objective", name].value for r in offline])
        error = np.hypot(got.std(ddof=1), np.std(on_line, ddof=1)) / np.sqrt(300)
        assert abs(got.mean() - np.mean(on_line)) < 4 * error


def _lived(seed, rate, c):
    """A learner that decides itself, on as many decisions a week as a replay would accept."""
    rng = np.random.default_rng((1, seed))
    learner = Learner(PLAIN_MODEL, Greedy(), VALUE, 0.3, seed)
    whole = stationary(0)
    earned, history = [], None
    for week in range(6):
        n = rng.binomial(400, c)
        policy = learner.policy(history, START + (2900 + week) * WEEK, week) if history is not None else None
        pmf = np.full(3, 1 / 3) if policy is None else 0.7 * policy.pmf(np.zeros(1, int))[0] + 0.1
        action = rng.choice(3, size=n, p=pmf / pmf.sum())
        reward = (rng.random(n) < rate[action]).astype(float)
        earned += reward.tolist()
        made = log_of(
            users=[f"u{week}-{i}" for i in range(n)], period=[2900 + week] * n, action=action,
            outcomes=[measured(BINARY, reward)], objective=VALUE, segments=whole.segments,
        )  # fmt: skip
        history = made if history is None else _joined(history, made)
        learner.history.show(np.arange(history.n - n, history.n))
    return float(np.mean(earned))


def _joined(a, b):
    n = a.n + b.n
    return log_of(
        users=[*a.user_ids[a.user], *b.user_ids[b.user]], period=np.concatenate([a.period, b.period]),
        action=np.concatenate([a.action, b.action]), objective=VALUE, segments=a.segments,
        outcomes=[measured(BINARY, np.concatenate([a.outcomes["engaged"].value, b.outcomes["engaged"].value]))],
    ) if n else a  # fmt: skip


def test_every_row_is_accepted_with_the_same_probability():
    """Whatever the vectors: 2,400 rows at c; within 4 standard deviations (1 in 16,000)."""
    found = replay(stationary(1), PLAIN_MODEL, uniform=0.3)
    sd = np.sqrt(found.n * found.rate * (1 - found.rate))
    assert found.rate == pytest.approx(found.min_propensity / (0.7 + 0.1))
    assert abs(found.accepted - found.n * found.rate) < 4 * sd


def test_a_uniform_learner_on_a_uniform_log_accepts_everything():
    log = replace(random_log(1, outcomes=("engaged",)), objective=VALUE)
    found = replay(log, PLAIN_MODEL, uniform=1.0, min_propensity=1 / 3)
    mean = log.outcomes["engaged"].value.mean()
    assert (found.accepted, found.rate) == (log.n, pytest.approx(1.0))
    assert found["engaged", "rejection"].value == pytest.approx(mean)
    assert found["engaged", "logging"].value == pytest.approx(mean)
    # The log's own policy: every weight is 1 but for the rounding of 1/3.
    assert found["engaged", "dr-ns"].value == pytest.approx(mean, abs=0.05)


# Time


def test_outcomes_are_learnt_once_they_have_matured():
    log = stationary(1, outcome=LATE)
    found = replay(log, PLAIN_MODEL, uniform=0.5)
    accepted = np.cumsum([b.accepted for b in found.curve])
    assert [b.learnt_from for b in found.curve] == [0, 0, *accepted[:-2].tolist()]


def test_what_has_not_matured_cannot_matter():
    log = stationary(1, outcome=LATE)
    value = log.outcomes["engaged"].value.copy()
    value[log.period >= 2903] = 1 - value[log.period >= 2903]
    other = replace(log, outcomes={"engaged": measured(LATE, value)})
    a, b = (replay(x, PLAIN_MODEL, uniform=0.5) for x in (log, other))
    # Rewards of week 3 are known in week 5: until then the same rows are accepted.
    assert [x.accepted for x in a.curve[:5]] == [x.accepted for x in b.curve[:5]]
    assert [x.rejection for x in a.curve[:3]] == [x.rejection for x in b.curve[:3]]


def test_known_at_hides_the_young():
    log = known_at(stationary(1, outcome=LATE), START + 2904 * WEEK)
    assert log.outcomes["engaged"].known.tolist() == (log.period <= 2902).tolist()
    at_once = known_at(stationary(1), START + 2904 * WEEK)
    assert at_once.outcomes["engaged"].known.tolist() == (at_once.period <= 2903).tolist()


def test_a_history_in_steps_is_the_posterior_of_the_whole():
    log = stationary(2, outcome=LATE)
    history = History(PLAIN_MODEL)
    for week in range(6):
        history.advance(log, START + (2900 + week) * WEEK, ("engaged",))
        history.show(np.flatnonzero(log.period == 2900 + week))
    history.advance(log, START + 2910 * WEEK, ("engaged",))
    whole = PLAIN_MODEL.fit(log)
    np.testing.assert_allclose(history.posterior.mean("engaged"), whole.mean("engaged"), rtol=1e-12)
    assert not history.waiting.size


def test_the_order_of_rows_does_not_matter():
    log = stationary(3)
    order = np.random.default_rng(1).permutation(log.n)
    a, b = (replay(x, PLAIN_MODEL, uniform=0.3) for x in (log, log.take(order)))
    assert [x.accepted for x in a.curve] == [x.accepted for x in b.curve]
    for x, y in zip(a.values, b.values, strict=True):
        assert (x.value, x.se) == pytest.approx((y.value, y.se), rel=1e-9)


def test_batches_of_days():
    log = stationary(1)
    assert [b.start for b in replay(log, PLAIN_MODEL).curve] == list(range(2900, 2906))
    assert [b.start for b in replay(log, PLAIN_MODEL, batch_days=14).curve] == [2900, 2902, 2904]
    timeless = replace(log, decided_at=None)
    assert [b.start for b in replay(timeless, PLAIN_MODEL).curve] == list(range(2900, 2906))
    assert replay(timeless, PLAIN_MODEL).accepted > 0
    with pytest.raises(SpecError, match="decided_at"):
        replay(timeless, PLAIN_MODEL, batch_days=7)


# What it says


def test_regret_where_the_truth_is_known():
    log = stationary(1)
    rate = np.tile([0.2, 0.3, 0.6], (log.n, 1))
    found = replay(log, PLAIN_MODEL, explorer=Greedy(), uniform=0.3, truth={"engaged": rate})
    assert [b.best for b in found.curve] == pytest.approx([0.6] * 6)
    assert found.curve[0].truth == pytest.approx(np.mean([0.2, 0.3, 0.6]), abs=1e-6)
    assert found.curve[-1].truth == pytest.approx(0.7 * 0.6 + 0.1 * 1.1, abs=1e-6)
    by_hand = sum(b.accepted * (b.best - b.truth) for b in found.curve)
    assert found.regret.total == pytest.approx(by_hand, rel=1e-9)
    assert found.regret.per_decision == pytest.approx(by_hand / found.accepted, rel=1e-9)
    assert replay(log, PLAIN_MODEL).regret is None


def test_it_says_what_it_simulates():
    found = replay(stationary(1), PLAIN_MODEL, uniform=0.3)
    assert f"a company of {found.accepted:,} accepted decisions" in found.says
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["learner"] == "conjugate"
    assert found["learner", "engaged", "dr-ns"] is found["engaged", "dr-ns"]
    assert found["logging", "engaged", "logging"] is found["engaged", "logging"]
    with pytest.raises(KeyError, match="estimators are rejection, dr-ns, logging"):
        found["engaged", "nothing"]


def test_rare_outcomes_are_weak_and_none_has_no_interval():
    log = stationary(1)
    never = measured(Outcome("opted_out", "binary"), np.zeros(log.n))
    found = replay(replace(log, outcomes={**log.outcomes, "opted_out": never}), PLAIN_MODEL, uniform=0.3)
    rare = found["opted_out", "rejection"]
    assert (rare.value, rare.low, rare.verdict) == (0.0, None, "weak")
    assert "events" in rare.why
    assert found["engaged", "dr-ns"].verdict == "ok"


def test_a_contextual_learner_sees_the_context():
    """Two contexts, each with its own best action: more than any table could earn."""
    rng = np.random.default_rng(1)
    n = 3000
    x, action = rng.choice([-1.0, 1.0], n), rng.integers(2, size=n)
    reward = (rng.random(n) < 0.5 + 0.4 * x * (2 * action - 1)).astype(float)
    log = log_of(
        users=[f"u{i}" for i in np.arange(n) % 1000], period=np.arange(n) // 1000, action=action, actions=PAIR,
        outcomes=[measured(BINARY, reward)], propensity=np.full(n, 0.5), propensities=np.full((n, 2), 0.5),
        context=x[:, None], context_names=("x",), objective=VALUE,
    )  # fmt: skip
    found = replay(log, Linear(), uniform=0.05)
    assert found.curve[-1].dr > 0.75


# Refused


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (
            lambda x: replace(x, propensity=None, propensities=None, provenance="absent"),
            {},
            "needs logged propensities",
        ),
        (lambda x: replace(x, provenance="estimated"), {}, "needs logged propensities"),
        (lambda x: replace(x, propensities=None), {}, "least propensity is not known"),
        (lambda x: replace(x, propensities=None), {"min_propensity": 0.9}, "exceeds 1"),
        (lambda x: replace(x, arm=Coded.constant("control", x.n)), {}, "control arm"),
        (lambda x: x.take(np.arange(1)), {"seed": 1}, "no row was accepted"),
    ],
)
def test_logs_from_which_nothing_can_be_replayed(change, options, message):
    with pytest.raises(NothingToSayError, match=message):
        replay(change(stationary(1)), PLAIN_MODEL, **options)


def test_an_action_that_logging_never_takes_is_refused_unless_masked():
    log = stationary(1)
    vector = log.propensities.copy()
    rows = np.flatnonzero(log.action != 2)[:7]
    vector[rows, 2] = 0.0
    with pytest.raises(NothingToSayError, match=r"never take an eligible action in 7 rows \(such as evening\)"):
        replay(replace(log, propensities=vector), PLAIN_MODEL)
    may = np.ones_like(vector, bool)
    may[rows, 2] = False
    masked = replay(replace(log, propensities=vector, eligible=may), PLAIN_MODEL, uniform=0.3)
    assert masked.rate == pytest.approx(masked.min_propensity / (0.7 + 0.3 / 2))


@pytest.mark.parametrize(
    "options",
    [{"uniform": 1.5}, {"batch_days": 0}, {"level": 1}, {"min_propensity": 0}, {"objective": tt.Objective({})}],
)
def test_options_that_are_none(options):
    with pytest.raises(SpecError):
        replay(stationary(1), PLAIN_MODEL, **options)


def test_the_control_arm_is_left_out():
    log = stationary(1)
    arm = Coded((np.arange(log.n) % 5 == 0).astype(np.int64), ("policy", "control"))
    found = replay(replace(log, arm=arm), PLAIN_MODEL)
    assert found.left_out == {"arm: control": 480}
    assert found.n == log.n - 480
