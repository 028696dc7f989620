"""Estimates over a horizon: exact on the population of a chain, one-step at a horizon of 1, and honest about limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logs import BINARY, PLAIN, REAL, log_of, measured, random_log, table
from reference import chain
from reference import estimators as reference
from reference.draw import WHOLE, served_integers
from tactful.core.actions import ActionSpace
from tactful.core.log import Coded
from tactful.core.outcomes import Objective, Outcome
from tactful.core.segments import Segments
from tactful.errors import LogError, NothingToSayError, SpecError
from tactful.evaluation.crossfit import FOLDS
from tactful.evaluation.evaluate import evaluate
from tactful.evaluation.sequential.fitted_q import PRIOR_DECISIONS, fitted_q
from tactful.evaluation.sequential.panel import Panel
from tactful.evaluation.sequential.sequential_estimators import SEQUENTIAL
from tactful.evaluation.sequential.states import states
from tactful.evaluation.sequential.value_bound import value_bound
from tactful.policies.table import Table
from tactful.simulate.markov_world import MarkovWorld

TWO = ActionSpace.named(["none", "send"], period_days=7)
PATHS = ("rested", "tired")
LEAVES = Outcome("left", "binary", absorbing=True)
TARGET = Table.of(TWO, Segments.of(PATHS), np.vstack([[0.5, 0.5], chain.TARGET[:2]]))


def chain_log(state, action, reward, **more):
    """A log of the chain (u, T): its state is the segment of the row, and rows end with the life."""
    user, t = np.nonzero(state != chain.END)
    s, a = state[user, t], action[user, t]
    after = np.column_stack([state[:, 1:], state[:, -1:]])[user, t]
    return log_of(
        users=[f"u{i}" for i in user],
        period=t,
        action=a,
        actions=TWO,
        segment=[PATHS[i] for i in s],
        outcomes=[measured(replace(REAL, name="gain"), reward[user, t]), measured(LEAVES, after == chain.END)],
        propensity=chain.LOGGING[s, a],
        propensities=chain.LOGGING[s],
        objective=Objective({"gain": 1.0}),
        **more,
    )


def population():
    """Every life exactly as often as it should occur; chances are multiples of 2⁻¹³."""
    chance, state, action, reward = (np.array(x) for x in zip(*chain.every_life(), strict=True))
    return tuple(np.repeat(x, np.rint(chance * 2**13).astype(int), axis=0) for x in (state, action, reward))


@pytest.fixture(scope="module")
def exact():
    return evaluate(chain_log(*population()), TARGET, horizon=3, state="segment", estimators=("snips",))


@pytest.mark.parametrize("estimator", ["mis", "wpdis", "pdis"])
def test_on_the_population_the_truth_comes_out(exact, estimator):
    """Up to the rounding of the served pmf to 2⁻³²."""
    assert exact.sequential["target", "gain", estimator].value == pytest.approx(chain.value(chain.TARGET), abs=1e-7)
    assert exact.sequential["baseline", "gain", estimator].value == pytest.approx(chain.value(chain.LOGGING), abs=1e-9)


def test_dr_is_right_within_its_error(exact):
    """|z| < 4.5: right code fails once in 10⁵."""
    entry = exact.sequential["target", "gain", "seq-dr"]
    assert abs(entry.value - chain.value(chain.TARGET)) < 4.5 * entry.se
    assert entry.se < exact.sequential["target", "gain", "pdis"].se


def test_the_chain_passes_the_markov_test_and_its_bound_is_the_paired_entry(exact):
    long = exact.sequential
    assert long.markov["gain"] > 0.05
    assert (long.horizon, long.states, long.users, long.state) == (3, 2, 2**13, "segment")
    entry = long["difference", "gain", "mis"]
    assert (entry.verdict, entry.interval, entry.valid_for) == ("ok", "cluster-t", "asymptotic in users")
    log = chain_log(*population())
    bound = value_bound(log, TARGET, "logging", horizon=3, state="segment", outcome="gain")
    assert (bound.value, bound.low, bound.high, bound.se) == (entry.value, entry.low, entry.high, entry.se)
    assert (bound.verdict, bound.why, bound.markov) == ("ok", "", long.markov["gain"])
    narrow = value_bound(log, TARGET, "logging", horizon=3, state="segment", level=0.5)
    assert bound.low < narrow.low < narrow.high < bound.high  # the objective is the gain


def test_without_its_state_marginalised_sampling_is_wrong_and_says_so():
    """Each user's own state persists, so what happened before says what will: the p-value is next to nothing."""
    blind = evaluate(chain_log(*population()), TARGET, horizon=3, estimators=("snips",)).sequential
    entry = blind["target", "gain", "mis"]
    assert abs(entry.value - chain.value(chain.TARGET)) > 0.02
    assert blind.markov["gain"] < 1e-6
    assert (entry.verdict, blind["target", "gain", "pdis"].verdict) == ("weak", "ok")
    assert "not Markov" in entry.why
    assert blind.state == "being there"


def weights(log, policy):
    nodes = [policy.segments.nearest(log.segments.paths[s]) for s in log.segment]
    pmf = [served_integers(policy.shares[node].tolist(), [True] * 3, policy.uniform) for node in nodes]
    return [row[a] / WHOLE / p for row, a, p in zip(pmf, log.action, log.propensity, strict=True)]


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_a_horizon_of_one_is_the_first_decision(seed):
    log = random_log(seed % 500, users=80, periods=2)
    policy = table(seed % 500, uniform=0.5)
    long = evaluate(log, policy, horizon=1, estimators=("ips",)).sequential
    rows = np.flatnonzero(log.period == log.period.min())
    w, r = np.array(weights(log, policy))[rows], log.outcomes["engaged"].value[rows]
    for name, theirs in (
        ("pdis", reference.ips(r, w)),
        ("wpdis", reference.snips(r, w)),
        ("mis", reference.snips(r, w)),
    ):
        entry = long["target", "engaged", name]
        assert entry.value == pytest.approx(theirs[0], abs=1e-12)
        assert entry.se == pytest.approx(reference.clustered_error(theirs[1], log.user[rows].tolist()), rel=1e-9)


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_the_logging_policy_is_worth_what_users_earned(seed, horizon):
    log = random_log(seed % 500, users=60, outcomes=("engaged", "spend"))
    long = evaluate(log, "logging", horizon=horizon).sequential
    kept = log.period < log.period.min() + horizon
    for outcome in ("engaged", "spend"):
        total = log.outcomes[outcome].value[kept].sum() / 60
        for name in SEQUENTIAL:
            assert long["target", outcome, name].value == pytest.approx(total, rel=1e-9, abs=1e-12)
            assert long["difference", outcome, name].value == pytest.approx(0, abs=1e-12)


def test_those_who_left_stay_in_with_nothing():
    """60 users, half of whom leave after the first of three decisions that earn 1 each."""
    stays = [u % 2 == 0 for u in range(60)]
    user = [u for u in range(60) for t in range(3) if stays[u] or t == 0]
    period = [t for u in range(60) for t in range(3) if stays[u] or t == 0]
    left = [not stays[u] for u in user]
    log = log_of(
        users=user, period=period, action=np.zeros(len(user)), propensity=np.ones(len(user)),
        outcomes=[measured(replace(REAL, name="gain"), np.ones(len(user))), measured(LEAVES, left)],
    )  # fmt: skip
    long = evaluate(log, "always:none", horizon=3).sequential
    assert long["target", "gain", "mis"].value == pytest.approx((30 * 3 + 30) / 60)
    assert long["target", "left", "pdis"].value == pytest.approx(0.5)
    assert (long.users, long.left_out) == (60, {})
    assert not any("without a decision" in note for note in long.notes)


def test_users_who_vanish_without_leaving_are_counted_and_make_it_weak():
    log = random_log(1, users=300)
    long = evaluate(log.take(~((log.user < 30) & (log.period == log.period.max()))), "uniform", horizon=4).sequential
    assert any(note.startswith("30 users have periods without") for note in long.notes)
    assert "10 % of users" in long["target", "engaged", "mis"].why
    assert long["target", "engaged", "mis"].verdict == "weak"


def test_users_who_come_late_are_left_out_and_counted():
    log = random_log(1, users=300)
    late = log.take(~((log.user < 40) & (log.period < log.period.max())))
    long = evaluate(late, "uniform", horizon=3).sequential
    assert (long.users, long.left_out) == (260, {"users whose horizon had not passed, or is not measured yet": 40})


def test_the_horizon_ends_where_outcomes_are_mature():
    log = random_log(1, users=100, periods=4)
    young = log.period == log.period.max()
    m = log.outcomes["engaged"]
    log = replace(log, outcomes={"engaged": replace(m, value=np.where(young, np.nan, m.value), mature=~young)})
    assert evaluate(log, "uniform", horizon=3).sequential.users == 100
    with pytest.raises(SpecError, match=r"horizon of 4 periods, but the log has 3 periods whose outcomes \(engaged\)"):
        evaluate(log, "uniform", horizon=4)


def test_starved_products_are_refused():
    log = random_log(1, users=60, periods=4)
    long = evaluate(log, "always:morning", horizon=4).sequential
    entry = long["target", "engaged", "pdis"]
    assert (entry.verdict, entry.value, entry.low, entry.interval) == ("refused", None, None, None)
    assert "50 needed" in entry.why


def test_bad_questions_have_clear_answers():
    log = random_log(1, users=60, context=np.random.default_rng(0).normal(size=(240, 1)), context_names=("dose",))
    scopes = replace(log, scope=Coded(np.arange(240) % 2, ("news", "shop")))

    def bound(of, **more):
        return value_bound(of, "uniform", "logging", horizon=2, state=None, **more)

    for bad, error, words in (
        (lambda: evaluate(log, "uniform", state="dose"), SpecError, "state without a horizon"),
        (lambda: evaluate(log, "uniform", horizon=9), SpecError, "horizon of 9 periods, but the log has 4"),
        (lambda: evaluate(log, "uniform", horizon=0), SpecError, "choose at least 1"),
        (lambda: evaluate(log, "uniform", horizon=2, state="x_fatigue"), SpecError, "no column 'x_fatigue'.*x_dose"),
        (lambda: evaluate(log, "uniform", horizon=2, state="segment:7"), SpecError, "no column 'segment:7'"),
        (lambda: evaluate(scopes, "uniform", horizon=2), LogError, "2 scopes.*one scope at a time"),
        (lambda: bound(log, outcome="x"), SpecError, "unknown outcome"),
        (lambda: bound(replace(log, propensity=None, provenance="absent")), NothingToSayError, "no propensities"),
    ):  # fmt: skip
        with pytest.raises(error, match=words):
            bad()


def test_states_of_columns():
    rng = np.random.default_rng(0)
    context = np.column_stack([rng.normal(size=240), rng.integers(3, size=240)])
    log = random_log(1, users=60, context=context, context_names=("dose", "week"))
    made = states(log, "x_dose")
    assert (made.number, np.bincount(made.code).tolist()) == (5, [48] * 5)
    assert made.description.startswith("x_dose cut at -0.")
    assert states(log, "week").code.tolist() == context[:, 1].tolist()
    assert states(log, ["segment:1", "week"]).number == 6  # ios, web
    assert states(log, "segment").number == 3  # the paths that rows have
    assert states(log, None) == (pytest.approx(np.zeros(240)), 1, "being there")
    with pytest.raises(SpecError, match="states, more than 200"):
        states(log, ["dose", "segment"], buckets=120)


@pytest.mark.parametrize(("actions", "outcome", "label"), [
    (PLAIN, BINARY, "one-step"),  # none sends nothing, so frequencies differ
    (ActionSpace.named(["a", "b", "c"]), BINARY, ""),
    (ActionSpace.named(["a", "b", "c"]), LEAVES, "one-step"),
])  # fmt: skip
def test_one_step_is_said_where_sends_can_tire(actions, outcome, label):
    log = random_log(1, users=60)
    log = replace(log, actions=actions, outcomes={outcome.name: replace(log.outcomes["engaged"], spec=outcome)})
    result = evaluate(log, "uniform")
    assert (result.label, result.to_json()["label"]) == (label, label)
    assert any(note.startswith("one-step") for note in result.notes) == bool(label)


def test_the_fitted_q_by_plain_loops():
    log = random_log(3, users=25, periods=3)
    policy = table(3, uniform=0.5)
    panel = Panel.build(log, states(log, "segment"), 3, ("engaged",))
    reward = log.outcomes["engaged"].value
    one = panel.trajectories(np.ones(log.n), reward)
    fold = np.arange(25) % FOLDS
    found = fitted_q(panel, one, policy, fold)
    pmf = [
        [x / WHOLE for x in served_integers(policy.shares[policy.segments.nearest(p)].tolist(), [True] * 3, 0.5)]
        for p in log.segments.paths
    ]
    for f in range(FOLDS):
        coming = np.zeros(25)
        for t in (2, 1, 0):
            row = panel.aligned.row[:, t]
            s, a = log.segment[row], log.action[row]
            y = reward[row] + coming
            others = [u for u in range(25) if fold[u] != f]
            mean = np.mean([y[u] for u in others])

            def shrunk(of, prior, y=y):
                return (sum(y[u] for u in of) + PRIOR_DECISIONS * prior) / (len(of) + PRIOR_DECISIONS)

            def q(state, action, s=s, a=a, mean=mean, others=others, shrunk=shrunk):
                by_state = shrunk([u for u in others if s[u] == state], mean)
                by_action = shrunk([u for u in others if a[u] == action], mean)
                return shrunk([u for u in others if (s[u], a[u]) == (state, action)], by_state + by_action - mean)

            coming = np.array([sum(pmf[s[u]][b] * q(s[u], b) for b in range(3)) for u in range(25)])
            mine = fold == f
            np.testing.assert_allclose(
                found.q_logged[mine, t], [q(s[u], a[u]) for u in np.flatnonzero(mine)], rtol=1e-9
            )
            np.testing.assert_allclose(found.v_target[mine, t], coming[mine], rtol=1e-9)


@pytest.mark.slow
def test_bounds_of_a_world_that_tires_cover_and_one_step_does_not():
    """200 logs of 1,500 users; 95 % intervals that cover .95 are outside [.90, .99] once in 400 such tests."""
    world = MarkovWorld(after=0.0)
    root = Segments(("",))
    logging, target = (Table.of(world.actions, root, np.array([p])) for p in ([0.7, 0.3], [0.4, 0.6]))
    horizon = 8
    truth = [world.value(np.tile(p, (world.levels, 1)), horizon).sum() for p in ([0.4, 0.6], [0.7, 0.3])]
    gain = truth[0] - truth[1]
    covered, naive, markov = [], [], []
    for seed in range(200):
        log = world.simulate(1500, horizon, logging, seed=seed).log
        bound = value_bound(log, target, "logging", horizon=horizon, state="level", outcome="engaged")
        one = evaluate(log, target, estimators=("snips",))["difference", "engaged", "snips"]
        covered.append(bound.low <= gain <= bound.high)
        naive.append(one.low * horizon <= gain <= one.high * horizon)
        markov.append(bound.markov < 0.05)
    print(f"covered {np.mean(covered):.3f}, one-step {np.mean(naive):.3f}, refuted {np.mean(markov):.3f}")
    assert 0.90 <= np.mean(covered) <= 0.99
    assert np.mean(naive) < 0.1
    assert np.mean(markov) <= 0.10  # the chain is Markov: a size of .05 is above .10 once in 500
