"""Linear posteriors against dense algebra, and what must hold: batch = stream = shards, forgotten = never seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context_logs import OUTCOMES, PATHS, context_log, effects_log
from logs import GRID, PLAIN, START, WEEK, random_log
from reference import linear as reference
from tactful.core.segments import Segments
from tactful.errors import LogError, SpecError
from tactful.models.base import ContextualPosterior, DrawsInBlocks, ProvidesFeatures, ProvidesLevels
from tactful.models.contextual.context_sample import MAX_SAMPLED_CONTEXTS
from tactful.models.contextual.linear import Linear
from tactful.models.contextual.logistic import Logistic

OPTIONS = [{}, {"pooled": True}, {"action_features": True}, {"pooled": True, "action_features": True}]
AS_OF = START + 2910 * WEEK


def telling(kind, mean):
    if kind == "real":
        return 1.0
    return 2 * mean / (2 * mean + 1) if kind == "count" else min(1.0, 2 / max(1 / (mean * (1 - mean)) - 4, 2.0))


def dense(fit, log, outcome):
    """Coefficients (v, k, d), their joint covariance (v, k, d, v, k, d), and the dispersion, by one dense solve."""
    spec, model = log.outcomes[outcome].spec, fit.model
    z = np.array(reference.design(log.context, fit.features.centre, fit.features.scale))
    y, k, d = log.outcomes[outcome].value, log.actions.k, z.shape[1]
    parents = [-1] if model.pooled else log.segments.parents.tolist()
    node = np.zeros(log.n, int) if model.pooled else log.segment
    mean = y.mean()
    variance, common, dispersion = reference.noise(
        z, y, node, log.action, log.user, k, telling(spec.kind if not spec.has_trials else "count", mean)
    )
    M, precision = reference.loadings(log.actions, d, model.action_features, fit.strengths(outcome).slope)
    p, s = M.shape[2], len(parents)
    root, below = (x / common * precision for x in fit.strengths(outcome)[:2])
    X = np.zeros((log.n, s * p))
    for i in range(log.n):
        X[i, node[i] * p : (node[i] + 1) * p] = z[i] @ M[log.action[i]]
    S = reference.prior_covariance(parents, root, below)
    phi, cov = reference.dense_posterior(S, X, y - mean, 1 / (dispersion * variance)[log.action])
    theta = np.einsum("kdp,sp->skd", M, phi.reshape(s, p))
    theta[..., 0] += mean
    return theta, np.einsum("kdp,vpwq,jeq->vkdwje", M, cov.reshape(s, p, s, p), M, optimize=True), dispersion


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_posterior_is_that_of_dense_algebra(options):
    log = context_log(4, users=30, paths=("ios", "ios/new", "web"))
    fit = Linear(**options).fit(log)
    for o in OUTCOMES:
        theta, joint, dispersion = dense(fit, log, o)
        cov = reference.blocks(joint)
        assert fit.dispersion(o) == pytest.approx(dispersion, rel=1e-9)
        s = len(fit.segments)
        np.testing.assert_allclose(fit.coefficients(o), np.broadcast_to(theta, (s, *theta.shape[1:])), atol=1e-8)
        R = fit.roots(o)
        assert (np.triu(R, 1) == 0).all()
        np.testing.assert_allclose(R @ R.swapaxes(2, 3), np.broadcast_to(cov, R.shape[:1] + cov.shape[1:]), atol=1e-8)
    assert fit.independent is not options.get("action_features", False)


def test_dispersion_is_that_of_users_who_repeat_in_a_cell():
    log, _ = effects_log(5, users=40, periods=6, icc=0.5, paths=("ios", "web"))
    log = replace(log, action=log.user % GRID.k)  # everybody keeps to one action
    fit = Linear().fit(log)
    theta, _, dispersion = dense(fit, log, "spend")
    assert dispersion > 1.5
    assert fit.dispersion("spend") == pytest.approx(dispersion, rel=1e-9)
    np.testing.assert_allclose(fit.coefficients("spend"), theta, atol=1e-8)
    assert Linear(dispersion=False).fit(log).dispersion("spend") == 1.0


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_means_and_draws_are_averages_over_the_sample(options):
    """Means of 4,000 draws within 5.5 standard errors in some 100 cells: a right bank fails about once in 10⁵."""
    fit = Linear(**options).fit(context_log(2))
    node, context = fit.sample
    z = fit.features.design(context)
    for o in ("spend", "opens"):
        theta, R = fit.coefficients(o), fit.roots(o)
        for v, path in enumerate(fit.segments.paths):
            below = [i for i, w in enumerate(node) if f"{fit.segments.paths[w]}/".startswith(path + "/" * bool(path))]
            mean = z[below].mean(0)
            np.testing.assert_allclose(fit.mean(o)[v], theta[v] @ mean * fit.scale(o)[v], atol=1e-10)
            sd = np.linalg.norm(np.einsum("kde,d->ke", R[v], mean), axis=1)
            np.testing.assert_allclose(fit.sd(o)[v], sd * fit.scale(o)[v], atol=1e-10)
        draws = fit.draws(o, 4000, 1)
        assert (np.abs(draws.mean(0) - fit.mean(o)) <= 5.5 * fit.sd(o) / np.sqrt(4000) + 1e-12).all()
        np.testing.assert_allclose(draws.std(0), fit.sd(o), rtol=0.1)
        np.testing.assert_array_equal(fit.draws(o, 300, 1), draws[:300])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_bank_has_the_joint_covariance_over_nodes_actions_and_features(options):
    """20,000 draws of 30 coefficients: an entry's standard error is at most sd·sd'·√2/141, and 6 of them may be."""
    log = context_log(2, features=1, paths=("ios", "web"))
    fit = Linear(**options).fit(log)
    bank = fit.bank("spend", 20000, 5)
    assert bank.shape == (20000, 3, GRID.k, 2)
    np.testing.assert_array_equal(bank[:300], fit.bank("spend", 300, 5))
    theta, joint, _ = dense(fit, log, "spend")
    own = bank[:, : len(theta)].reshape(20000, -1)
    cov = joint.reshape(own.shape[1], -1)
    sd = np.sqrt(cov.diagonal())
    assert (np.abs(own.mean(0) - theta.ravel()) <= 6 * sd / np.sqrt(20000)).all()
    assert (np.abs(np.cov(own.T) - cov) <= 6 * np.sqrt(2 / 20000) * np.outer(sd, sd)).all()
    assert (bank == bank[:, :1]).all() == options.get("pooled", False)


def close(a, b, rtol=1e-9):
    assert (a.segments, a.features, a.watermarks) == (b.segments, b.features, b.watermarks)
    for o in a.outcomes:
        assert a.strengths(o) == b.strengths(o)
        assert a.dispersion(o) == pytest.approx(b.dispersion(o), rel=1e-9)
        for what in ("coefficients", "roots", "mean", "sd", "strength"):
            np.testing.assert_allclose(getattr(a, what)(o), getattr(b, what)(o), rtol=rtol, atol=1e-9)
    for x, y in zip(a.sample, b.sample, strict=True):
        np.testing.assert_array_equal(x, y)


@settings(max_examples=6)
@given(st.integers(0, 2**32), st.sampled_from(OPTIONS))
def test_shards_of_users_and_any_order_of_rows_give_the_posterior_of_the_whole(seed, options):
    log = context_log(seed, users=24, outcomes=("engaged", "spend"), paths=PATHS[1:4], as_of=AS_OF)
    model, features = Linear(**options), Linear().fit(log).features
    whole = model.fit(log)
    shard = np.random.default_rng(seed).integers(3, size=24)[log.user]
    a, b, c = (model.fit(log.take(shard == i), features=features) for i in range(3))
    close(a.merge(b).merge(c), whole)
    close(c.merge(a).merge(b), whole)
    close(model.fit(log.take(np.random.default_rng(seed).permutation(log.n)), features=features), whole)


@pytest.mark.parametrize("options", [*OPTIONS, {"half_life_days": 20.0}], ids=str)
def test_weeks_one_by_one_are_all_weeks_at_once(options):
    """Dispersion apart: the rows of one user come in several updates."""
    log = context_log(6)
    model = Linear(**options, dispersion=False)
    stream = model.fit(log.take(log.period == 2900), features=Linear().fit(log).features)
    for week in range(2901, 2904):
        stream = stream.update(log.take(log.period == week))
    close(stream, model.fit(log))
    assert stream.lineage.trained_until == model.fit(log).lineage.trained_until


def test_an_update_counts_a_row_once_and_only_when_mature():
    log = context_log(6, outcomes=("engaged", "opted_out"), as_of=None)

    def seen(at):
        part = log.take(log.decided_at <= at)
        known = {
            o: replace(m, value=np.where(part.decided_at <= at - m.spec.window_us, m.value, np.nan))
            for o, m in part.outcomes.items()
        }
        return replace(part, outcomes=known, as_of=at)

    first, last = (seen(START + w * WEEK) for w in (2901, 2903))
    model, features = Linear(dispersion=False), Linear().fit(last).features
    fit = model.fit(first, features=features).update(first).update(last).update(last)
    close(fit, model.fit(last, features=features))
    assert {o: fit.counted(o).sum() for o in fit.outcomes} == {"engaged": log.n, "opted_out": log.n * 3 / 4}


@pytest.mark.parametrize("options", [{}, {"pooled": True}, {"half_life_days": 20.0}], ids=str)
def test_what_is_forgotten_was_never_seen(options):
    log = context_log(7, as_of=AS_OF)
    model, gone = Linear(**options), log.user < 5
    fit = model.fit(log)
    close(fit.forget(log.take(gone)), model.fit(log.take(~gone), features=fit.features), rtol=1e-7)
    some = log.take(log.user < 40)
    with pytest.raises(LogError, match="more rows to forget than were counted"):
        fit.forget(some).forget(some)


def test_new_segments_hang_under_their_parents():
    log = context_log(3, paths=("ios/new", "web"))
    web = log.segment == log.segments.index("web")
    one = replace(log.take(web), segments=Segments(("", "web")), segment=np.ones(web.sum(), np.int64))
    whole = Linear(dispersion=False).fit(log)
    fit = Linear(dispersion=False).fit(one, features=whole.features).update(log.take(~web))
    close(fit, whole)


@given(st.integers(0, 2**32))
@settings(max_examples=10)
def test_the_negative_of_a_real_outcome_has_the_negative_posterior(seed):
    log = context_log(seed, outcomes=("spend",))
    m = log.outcomes["spend"]
    a, b = Linear().fit(log), Linear().fit(replace(log, outcomes={"spend": replace(m, value=-m.value)}))
    assert a.strengths("spend") == b.strengths("spend")
    np.testing.assert_allclose(b.coefficients("spend"), -a.coefficients("spend"), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(b.roots("spend"), a.roots("spend"), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("features", [0, 2])
def test_without_columns_there_is_an_intercept_alone(features):
    log = context_log(3, features=features) if features else random_log(3, actions=GRID, outcomes=OUTCOMES)
    fit = Linear().fit(log)
    assert fit.coefficients("spend").shape == (len(fit.segments), GRID.k, 1 + features)
    assert fit.sample[1].shape == (log.n, features)
    assert np.isfinite(fit.draws("spend", 10, 1)).all()
    assert fit.redundant == ()


def test_singular_and_badly_scaled_features_are_handled_and_named():
    log, _ = effects_log(3, users=100)
    x = log.context
    wide = np.column_stack([x, 2 * x[:, 0] - x[:, 1], np.full(log.n, 7.0), x[:, 0] * 1e8, x[:, 1] * 1e-8 + 1e8])
    names = ("x0", "x1", "sum", "constant", "large", "small")
    plain, odd = (
        Linear(strength=1.0).fit(log),
        Linear(strength=1.0).fit(replace(log, context=wide, context_names=names)),
    )
    assert odd.redundant == ("sum", "constant", "large", "small")
    assert plain.redundant == ()
    assert odd.repaired("spend") == 0
    spread = plain.mean("spend").std()
    np.testing.assert_allclose(odd.mean("spend"), plain.mean("spend"), atol=0.05 * spread)
    only = Linear(strength=1.0).fit(replace(log, context=np.column_stack([x[:, 0] * 1e8, x[:, 1]])))
    same = Linear(strength=1.0).fit(replace(log, context=np.column_stack([x[:, 0], x[:, 1] * 1e-8])))
    np.testing.assert_allclose(only.mean("spend"), same.mean("spend"), rtol=1e-9, atol=1e-9)


def test_a_small_column_on_a_large_constant_is_rounding():
    log, _ = effects_log(3, users=50)
    fit = Linear().fit(replace(log, context=np.column_stack([log.context[:, 0], 1e8 + 1e-8 * log.context[:, 1]])))
    assert fit.redundant == ("x1",)


def test_shards_that_do_not_fit_together_are_refused():
    log = context_log(3, as_of=AS_OF)
    fit = Linear().fit(log)
    with pytest.raises(LogError, match=r"shards with other features.*features=first\.features"):
        fit.merge(Linear().fit(log.take(log.user < 9)))
    with pytest.raises(LogError, match="other options"):
        fit.merge(Linear(pooled=True).fit(log))
    with pytest.raises(LogError, match="no column x1"):
        fit.update(replace(log, context=log.context[:, :1], context_names=("x0",)))
    with pytest.raises(SpecError, match="a strength of -1"):
        Linear(strength=-1.0)
    with pytest.raises(SpecError, match="without hours and frequencies"):
        Linear(action_features=True).fit(context_log(3, actions=PLAIN)).mean("spend")
    missing = log.context.copy()
    missing[[3, 8], 1] = np.nan
    with pytest.raises(LogError, match="2 rows have a context that is not finite: rows 3, 8"):
        Linear().fit(replace(log, context=missing))
    with pytest.raises(LogError, match="2 rows have a context that is not finite: rows 3, 8"):
        fit.update(replace(log, context=missing, as_of=AS_OF + WEEK, decided_at=log.decided_at + 20 * WEEK))


def test_columns_are_found_by_name():
    log = context_log(3)
    swapped = replace(log, context=log.context[:, ::-1], context_names=log.context_names[::-1])
    fit = Linear().fit(log)
    close(Linear().fit(swapped, features=fit.features), fit)


@pytest.mark.parametrize("model", [Linear(), Logistic(strength=3.0)], ids=["linear", "logistic"])
def test_columns_need_not_lie_together_in_memory(model):
    """A simulated log is a view of a larger table: its users are a strided column."""
    log = context_log(1, users=20, outcomes=("engaged",), as_of=AS_OF)
    strided = replace(log, user=np.repeat(log.user, 2)[::2])
    assert not strided.user.flags.c_contiguous
    np.testing.assert_array_equal(model.fit(strided).mean("engaged"), model.fit(log).mean("engaged"))


def test_a_contextual_posterior_says_that_it_is_one():
    fit = Linear().fit(context_log(1, users=20, outcomes=("engaged",), as_of=AS_OF))
    assert isinstance(fit, ContextualPosterior)
    assert isinstance(fit, ProvidesFeatures)
    assert not isinstance(fit, DrawsInBlocks | ProvidesLevels)


def test_the_sample_is_the_same_in_any_order_and_keeps_its_cap():
    log = context_log(1, users=2000, periods=4, outcomes=("spend",), as_of=AS_OF)
    fit = Linear().fit(log)
    assert len(fit.sample[0]) == MAX_SAMPLED_CONTEXTS < log.n
    a, b = (Linear().fit(log.take(log.user % 2 == i), features=fit.features) for i in range(2))
    for merged in (a.merge(b), b.merge(a), fit.update(log)):
        np.testing.assert_array_equal(merged.sample[1], fit.sample[1])
    share = np.bincount(fit.sample[0], minlength=len(fit.segments)) / MAX_SAMPLED_CONTEXTS
    np.testing.assert_allclose(share, fit.decisions / log.n, atol=0.04)  # 5 standard errors


def test_with_a_half_life_the_sample_is_of_recent_rows():
    """Weeks weigh 1, ½, ¼ and ⅛ of 2,000 rows each, and 4,096 are drawn: more of the last week than of the first."""
    log = context_log(1, users=2000, outcomes=("spend",), as_of=AS_OF)
    week = replace(log, context=(log.period - 2900.0)[:, None], context_names=("week",))
    drawn = np.bincount(Linear(half_life_days=7.0).fit(week).sample[1][:, 0].astype(int))
    assert drawn[3] > 1.5 * drawn[0]
    assert (np.diff(drawn) > 0).all()


def test_the_strengths_are_the_best_of_the_grid():
    """Effects of actions are large and those of segments small: the root leans little on its prior, the others much."""
    log, _ = effects_log(3, users=1500)
    at = Linear().fit(log).strengths("spend")
    assert at.root < at.below
    shrunk, free = (Linear(strength=x).fit(log).mean("spend")[1:].std(1).mean() for x in (1e4, 1.0))
    assert shrunk < 0.5 * free


def covered(model, seeds, **world):
    """Share of (segment, action) means and of coefficients that 90 % intervals cover, averaged over logs."""
    means, slopes = [], []
    for seed in seeds:
        log, theta = effects_log(seed, **world)
        fit = model.fit(log)
        o = next(iter(fit.outcomes))
        centre, scale = (np.array(x) for x in (fit.features.centre, fit.features.scale))
        own = theta.copy()  # in units of the features as they were standardised
        own[..., 1:] *= scale / 10.0 ** np.arange(2)
        own[..., 0] += theta[..., 1:] @ ((centre - 3.0) / 10.0 ** np.arange(2))
        design = fit.features.design(fit.sample[1])
        rows = fit.contexts.by_node(fit.segments)
        truth = np.stack([own[v] @ design[r].mean(0) for v, r in enumerate(rows)])
        half = 1.6449 * fit.sd(o)
        means.append(np.mean(np.abs(fit.mean(o) - truth)[1:] <= half[1:]))
        sd = np.linalg.norm(fit.roots(o), axis=3)
        slopes.append(np.mean(np.abs(fit.coefficients(o) - own)[1:, :, 1:] <= 1.6449 * sd[1:, :, 1:]))
    return float(np.mean(means)), float(np.mean(slopes))


@pytest.mark.parametrize("icc", [0.0, 0.1])
def test_credible_intervals_cover(icc):
    """20 logs of 25 dependent cells: the standard error is about .02 at most, and the bounds are 2 to 3 of them."""
    for share in covered(Linear(), range(20), icc=icc):
        assert 0.86 <= share <= 0.95
