"""The hierarchical posterior: dense reference end to end, batch = stream = shards, order and sign do not matter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logs import BINARY, GRID, JIT, PLAIN, REAL, START, WEEK, log_of, measured, random_log
from reference import hierarchical as reference
from tactful.core import parallel
from tactful.core.segments import Segments
from tactful.errors import LogError
from tactful.models.base import (
    ContextualPosterior,
    DrawsInBlocks,
    ProvidesFeatures,
    ProvidesLevels,
    ProvidesWatermarks,
)
from tactful.models.conjugate.posterior import Conjugate
from tactful.models.hierarchical.action_kernel import defaults
from tactful.models.hierarchical.posterior import Hierarchical

ALL = ("engaged", "sessions", "opens", "spend", "opted_out")
PATHS = ("ios", "ios/new", "ios/old", "web", "web/a/b")
FIXED = Hierarchical(tuned=False)


def dense(log, outcome):
    """(mean, sd) per decision of a Gaussian outcome without trials, from rows, at the default hyper-parameters."""
    tree, k = log.segments, log.actions.k
    value, cell = log.outcomes[outcome].value, log.segment * k + log.action
    size, total = len(tree) * k, np.bincount(cell, value, len(tree) * k)
    t = np.bincount(cell, minlength=size).astype(float)
    within = value - (total / np.maximum(t, 1))[cell]
    noise = np.sqrt(within @ within / (log.n - np.count_nonzero(t)))
    levels = int(tree.depths.max()) + 1
    theta = np.exp(defaults(levels))
    space = log.actions.names, log.actions.slots, log.actions.frequencies
    K = [reference.kernel(*space, theta[:2], theta[2 + 3 * d : 5 + 3 * d], 4.0 * (d == 0)) for d in range(levels)]
    prior = reference.joint(tree.parents, tree.depths, np.array(K))
    f, C, _ = reference.laplace("gaussian", prior, total / noise, t, value.mean() / noise)
    return (f * noise).reshape(-1, k), (np.sqrt(C.diagonal()) * noise).reshape(-1, k)


@pytest.mark.parametrize("actions", [PLAIN, GRID], ids=["plain", "grid"])
def test_a_real_outcome_has_the_dense_posterior(actions):
    log = random_log(1, users=50, periods=5, actions=actions, outcomes=("spend",), paths=PATHS)
    fit = Hierarchical(dispersion=False, tuned=False).fit(log)
    mean, sd = dense(log, "spend")
    np.testing.assert_allclose(fit.mean("spend"), mean, atol=1e-8)
    np.testing.assert_allclose(fit.sd("spend"), sd, atol=1e-8)
    assert fit.converged("spend")


def same(a, b, rtol=1e-9):
    assert a.segments == b.segments
    for o in a.outcomes:
        for x, y in zip(a.sums[o], b.sums[o], strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(a.mean(o), b.mean(o), rtol=rtol, atol=1e-12)
        np.testing.assert_allclose(a.sd(o), b.sd(o), rtol=rtol, atol=1e-12)


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_shards_of_users_merge_to_the_whole(seed, count):
    log = random_log(seed, users=20, periods=3, outcomes=ALL, paths=PATHS, as_of=START + 2910 * WEEK)
    shard = np.random.default_rng(seed).integers(count, size=20)[log.user]
    parts = [FIXED.fit(log.take(shard == s)) for s in range(count)]
    merged = parts[0]
    for other in parts[1:]:
        merged = merged.merge(other)
    same(merged, FIXED.fit(log))


def test_merged_hyper_parameters_are_those_of_the_whole():
    """The sums of shards differ in their last bits, and so does the path of the optimiser: 1e-4, not 1e-9."""
    log = random_log(2, users=60, periods=3, actions=GRID, outcomes=("engaged", "opens"), paths=PATHS)
    even = log.user % 2 == 0
    merged, whole = (
        Hierarchical().fit(log.take(even)).merge(Hierarchical().fit(log.take(~even))),
        Hierarchical().fit(log),
    )
    for o in whole.outcomes:
        np.testing.assert_allclose(merged.hyperparameters(o), whole.hyperparameters(o), atol=1e-4)


def test_batches_of_new_users_are_one_fit():
    log = random_log(3, users=40, periods=3, actions=GRID, outcomes=ALL, paths=PATHS, decided_at=None)
    batch = log.user % 3
    stream = FIXED.fit(log.take(batch == 0)).update(log.take(batch == 1)).update(log.take(batch == 2))
    same(stream, FIXED.fit(log))


def test_tuning_goes_on_from_the_last_values_and_ends_near_those_of_one_fit():
    log = random_log(3, users=300, periods=3, actions=GRID, outcomes=("engaged",), paths=PATHS, decided_at=None)
    first = log.user % 2 == 0
    stream, whole = Hierarchical().fit(log.take(first)).update(log.take(~first)), Hierarchical().fit(log)
    assert not np.array_equal(whole.hyperparameters("engaged"), defaults(4))
    np.testing.assert_allclose(stream.mean("engaged"), whole.mean("engaged"), rtol=0.03)
    np.testing.assert_allclose(stream.sd("engaged"), whole.sd("engaged"), rtol=0.15)


def test_hyper_parameters_stay_until_the_decisions_have_grown_by_a_quarter():
    log = random_log(3, users=300, periods=3, actions=GRID, outcomes=("engaged",), paths=PATHS, decided_at=None)
    share = log.user % 10
    first = Hierarchical().fit(log.take(share < 6))
    little = first.update(log.take(share == 6))
    np.testing.assert_array_equal(little.hyperparameters("engaged"), first.hyperparameters("engaged"))
    assert little.sizes == first.sizes == {"engaged": 540}
    more = little.update(log.take(share > 6))
    assert np.abs(more.hyperparameters("engaged") - first.hyperparameters("engaged")).max() > 1e-6
    assert more.sizes == {"engaged": 900}


def test_a_first_fit_on_nothing_is_tuned_as_soon_as_there_are_decisions():
    log = random_log(3, users=300, periods=3, actions=GRID, outcomes=("engaged",), paths=PATHS, decided_at=None)
    late = Hierarchical().fit(log.take(log.user < 0)).update(log)
    np.testing.assert_allclose(late.hyperparameters("engaged"), Hierarchical().fit(log).hyperparameters("engaged"))


def test_reading_a_growing_log_again_counts_every_row_once():
    log = random_log(7, users=12, periods=6, outcomes=("engaged", "opted_out"), paths=("ios", "web"))

    def seen(at):
        rows = log.take(log.decided_at <= at)
        outcomes = {}
        for o, m in rows.outcomes.items():
            mature = rows.decided_at <= at - m.spec.window_us
            outcomes[o] = replace(m, value=np.where(mature, m.value, np.nan), mature=mature)
        return replace(rows, outcomes=outcomes, as_of=at)

    plain, times = Hierarchical(dispersion=False, tuned=False), [START + (2900 + w) * WEEK for w in (1, 1, 3, 9)]
    stream = plain.fit(seen(times[0]))
    for at in times[1:]:
        stream = stream.update(seen(at))
    whole = plain.fit(seen(times[-1]))
    for o in log.outcomes:
        np.testing.assert_array_equal(stream.sums[o].n, whole.sums[o].n)
        np.testing.assert_allclose(stream.mean(o), whole.mean(o), rtol=1e-9)


@settings(max_examples=10)
@given(st.integers(0, 2**32))
def test_permuting_rows_and_renaming_users_changes_nothing(seed):
    log = random_log(seed, users=15, periods=3, outcomes=ALL, paths=PATHS)
    fit, rng = FIXED.fit(log), np.random.default_rng(seed)
    same(FIXED.fit(log.take(rng.permutation(log.n))), fit)
    names = rng.permutation(15)
    same(FIXED.fit(replace(log, user=names[log.user], user_ids=log.user_ids[np.argsort(names)])), fit)


@pytest.mark.parametrize("model", [FIXED, Hierarchical()], ids=["fixed", "tuned"])
def test_negating_a_real_outcome_negates_its_means(model):
    log = random_log(4, users=40, periods=3, actions=GRID, outcomes=("spend",), paths=PATHS)
    m = log.outcomes["spend"]
    a, b = model.fit(log), model.fit(replace(log, outcomes={"spend": replace(m, value=-m.value)}))
    np.testing.assert_allclose(b.mean("spend"), -a.mean("spend"), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(b.sd("spend"), a.sd("spend"), rtol=1e-6)
    np.testing.assert_allclose(b.level("spend"), a.level("spend"))


def test_draws_have_the_posteriors_moments_and_are_a_pure_function_of_the_seed():
    """Means within 5.5 standard errors and sds within 15 % (M = 2,000) in 175 cells: fails about once in 10⁵."""
    fit = Hierarchical().fit(random_log(1, users=100, actions=GRID, outcomes=ALL))
    m = 2000 if JIT else 100
    for o in ALL:
        draws = fit.draws(o, m, 3)
        assert draws.flags.c_contiguous
        assert (np.abs(draws.mean(0) - fit.mean(o)) <= 5.5 * fit.sd(o) / np.sqrt(m)).all()
        np.testing.assert_allclose(draws.std(0), fit.sd(o), rtol=6.5 / np.sqrt(m))
        np.testing.assert_array_equal(draws, fit.draws(o, m, 3))
        np.testing.assert_allclose(fit.draws(o, 30, 3), draws[:30], rtol=1e-12)
        used = fit.sd(o) > 0
        assert (fit.draws(o, 1, 4)[0] != draws[0])[used].all()


def test_results_do_not_depend_on_the_number_of_threads(monkeypatch):
    paths = tuple(f"{p}/{i:03d}" for p in "ab" for i in range(150))
    log = random_log(1, users=900, periods=2, actions=GRID, outcomes=("engaged",), paths=paths)
    found = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(parallel, "THREADS", threads)
        fit = Hierarchical().fit(log)
        found.append((fit.mean("engaged"), fit.sd("engaged"), fit.draws("engaged", 20, 1)))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_draws_come_in_blocks_too():
    """Bit for bit those of the whole array; every node once, whatever is done to the block."""
    paths = tuple(f"{p}/{i:03d}" for p in "ab" for i in range(40))
    fit = Hierarchical().fit(random_log(2, users=300, actions=GRID, outcomes=("opens", "opted_out"), paths=paths))
    for m in (7, 500):  # fewer and more than a product of matrices takes at once
        found, seen = {o: np.full((m, len(fit.segments), GRID.k), np.nan) for o in fit.outcomes}, []

        def keep(nodes, drawn, found=found, seen=seen):
            seen.extend(nodes.tolist())
            for o, x in drawn.items():
                found[o][:, nodes] = x.swapaxes(0, 1)
                x[:] = -1.0

        fit.visit_draws(fit.outcomes, m, 5, keep)
        assert sorted(seen) == list(range(len(fit.segments)))
        for o, x in found.items():
            np.testing.assert_array_equal(x, fit.draws(o, m, 5))


@pytest.mark.parametrize("actions", [PLAIN, GRID], ids=["plain", "grid"])
def test_a_count_out_of_trials_is_zero_under_none(actions):
    fit = Hierarchical().fit(random_log(3, actions=actions, outcomes=("opens",)))
    for values in (fit.mean("opens"), fit.sd("opens"), fit.draws("opens", 20, 1)[0]):
        assert (values[:, 0] == 0).all()
        assert (values[:, 1:] > 0).all()


def test_a_segment_without_data_stands_where_its_parent_does_and_says_so():
    tree = Segments.of(["ios/new", "web", "web/empty"])
    log = random_log(3, users=400, actions=GRID, outcomes=("engaged", "spend"), segments=tree, paths=("ios/new", "web"))
    fit = FIXED.fit(log)
    web, empty = (tree.index(p) for p in ("web", "web/empty"))
    np.testing.assert_allclose(fit.mean("spend")[empty], fit.mean("spend")[web], rtol=1e-9)
    for o in fit.outcomes:
        assert (fit.sd(o)[empty] > fit.sd(o)[web]).all()
        assert (fit.strength(o)[empty] < fit.strength(o)[web]).all()
        assert fit.level(o)[[web, empty]].tolist() == [1, 1]
    late = fit.including(["web/late", "ios/new/x"])
    rows = [late.segments.index(p) for p in fit.segments.paths]
    np.testing.assert_allclose(late.mean("engaged")[rows], fit.mean("engaged"), rtol=1e-9)
    new = late.segments.index("web/late")
    np.testing.assert_allclose(late.sd("engaged")[new], fit.sd("engaged")[empty], rtol=1e-9)


def test_a_log_in_which_nothing_is_known_gives_the_prior():
    log = random_log(3, outcomes=("engaged", "spend"))
    log = replace(log, outcomes={o: measured(m.spec, np.full(log.n, np.nan)) for o, m in log.outcomes.items()})
    fit = Hierarchical().fit(log)
    for o in fit.outcomes:
        assert np.isfinite(fit.mean(o)).all()
        assert (fit.sd(o) > 0).all()
        assert (fit.level(o) == 0).all()
    assert fit.decisions.sum() == 0


def test_neighbours_teach_and_distant_hours_do_not():
    """Only one action of the grid was ever tried, with many successes: its frequency's neighbour gains most."""
    log = log_of(
        users=range(400),
        period=np.zeros(400),
        action=np.arange(400) % 2,  # none, 1x@08:00
        actions=GRID,  # none, 1x and 3x at 08:00, 1x and 3x at 19:30
        outcomes=[measured(BINARY, (np.arange(400) % 2) * (np.arange(400) % 5 > 0))],
    )
    mean = FIXED.fit(log).mean("engaged")[0]
    assert mean[1] > mean[2] > mean[4]
    sd = FIXED.fit(log).sd("engaged")[0]
    assert sd[1] < sd[2] < sd[4]


def test_what_does_not_fit_is_refused():
    log = random_log(3, outcomes=("engaged",), as_of=START + 2910 * WEEK)
    fit = FIXED.fit(log)
    with pytest.raises(LogError, match="different times"):
        fit.merge(FIXED.fit(replace(log, as_of=log.as_of + 1)))
    with pytest.raises(LogError, match="other actions or outcomes"):
        fit.update(random_log(3, outcomes=("spend",)))
    with pytest.raises(LogError, match="no outcome"):
        FIXED.fit(replace(log, outcomes={}))
    assert fit.lineage.model == "hierarchical"
    assert REAL.name not in fit.outcomes


def test_optional_powers_are_declared():
    fit, cells = (model.fit(random_log(1, actions=GRID)) for model in (Hierarchical(tuned=False), Conjugate()))
    assert isinstance(fit, DrawsInBlocks)
    assert isinstance(fit, ProvidesLevels)
    assert not isinstance(cells, DrawsInBlocks | ProvidesLevels)
    assert all(isinstance(posterior, ProvidesWatermarks) for posterior in (fit, cells))
    assert not isinstance(fit, ProvidesFeatures | ContextualPosterior)
