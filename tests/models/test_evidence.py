"""Forgetting: by half-life towards a reference date, and of rows that must go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from logs import PLAIN, START, WEEK, random_log
from tactful.errors import LogError
from tactful.models.conjugate.posterior import Conjugate
from tactful.models.evidence import CELL_COUNTER, Evidence
from tactful.models.hierarchical.posterior import Hierarchical

MODELS = [Conjugate(half_life_days=10.0), Hierarchical(half_life_days=10.0, tuned=False)]
OUTCOMES = ("engaged", "opens", "spend")
PATHS = ("ios", "ios/new", "web")
ADDITIVE = ("n", "t", "y", "yy")


def the_log(seed=5, weeks=4, **more):
    return random_log(seed, users=30, periods=weeks, outcomes=OUTCOMES, paths=PATHS, **more)


def same(a, b, parts=ADDITIVE):
    for o in a.outcomes:
        for part in parts:
            x, y = getattr(a.sums[o], part), getattr(b.sums[o], part)
            np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("model", MODELS, ids=["conjugate", "hierarchical"])
def test_a_row_counts_half_for_every_half_life(model):
    log = the_log(as_of=START + 2904 * WEEK)
    fit = model.fit(log)
    weight = 0.5 ** ((log.as_of - log.decided_at) / (10 * WEEK / 7))
    cell = log.segment * log.actions.k + log.action
    expected = np.bincount(cell, weight, fit.sums["spend"].n.size)
    np.testing.assert_allclose(fit.sums["spend"].n.ravel(), expected, rtol=1e-12)
    expected = np.bincount(cell, weight * log.outcomes["spend"].value, expected.size)
    np.testing.assert_allclose(fit.sums["spend"].y.ravel(), expected, rtol=1e-12)
    assert fit.decisions.sum() == pytest.approx(weight.sum())
    assert (fit.sd("engaged") > replace(model, half_life_days=None).fit(log).sd("engaged"))[:, 1:].mean() > 0.9


@pytest.mark.parametrize("model", MODELS, ids=["conjugate", "hierarchical"])
def test_weeks_one_by_one_are_all_weeks_at_once(model):
    log = the_log(as_of=None)
    stream = model.fit(log.take(log.period == 2900))
    for week in range(2901, 2904):
        stream = stream.update(log.take(log.period == week))
    same(stream, model.fit(log))
    assert stream.evidence.reference_us == log.decided_at.max()
    np.testing.assert_allclose(stream.decisions, model.fit(log).decisions, rtol=1e-12)


@pytest.mark.parametrize("model", MODELS, ids=["conjugate", "hierarchical"])
def test_shards_with_other_reference_dates_still_merge(model):
    log = the_log(as_of=None)
    early = (log.user < 15) & (log.period < 2902)
    a, b = model.fit(log.take(early)), model.fit(log.take(~early & (log.user >= 15)))
    assert a.evidence.reference_us != b.evidence.reference_us
    whole = model.fit(log.take(early | (log.user >= 15)))
    for merged in (a.merge(b), b.merge(a)):
        same(merged, whole, parts=whole.sums["spend"]._fields)
        np.testing.assert_allclose(merged.mean("engaged"), whole.mean("engaged"), rtol=1e-9)


@pytest.mark.parametrize("half_life", [None, 10.0])
@pytest.mark.parametrize("name", ["conjugate", "hierarchical"])
def test_rows_that_must_go_leave_no_trace(name, half_life):
    options = {"half_life_days": half_life}
    model = Conjugate(**options) if name == "conjugate" else Hierarchical(tuned=False, **options)
    log = the_log(as_of=START + 2904 * WEEK)
    gone = log.user < 4
    fit = model.fit(log).forget(log.take(gone))
    rest = model.fit(log.take(~gone))
    same(fit, rest, parts=rest.sums["spend"]._fields)
    for o in OUTCOMES:
        np.testing.assert_allclose(fit.mean(o), rest.mean(o), rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(fit.sd(o), rest.sd(o), rtol=1e-6, atol=1e-9)


def test_rows_are_forgotten_once_and_only_those_that_were_counted():
    log = the_log(as_of=START + 2902 * WEEK)
    fit = Conjugate().fit(log.take(log.decided_at <= log.as_of))
    late = log.take(log.decided_at > log.as_of)
    assert late.n
    same(fit.forget(late), fit)
    some = log.take(log.user < 20)
    with pytest.raises(LogError, match="more rows to forget than were counted"):
        fit.forget(some).forget(some)
    with pytest.raises(LogError, match="other actions or outcomes"):
        fit.forget(random_log(1, outcomes=("spend",)))


def test_without_times_there_is_nothing_to_forget_by():
    log = the_log(decided_at=None)
    with pytest.raises(LogError, match="nothing to forget by"):
        Conjugate(half_life_days=3.0).fit(log)
    with pytest.raises(LogError, match="nothing to forget by"):
        Conjugate(half_life_days=-3.0).fit(the_log())
    with pytest.raises(LogError, match="nothing to forget by"):
        Conjugate(half_life_days=3.0).fit(the_log()).update(log)
    with pytest.raises(LogError, match="other actions"):
        Conjugate(half_life_days=3.0).fit(the_log()).merge(Conjugate().fit(the_log()))


def test_dispersion_survives_forgetting():
    """A user's total in a cell has the mean weight of its rows, so both sides of the ratio are weighted alike."""
    log = the_log(weeks=8, as_of=START + 2908 * WEEK)
    plain, slow = Conjugate().fit(log), Conjugate(half_life_days=1e6).fit(log)
    for o in OUTCOMES:
        assert slow.dispersion(o) == pytest.approx(plain.dispersion(o), rel=1e-3)


def test_training_ends_with_the_last_row_of_any_part():
    log = the_log(as_of=START + 2910 * WEEK)
    early, late = log.take(log.period < 2902), log.take(log.period >= 2902)
    end = Conjugate().fit(late).lineage.trained_until
    assert Conjugate().fit(early).merge(Conjugate().fit(late)).lineage.trained_until == end
    assert Conjugate().fit(late).merge(Conjugate().fit(early)).lineage.trained_until == end
    assert Conjugate().fit(late).update(late.take(late.user < 0)).lineage.trained_until == end


def test_evidence_over_a_larger_tree_keeps_its_sums():
    log = the_log()
    evidence = Evidence.empty(log, CELL_COUNTER).update(log, "x")
    grown = evidence.extend(log.segments.of(["tv/old"]))
    assert len(grown.segments) == len(evidence.segments) + 2
    assert grown.decisions.sum() == evidence.decisions.sum() == log.n
    assert evidence.extend(log.segments) is evidence
    assert evidence.actions is PLAIN
