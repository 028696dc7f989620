"""An evaluation equals the papers' formulas on brute-force weights; what cannot be said is not said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from logs import GRID, PLAIN, START, WEEK, measured, on_terms, random_log, table
from reference import estimators as reference
from reference.draw import WHOLE, served_integers
from tactful.core.lineage import Lineage
from tactful.core.outcomes import Objective
from tactful.errors import NothingToSayError, PolicyError, PolicyFormatError, SpecError
from tactful.evaluation.crossfit import FOLDS, folds
from tactful.evaluation.evaluate import evaluate
from tactful.models.conjugate.posterior import Conjugate
from tactful.ope.reliability import GRAVITY
from tactful.policies.artifact import save
from tactful.policies.table import always, uniform

OBJECTIVE = Objective({"engaged": 1.0, "opted_out": -15.0})
OUTCOMES = ("engaged", "opted_out", "spend")
ROLES, ESTIMATORS = ("target", "baseline", "difference"), ("ips", "snips", "dm", "dr")


def masked_log(seed, users=150, **more):
    """A log with eligible masks, whose propensities are those of a random policy under the mask."""
    return random_log(seed, users=users, outcomes=OUTCOMES, objective=OBJECTIVE, masks=True, **more)


def target_pmf(policy, log):
    """(n) lists: what the policy serves on every row, by the reference."""
    rows = []
    for i in range(log.n):
        node = policy.segments.nearest(log.segments.paths[log.segment[i]])
        mask = [True] * log.actions.k if log.eligible is None else log.eligible[i].tolist()
        rows.append([x / WHOLE for x in served_integers(policy.shares[node].tolist(), mask, policy.uniform)])
    return rows


def reward_model(log):
    """(n) lists by outcome: fitted on the users of the other folds, one whole fit a fold."""
    fold, q = folds(log), {}
    fits = [Conjugate().fit(log.take(fold != f)) for f in range(FOLDS)]
    for o in log.outcomes:
        q[o] = [fits[fold[i]].mean(o)[log.segment[i]].tolist() for i in range(log.n)]
    return q


def brute_force(log, policy, outcome, q, rows=None):
    """{estimator: (value, influences)} of a policy, and its weights, on chosen rows."""
    rows = list(range(log.n)) if rows is None else rows
    served = target_pmf(policy, log)
    pmf, action = [served[i] for i in rows], [int(log.action[i]) for i in rows]
    weight = [p[a] / log.propensity[i] for p, a, i in zip(pmf, action, rows, strict=True)]
    if outcome == "objective":
        reward = [log.outcomes["engaged"].value[i] - 15 * log.outcomes["opted_out"].value[i] for i in rows]
        model = [[a - 15 * b for a, b in zip(q["engaged"][i], q["opted_out"][i], strict=True)] for i in rows]
    else:
        reward, model = [log.outcomes[outcome].value[i] for i in rows], [q[outcome][i] for i in rows]
    found = {
        "ips": reference.ips(reward, weight),
        "snips": reference.snips(reward, weight),
        "dm": reference.dm(model, pmf),
        "dr": reference.dr(reward, weight, action, model, pmf),
    }
    return found, weight


def agrees(entry, value, influence, user):
    se = reference.clustered_error(influence, user)
    reach = stats.t.ppf(0.975, len(set(user)) - 1) * se
    assert entry.value == pytest.approx(value, rel=1e-9, abs=1e-12)
    if entry.estimator == "dm":
        assert (entry.se, entry.low, entry.high, entry.interval) == (None,) * 4
    else:
        assert (entry.se, entry.low, entry.high) == pytest.approx(
            (se, value - reach, value + reach), rel=1e-9, abs=1e-12
        )
        assert entry.interval == "cluster-t"


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("masks", [True, False])
def test_every_entry_equals_brute_force(seed, masks):
    log = random_log(seed, users=150, outcomes=OUTCOMES, objective=OBJECTIVE, masks=masks)
    policy, base = table(seed, uniform=0.2), table(seed + 9, uniform=0.5, zeros=False)
    result, q, user = evaluate(log, policy, base), reward_model(log), log.user.tolist()
    assert (result.n, result.users, len(result.estimates)) == (log.n, 150, 4 * 4 * 3)
    for outcome in ("engaged", "opted_out", "spend", "objective"):
        (ours, weight), (theirs, other) = (brute_force(log, p, outcome, q) for p in (policy, base))
        for name in ESTIMATORS:
            (a, phi), (b, psi) = ours[name], theirs[name]
            agrees(result["target", outcome, name], a, phi, user)
            agrees(result["baseline", outcome, name], b, psi, user)
            paired = [x - y for x, y in zip(phi, psi, strict=True)]
            agrees(result["difference", outcome, name], a - b, paired, user)
            for role, w in (("target", weight), ("baseline", other)):
                entry = result[role, outcome, name]
                sizes = (reference.effective(w), max(w), sum(w) / len(w))
                assert (entry.ess, entry.max_weight, entry.mean_weight) == pytest.approx(sizes, rel=1e-9)


def test_parts_are_estimated_anew():
    log = random_log(5, users=900, outcomes=("engaged", "opted_out"), objective=OBJECTIVE)
    policy = table(5, uniform=0.5)
    result, q = evaluate(log, policy), reward_model(log)
    parts = {path: log.segment == log.segments.index(path) for path in ("ios", "ios/new", "web")}
    parts |= {int(p): log.period == p for p in np.unique(log.period)}
    assert {*result.by_segment, *result.by_period} == set(parts)
    for name, rows in parts.items():
        entries = {**result.by_segment, **result.by_period}[name]
        assert {e.estimator for e in entries} == set(ESTIMATORS)
        chosen = np.flatnonzero(rows).tolist()
        for entry in entries:
            if entry.policy == "target":
                found, _ = brute_force(log, policy, entry.outcome, q, chosen)
                agrees(entry, *found[entry.estimator], log.user[chosen].tolist())
                assert entry.n == len(chosen)


@given(st.integers(0, 2**32))
def test_the_logging_policy_is_worth_the_mean_reward(seed):
    log = masked_log(seed % 1000, users=60)
    result = evaluate(log, "logging", "logging")
    for outcome, m in log.outcomes.items():
        for name in ("ips", "snips", "dr"):
            assert result["target", outcome, name].value == pytest.approx(m.value.mean(), abs=1e-12)
            assert result["difference", outcome, name].value == pytest.approx(0, abs=1e-12)
            assert result["difference", outcome, name].se == pytest.approx(0, abs=1e-12)
        assert result["target", outcome, "ips"].mean_weight == 1.0


def test_uniform_on_a_uniform_log_has_weights_of_one():
    log = random_log(1, users=100)
    log = replace(log, propensity=np.array([1431655766, 1431655765, 1431655765])[log.action] / WHOLE)
    entry = evaluate(log, "uniform")["target", "engaged", "snips"]
    assert (entry.ess, entry.max_weight, entry.mean_weight) == (log.n, 1.0, 1.0)
    assert entry.value == log.outcomes["engaged"].value.mean()


def test_permuting_rows_and_renaming_codes_changes_nothing():
    log = masked_log(3, users=100)
    order = np.random.default_rng(0).permutation(log.n)
    a, b = evaluate(log, table(3, uniform=0.3)), evaluate(log.take(order), table(3, uniform=0.3))
    for one, other in zip(a.estimates, b.estimates, strict=True):
        assert (one.estimator == "dm") == (one.se is None)
        assert (one.value, one.se or 0) == pytest.approx((other.value, other.se or 0), rel=1e-9, abs=1e-12)
        assert (one.verdict, one.n, one.users) == (other.verdict, other.n, other.users)


def test_rows_that_do_not_know_the_outcome_are_not_used():
    log = masked_log(2)
    late = log.period == log.period.max()
    value = np.where(late, np.nan, log.outcomes["opted_out"].value)
    immature = replace(log.outcomes["opted_out"], value=value, mature=~late)
    log = replace(log, outcomes={**log.outcomes, "opted_out": immature})
    result, early = evaluate(log, table(2, uniform=0.3)), log.take(~late)
    assert result["target", "engaged", "ips"].n == log.n
    for outcome in ("opted_out", "objective"):
        entry = result["target", outcome, "ips"]
        found, _ = brute_force(log, table(2, uniform=0.3), outcome, reward_model(log), np.flatnonzero(~late).tolist())
        assert entry.n == early.n
        assert entry.verdict != "refused"
        agrees(entry, *found["ips"], early.user.tolist())
    last = {e.outcome: e for e in result.by_period[int(log.period.max())] if e.policy == "target"}
    assert last["opted_out"].why == "no outcome is known yet"
    assert (last["opted_out"].verdict, last["opted_out"].n, last["engaged"].n) == ("refused", 0, 150)


def with_arms(log, share=3):
    names = np.where(log.user % share == 0, "control", "policy")
    return replace(log, arm=log.arm.__class__((names == "policy").astype(np.int64), ("control", "policy")))


def test_control_is_left_out_and_counted():
    log = with_arms(masked_log(4))
    result = evaluate(log, table(4, uniform=0.2))
    rest = log.take(~log.arm.equals("control"))
    assert result.left_out == {"arm: control": log.n - rest.n}
    assert (result.n, result.users) == (rest.n, 100)
    assert [e.value for e in result.estimates] == [e.value for e in evaluate(rest, table(4, uniform=0.2)).estimates]
    counted = evaluate(replace(log, left_out=(("where", 7),)), "uniform").left_out
    assert counted == {"where": 7, "arm: control": log.n - rest.n}


def fitted(log, share=0.3, until=None, **more):
    lineage = Lineage(split_salt="s", split_share=share, trained_until=until)
    return table(6, uniform=0.5, lineage=lineage, **more)


@pytest.mark.parametrize("side", ["target", "baseline"])
def test_rows_that_a_side_was_fitted_on_are_left_out(side):
    log = masked_log(6, users=300)
    policy = fitted(log, until=None)
    pair = (policy, "logging") if side == "target" else ("uniform", policy)
    result, held = evaluate(log, *pair), log.split(0.3, "s")[1]
    assert (result.n, result.users) == (held.n, held.users)
    assert result.left_out == {"in-sample: the policy was fitted on them": log.n - held.n}
    assert not {e.verdict for e in result.estimates} & {"in-sample"}


def test_rows_decided_after_the_training_are_fresh_whoever_they_are_of():
    log = masked_log(6, users=300)
    until = START + 2902 * WEEK
    held = np.isin(log.user, np.unique(log.split(0.3, "s")[1].user))
    fresh = held | (log.decided_at >= until)
    assert 0 < (~fresh).sum() < (~held).sum()
    assert evaluate(log, fitted(log, until=until)).n == fresh.sum()
    assert evaluate(replace(log, decided_at=None), fitted(log, until=until)).n == held.sum()


@pytest.mark.parametrize("case", ["no split", "the fit part", "both sides"])
def test_with_no_fresh_row_all_are_used_and_the_verdict_says_so(case):
    log = masked_log(6, users=300)
    base = "logging"
    if case == "no split":
        policy = fitted(log, share=0.0)
    else:
        policy, log = fitted(log), log.split(0.3, "s")[0]
        base = fitted(log) if case == "both sides" else base
    result = evaluate(log, policy, base)
    assert (result.n, result.left_out) == (log.n, {})
    grades = {role: {e.verdict for e in result.estimates if e.policy == role} for role in ROLES}
    assert grades["target"] == grades["difference"] == {"in-sample"}
    assert ("in-sample" in grades["baseline"]) == (case == "both sides")
    assert result["target", "engaged", "snips"].value is not None


@pytest.mark.parametrize("side", ["target", "baseline"])
def test_estimated_propensities_are_never_better_than_weak(side):
    log = replace(random_log(8, users=1500, outcomes=("engaged",)), provenance="estimated", propensity=None)
    result = evaluate(log, *(("uniform", "logging") if side == "target" else ("logging", "uniform")))
    assert all(GRAVITY[e.verdict] >= GRAVITY["weak"] for e in result.estimates)
    entry = result[side, "engaged", "snips"]
    assert (entry.verdict, entry.value is not None) == ("weak", True)
    assert "hidden confounding" in entry.why
    known = evaluate(replace(random_log(8, users=1500), provenance="logged"), "uniform")["target", "engaged", "snips"]
    assert known.verdict == "ok"
    assert abs(known.value - entry.value) < 4 * known.se


def test_given_propensities_are_not_used_where_they_are_said_to_be_estimated():
    log = replace(random_log(8, users=100), provenance="estimated")
    wrong = replace(log, propensity=log.propensity / 7)
    assert evaluate(log, "uniform").estimates == evaluate(wrong, "uniform").estimates


def test_a_starved_estimate_is_refused_and_not_printed():
    log = random_log(1, users=30)  # 120 rows, of which a third took the action
    entry = evaluate(log, "always:evening")["target", "engaged", "ips"]
    assert entry.verdict == "refused"
    assert entry.why.startswith("starved")
    assert (entry.value, entry.se, entry.low, entry.high, entry.interval) == (None,) * 5
    assert 0 < entry.ess < 50
    assert evaluate(log, "always:evening")["difference", "engaged", "ips"].verdict == "refused"


def test_an_action_that_logging_could_not_take_is_refused():
    log = random_log(1, users=200)
    vectors = np.tile([0.5, 0.5, 0.0], (log.n, 1))
    vectors[log.action == 2] = 1 / 3
    log = replace(log, propensities=vectors)
    entry = evaluate(log, "uniform")["target", "engaged", "ips"]
    assert (entry.verdict, entry.why) == (
        "refused",
        f"the policy takes actions that logging never could, in {(log.action != 2).sum()} rows",
    )
    assert evaluate(log, "always:morning")["target", "engaged", "ips"].verdict == "ok"


def test_outcomes_missing_after_their_window_are_refused():
    log = random_log(1, users=200)
    value = log.outcomes["engaged"].value.copy()
    value[:3] = np.nan
    log = replace(log, outcomes={"engaged": replace(log.outcomes["engaged"], value=value)})
    assert (
        evaluate(log, "uniform")["target", "engaged", "ips"].why
        == "3 outcomes are unknown although their window has passed"
    )


def test_wrong_propensities_show_in_the_mean_weight():
    log = random_log(1, users=1000)
    entry = evaluate(replace(log, propensity=log.propensity * 0.8), "uniform")["target", "engaged", "ips"]
    assert entry.verdict == "refused"
    assert "mean weight is 1.25" in entry.why


SMALL = random_log(1, users=30, outcomes=("engaged", "spend"))
NONE_KNOWN = {o: measured(m.spec, np.full(SMALL.n, np.nan)) for o, m in SMALL.outcomes.items()}


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (replace(SMALL, propensity=None, provenance="absent"), "no propensities"),
        (replace(SMALL, provenance="absent"), "no propensities"),
        (replace(SMALL, propensity=None), "no propensities"),
        (SMALL.take(SMALL.user == 3), "a single user"),
        (SMALL.take(np.zeros(0, np.int64)), "a single user"),
        (replace(SMALL, outcomes=NONE_KNOWN), "no outcome is mature"),
        (replace(SMALL, arm=SMALL.arm.__class__(SMALL.arm.code, ("control",))), "control arm"),
        (with_arms(SMALL.take(SMALL.user < 2), share=2), "a single user"),
    ],
    ids=[
        "absent",
        "said to be absent",
        "not there",
        "one user",
        "no row",
        "immature",
        "control",
        "one besides control",
    ],
)
def test_where_nothing_can_be_said_the_exit_code_is_four(log, words):
    with pytest.raises(NothingToSayError, match=words) as caught:
        evaluate(log, "uniform")
    assert caught.value.exit_code == 4
    assert caught.value.do


def test_policies_by_name_and_by_folder(tmp_path):
    policy = table(3, uniform=0.3)
    save(policy, tmp_path)
    log = masked_log(3, users=60)
    whole = evaluate(log, policy).to_json()
    assert evaluate(log, tmp_path).to_json() == evaluate(log, str(tmp_path)).to_json() == whole
    assert (whole["target"], whole["baseline"]) == (policy.version, "logging")
    assert evaluate(log, "uniform").target == uniform(PLAIN).version
    assert evaluate(log, "always:none").target == always(PLAIN, "none").version
    with pytest.raises(PolicyFormatError):
        evaluate(log, str(tmp_path / "nowhere"))
    with pytest.raises(SpecError, match="unknown action 'noon'"):
        evaluate(log, "always:noon")
    with pytest.raises(PolicyError, match="other actions"):
        evaluate(log, uniform(GRID))


def test_the_objective_is_the_one_given_or_the_logs_or_the_policys():
    log, other = masked_log(3), Objective({"spend": 2.0})
    bare, policy = replace(log, objective=Objective({})), table(3, uniform=0.3)

    def rewards(result):
        return result["baseline", "objective", "ips"].value

    def mean(o):
        return log.outcomes[o].value.mean()

    assert rewards(evaluate(log, policy)) == pytest.approx(mean("engaged") - 15 * mean("opted_out"))
    assert rewards(evaluate(log, policy, objective=other)) == pytest.approx(2 * mean("spend"))
    assert rewards(evaluate(bare, on_terms(policy, objective=other))) == pytest.approx(2 * mean("spend"))
    assert {e.outcome for e in evaluate(bare, policy).estimates} == {"engaged", "opted_out", "spend"}
    with pytest.raises(SpecError, match="'clicks'"):
        evaluate(log, policy, objective=Objective({"clicks": 1.0}))


def test_a_wider_level_is_a_wider_interval():
    log = masked_log(3)
    entries = [evaluate(log, "uniform", level=level)["difference", "engaged", "dr"] for level in (0.5, 0.95)]
    se, users = entries[0].se, 150
    for entry, level in zip(entries, (0.5, 0.95), strict=True):
        assert entry.high - entry.low == pytest.approx(2 * stats.t.ppf((1 + level) / 2, users - 1) * se, rel=1e-9)


def test_a_segment_that_the_policy_does_not_know_gets_its_ancestor():
    log = masked_log(3, paths=("ios/new/beta", "mac"))
    policy = table(3, uniform=0.3)
    nodes = np.where(log.segment == log.segments.index("mac"), "", "ios/new")
    known = replace(log, segments=policy.segments, segment=np.array([policy.segments.index(p) for p in nodes]))
    for name in ("ips", "snips"):
        assert evaluate(log, policy)["target", "engaged", name] == evaluate(known, policy)["target", "engaged", name]


def test_the_plain_form_has_what_the_command_line_promises():
    plain = evaluate(masked_log(3), "uniform").to_json()
    promised = {"policy", "outcome", "estimator", "value", "se", "low", "high", "interval"}
    promised |= {"ess", "max_weight", "mean_weight", "verdict", "why"}
    assert promised <= plain["estimates"][0].keys()
    assert {(e["policy"], e["outcome"], e["estimator"]) for e in plain["estimates"]} == {
        (r, o, n) for r in ROLES for o in ("engaged", "opted_out", "spend", "objective") for n in ESTIMATORS
    }
    assert {"n", "users", "by_segment", "by_period", "intervals"} <= plain.keys()
    assert "one-step" in plain["notes"][0]
    with pytest.raises(KeyError):
        evaluate(masked_log(3), "uniform")["target", "clicks", "ips"]


def test_periods_too_small_for_any_estimate_are_left_out_with_a_note():
    log = random_log(1, users=100)
    first, last = int(log.period.min()), int(log.period.max())
    log = log.take((log.period != last) | (log.user < 49))
    log = log.take((log.period != first) | (log.user < 50))
    result = evaluate(log, "uniform")
    assert set(result.by_period) == {first, first + 1, first + 2}
    assert "1 periods with too few rows" in result.notes[1]


def test_a_single_segment_and_a_single_period_have_no_parts():
    log = random_log(1, users=100, periods=1, paths=("ios",))
    result = evaluate(log, "uniform")
    assert (result.by_segment, result.by_period, len(result.notes)) == ({}, {}, 1)
