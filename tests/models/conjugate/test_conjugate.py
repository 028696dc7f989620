"""Conjugate posteriors against plain Python, and what must hold for any of them: batch = stream = shards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logs import BINARY, GRID, PLAIN, START, WEEK, log_of, measured, random_log
from reference import conjugate as reference
from tactful.core.segments import Segments
from tactful.errors import LogError
from tactful.models.conjugate.posterior import Conjugate

KINDS = {"engaged": "rate", "sessions": "count", "opens": "rate", "spend": "real", "opted_out": "rate"}
ALL = tuple(KINDS)
PATHS = ("ios", "ios/new", "ios/old", "web", "web/a/b")


def plain_rows(log, outcome):
    """(user, path, action, value, trials) of the rows that know the outcome."""
    m = log.outcomes[outcome]
    trials = np.ones(log.n) if m.trials is None else m.trials
    columns = log.user, (log.segments.paths[i] for i in log.segment), log.action, m.value, trials
    return [
        (int(u), path, int(a), float(v), float(t)) for u, path, a, v, t in zip(*columns, strict=True) if not np.isnan(v)
    ]


def expected_of(posterior, log, outcome):
    """(means per decision, sds, strengths), each (s, k), by the reference with the posterior's own κ."""
    rows, kind, k = plain_rows(log, outcome), KINDS[outcome], log.actions.k
    paths = posterior.segments.paths
    kappas = posterior._fits[outcome].cells.kappa
    cells = reference.posterior(rows, paths, k, kappas, kind, disperse=posterior.model.dispersion)
    trials = dict.fromkeys(cells, 1.0)
    if outcome == "opens":
        trials = reference.mean_trials(rows, paths, log.actions.frequencies)
    sigma2 = reference.noise(rows)
    mean = [[cells[p, a][0] * trials[p, a] for a in range(k)] for p in paths]
    sd = [[reference.variance(*cells[p, a], kind, sigma2) ** 0.5 * trials[p, a] for a in range(k)] for p in paths]
    return mean, sd, [[cells[p, a][1] for a in range(k)] for p in paths]


@pytest.mark.parametrize("dispersion", [True, False])
@pytest.mark.parametrize("actions", [PLAIN, GRID], ids=["plain", "grid"])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_posterior_is_the_references(seed, actions, dispersion):
    log = random_log(seed, users=50, periods=5, actions=actions, outcomes=ALL, paths=PATHS)
    posterior = Conjugate(dispersion).fit(log)
    for outcome, kind in KINDS.items():
        mean, sd, strength = expected_of(posterior, log, outcome)
        np.testing.assert_allclose(posterior.mean(outcome), mean, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(posterior.sd(outcome), sd, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(posterior.strength(outcome), strength, rtol=1e-10)
        scale = reference.dispersion(plain_rows(log, outcome), kind) if dispersion else 1.0
        assert posterior.dispersion(outcome) == pytest.approx(scale, rel=1e-10)


def test_dispersion_is_estimated_from_users_who_repeat_themselves():
    """Every user gives the same answer in all of 6 rows, so a user is worth about one row."""
    rng = np.random.default_rng(0)
    answer = rng.random(200) < 0.3
    who = np.repeat(np.arange(200), 6)
    log = log_of(
        users=who, period=np.tile(np.arange(6), 200), action=np.zeros(1200), outcomes=[measured(BINARY, answer[who])]
    )
    posterior = Conjugate().fit(log)
    assert posterior.dispersion("engaged") == pytest.approx(6, rel=1e-12)
    alone = Conjugate().fit(log.take(log.period == 0))
    np.testing.assert_allclose(posterior.mean("engaged"), alone.mean("engaged"), rtol=1e-6)
    np.testing.assert_allclose(posterior.sd("engaged"), alone.sd("engaged"), rtol=1e-6)


@pytest.mark.parametrize("outcome", ALL)
def test_the_strength_of_a_level_maximises_its_marginal_likelihood(outcome):
    """No κ on a fine grid explains the cells of the deepest level better (under the wide prior on log κ)."""
    log = random_log(4, users=80, periods=5, outcomes=ALL, paths=("a", "b", "c", "d"))
    posterior = Conjugate().fit(log)
    rows, kind, k = plain_rows(log, outcome), KINDS[outcome], 3
    root, leaf = posterior._fits[outcome].cells.kappa
    sigma2, scale, paths = reference.noise(rows), reference.dispersion(rows, kind), posterior.segments.paths

    def score(kappa):
        # The prior of a cell is recovered from its posterior: m₀ = (m (κ' + t) − y) / κ'.
        cells = reference.posterior(rows, paths, k, (root, kappa), kind)
        total = -0.5 * ((np.log(kappa) - np.log(30.0)) / 3.0) ** 2
        for path in paths[1:]:
            for a in range(k):
                cell = [r for r in rows if r[1] == path and r[2] == a]
                y, t = sum(r[3] for r in cell) / scale, sum(r[4] for r in cell) / scale
                mean, strength = cells[path, a]
                prior = strength - t
                m0 = reference.clip((mean * strength - y) / prior, kind)
                total += reference.log_marginal(y, t, m0, prior, kind, sigma2)
        return total

    best = max(score(x) for x in np.geomspace(0.31, 9e6, 60))
    assert score(leaf) >= best - 1e-5


def close(a, b, rtol=1e-12):
    assert a.segments == b.segments
    for outcome in a.outcomes:
        for x, y in zip(a.sums[outcome], b.sums[outcome], strict=True):
            np.testing.assert_allclose(x, y, rtol=rtol, atol=1e-12)
        np.testing.assert_allclose(a.mean(outcome), b.mean(outcome), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(a.sd(outcome), b.sd(outcome), rtol=1e-9, atol=1e-12)


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_shards_of_users_merge_to_the_whole(seed, count):
    log = random_log(seed, users=20, periods=3, outcomes=ALL, paths=PATHS, as_of=START + 2910 * WEEK)
    shard = np.random.default_rng(seed).integers(count, size=20)[log.user]
    shards = [Conjugate().fit(log.take(shard == s)) for s in range(count)]
    merged = shards[0]
    for other in shards[1:]:
        merged = merged.merge(other)
    close(merged, Conjugate().fit(log))


def test_shards_with_other_segments_merge_over_both_trees():
    log = random_log(3, users=30, periods=3, outcomes=ALL, paths=("ios/new", "web"))
    ios = np.array([log.segments.paths[i].startswith("ios") for i in log.segment])
    parts = []
    for rows, paths in ((ios, ["ios/new"]), (~ios, ["web"])):
        part, own = log.take(rows), Segments.of(paths)
        codes = np.array([own.index(log.segments.paths[i]) for i in part.segment])
        parts.append(Conjugate().fit(replace(part, segments=own, segment=codes)))
    close(parts[0].merge(parts[1]), Conjugate().fit(log))
    close(parts[1].merge(parts[0]), Conjugate().fit(log))


def test_shards_that_do_not_fit_together_are_refused():
    log = random_log(3, outcomes=("engaged",), as_of=START + 2910 * WEEK)
    fit = Conjugate().fit(log)
    with pytest.raises(LogError, match="different times"):
        fit.merge(Conjugate().fit(replace(log, as_of=log.as_of + 1)))
    with pytest.raises(LogError, match="other actions or outcomes"):
        fit.merge(Conjugate().fit(random_log(3, outcomes=("spend",))))
    with pytest.raises(LogError, match="other actions or outcomes"):
        fit.merge(Conjugate().fit(random_log(3, actions=GRID)))
    with pytest.raises(LogError, match="other actions or outcomes"):
        fit.update(random_log(3, outcomes=("spend",)))
    with pytest.raises(LogError, match="no outcome"):
        Conjugate().fit(replace(log, outcomes={}))


def observed(log, as_of):
    """The log as it is read at a time: decisions until then, outcomes that are not mature unknown."""
    seen = log.take(log.decided_at <= as_of)
    outcomes = {}
    for o, m in seen.outcomes.items():
        mature = seen.decided_at <= as_of - m.spec.window_us
        outcomes[o] = replace(m, value=np.where(mature, m.value, np.nan), mature=mature)
    return replace(seen, outcomes=outcomes, as_of=as_of)


GROWING = random_log(7, users=12, periods=6, outcomes=("engaged", "opted_out", "spend"), paths=("ios", "web"))


@given(st.lists(st.integers(-1, 10 * 7), min_size=1, max_size=6))
def test_reading_a_growing_log_again_counts_every_row_once(days):
    """Outcomes mature after 0 and 7 days; a user's rows come in different reads, so only sums by row must agree."""
    first = START + 2900 * WEEK
    times = sorted(first + d * WEEK // 7 for d in days)
    stream = Conjugate(dispersion=False).fit(observed(GROWING, times[0]))
    for at in times[1:]:
        stream = stream.update(observed(GROWING, at))
    whole = Conjugate(dispersion=False).fit(observed(GROWING, times[-1]))
    for o in GROWING.outcomes:
        for name in ("n", "t", "y", "yy"):
            np.testing.assert_allclose(
                getattr(stream.sums[o], name), getattr(whole.sums[o], name), rtol=1e-12, atol=1e-12
            )
        np.testing.assert_allclose(stream.mean(o), whole.mean(o), rtol=1e-9, atol=1e-12)
    assert stream.watermarks == whole.watermarks
    assert stream.lineage.trained_until == whole.lineage.trained_until


def test_the_growing_log_of_the_test_above_has_rows_that_mature_at_different_times():
    at = START + 2903 * WEEK
    known = {o: int(m.known.sum()) for o, m in observed(GROWING, at).outcomes.items()}
    assert known == {"engaged": 48, "opted_out": 36, "spend": 48}


def test_new_rows_alone_are_enough_for_an_update():
    end = START + 2910 * WEEK
    batches = [GROWING.take(GROWING.user < 6), GROWING.take(GROWING.user >= 6)]
    without = [replace(b, decided_at=None, as_of=None) for b in batches]
    whole = Conjugate().fit(replace(GROWING, decided_at=None, as_of=None))
    close(Conjugate().fit(without[0]).update(without[1]), whole)
    early, late = observed(GROWING, START + 2901 * WEEK), observed(GROWING, end)
    late = late.take(late.decided_at > START + 2901 * WEEK)
    fit = Conjugate(dispersion=False).fit(early).update(late)
    expected = {"engaged": GROWING.n, "spend": GROWING.n, "opted_out": GROWING.n - 12}
    assert {o: fit.sums[o].n.sum() for o in fit.sums} == expected  # one week's opt-outs were not sent again


def test_an_update_brings_new_segments():
    log = random_log(3, users=30, periods=3, outcomes=("engaged", "spend"), paths=("ios/new", "web"), decided_at=None)
    web = log.segment == log.segments.index("web")
    one = replace(log.take(web), segments=Segments(("", "web")), segment=np.ones(web.sum(), np.int64))
    close(Conjugate().fit(one).update(log.take(~web)), Conjugate().fit(log))


@given(st.integers(0, 2**32))
def test_permuting_rows_and_renaming_users_changes_nothing(seed):
    log = random_log(seed, users=15, periods=3, outcomes=ALL, paths=PATHS)
    fit = Conjugate().fit(log)
    rng = np.random.default_rng(seed)
    close(Conjugate().fit(log.take(rng.permutation(log.n))), fit)
    names = rng.permutation(15)
    close(Conjugate().fit(replace(log, user=names[log.user], user_ids=log.user_ids[np.argsort(names)])), fit)


@given(st.integers(0, 2**32))
def test_negating_a_real_outcome_negates_its_means(seed):
    log = random_log(seed, users=20, periods=3, outcomes=("spend",), paths=PATHS)
    m = log.outcomes["spend"]
    a, b = Conjugate().fit(log), Conjugate().fit(replace(log, outcomes={"spend": replace(m, value=-m.value)}))
    np.testing.assert_allclose(b.mean("spend"), -a.mean("spend"), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(b.sd("spend"), a.sd("spend"), rtol=1e-12)


@pytest.mark.parametrize("actions", [PLAIN, GRID], ids=["plain", "grid"])
def test_a_count_out_of_trials_is_zero_under_none(actions):
    log = random_log(3, actions=actions, outcomes=("opens",))
    late = replace(log.outcomes["opens"], value=np.ones(log.n), trials=np.full(log.n, 2.0))  # sends of an earlier week
    fit = Conjugate().fit(replace(log, outcomes={"opens": late}))
    assert (fit.mean("opens")[:, 0] == 0).all()
    assert (fit.sd("opens")[:, 0] == 0).all()
    assert (fit.draws("opens", 20, 1)[:, :, 0] == 0).all()
    assert (fit.mean("opens")[:, 1:] > 0).all()


def test_a_segment_without_data_has_its_parents_mean_and_less_strength():
    log = random_log(
        3, users=60, outcomes=ALL, segments=Segments.of(["ios/new", "web", "web/empty"]), paths=("ios/new", "web")
    )
    fit = Conjugate().fit(log)
    web, empty = fit.segments.index("web"), fit.segments.index("web/empty")
    for outcome in ALL:
        np.testing.assert_allclose(fit.mean(outcome)[empty], fit.mean(outcome)[web], rtol=1e-12, atol=1e-15)
        assert (fit.strength(outcome)[empty] < fit.strength(outcome)[web]).all()
    assert fit.segments.nearest("web/never/seen") == web
    assert fit.decisions.tolist() == np.bincount(log.segment, minlength=len(fit.segments)).tolist()


def test_a_log_in_which_nothing_is_known_gives_the_prior():
    log = random_log(3, outcomes=("engaged", "spend"))
    log = replace(log, outcomes={o: measured(m.spec, np.full(log.n, np.nan)) for o, m in log.outcomes.items()})
    fit = Conjugate().fit(log)
    for outcome in ("engaged", "spend"):
        assert np.isfinite(fit.mean(outcome)).all()
        assert (fit.sd(outcome) > 0).all()
    assert fit.decisions.sum() == 0


@given(st.integers(0, 2**32), st.integers(1, 30))
def test_draws_are_a_pure_function_of_the_seed_and_one_by_one(seed, m):
    fit = Conjugate().fit(random_log(1, outcomes=("engaged", "sessions")))
    draws = fit.draws("engaged", m, seed)
    assert draws.shape == (m, len(fit.segments), 3)
    np.testing.assert_array_equal(draws, fit.draws("engaged", 30, seed)[:m])
    assert not np.array_equal(draws, fit.draws("engaged", m, seed + 1))


def test_draws_have_the_posteriors_mean_and_sd():
    """Mean within 5.5 standard errors in all of 60 cells: a right bank fails about twice in 10⁶; sd within 15 %."""
    fit = Conjugate().fit(random_log(1, users=100, outcomes=ALL))
    for outcome in ALL:
        draws = fit.draws(outcome, 2000, 3)
        gap = np.abs(draws.mean(0) - fit.mean(outcome))
        assert (gap <= 5.5 * fit.sd(outcome) / np.sqrt(2000)).all()
        np.testing.assert_allclose(draws.std(0), fit.sd(outcome), rtol=0.15)


def test_lineage_says_what_the_posterior_saw():
    log = random_log(3, as_of=START + 2910 * WEEK)
    assert Conjugate().fit(log).lineage.log == log.fingerprint()
    fit, _ = log.split(0.3, "salt")
    lineage = Conjugate().fit(fit).lineage
    assert (lineage.split_salt, lineage.split_share, lineage.model) == ("salt", 0.3, "conjugate")
    assert lineage.trained_until == fit.decided_at.max() + 1
    assert Conjugate().fit(replace(fit, decided_at=None)).lineage.trained_until is None
