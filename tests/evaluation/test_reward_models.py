"""Reward models: any regressor, copied by fold and outcome and asked in blocks, and tactful's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from logs import GRID, random_log, table
from tactful.core.features import Features
from tactful.errors import SpecError
from tactful.evaluation import importance as sides
from tactful.evaluation.crossfit import FOLDS, folds
from tactful.evaluation.evaluate import evaluate
from tactful.evaluation.regressors import action_features, segment_features, unfitted_copy
from tactful.evaluation.reward_models import fit_reward_model
from tactful.models.conjugate.posterior import Conjugate
from tactful.models.hierarchical.posterior import Hierarchical

rng = np.random.default_rng(0)
LOG = random_log(
    3, users=120, actions=GRID, outcomes=("engaged", "spend"), masks=True,
    context=rng.normal(size=(480, 2)), context_names=("dose", "age"),
)  # fmt: skip


class Ridge:
    """The least a regressor has to be; remembers every copy."""

    made: list = []  # noqa: RUF012

    def __init__(self, strength=1.0, inner=None):
        self.strength, self.inner = strength, inner
        Ridge.made.append(self)

    def get_params(self, deep=True):
        return {"strength": self.strength, "inner": self.inner}

    def fit(self, x, y):
        self.rows = len(y)
        self.beta = np.linalg.solve(x.T @ x + self.strength * np.eye(x.shape[1]), x.T @ y)

    def predict(self, x):
        assert len(x) <= LOG.n
        return (x @ self.beta)[:, None]


def features(log, action):
    """Row by row: paths up to every depth, context, action, sends, log of sends, hour on its circle."""
    rows = []
    for i in range(log.n):
        path, a = log.segments.paths[log.segment[i]], action[i]
        parts = [float(path == p or path.startswith(p + "/")) for p in log.segments.paths[1:]]
        sends, slot = GRID.frequencies[a], GRID.slots[a]
        angle = 0 if slot is None else 2 * np.pi * (int(slot[:2]) + int(slot[3:]) / 60) / 24
        hour = [0.0, 0.0] if slot is None else [np.sin(angle), np.cos(angle)]
        rows.append([*parts, *log.context[i], *np.eye(GRID.k)[a], sends, np.log1p(sends), *hour])
    return np.array(rows)


def test_a_regressor_is_fitted_on_other_folds_and_asked_for_every_action():
    Ridge.made.clear()
    fold = folds(LOG)
    model = fit_reward_model(LOG, fold, Ridge(2.0))
    assert len(Ridge.made) == 1 + 2 * FOLDS  # one copy for each outcome and fold
    by_hand = {}
    for o, name in enumerate(LOG.outcomes):
        for f in range(FOLDS):
            rows, fitted = np.flatnonzero(fold != f), Ridge(2.0)
            fitted.fit(features(LOG, LOG.action)[rows], LOG.outcomes[name].value[rows])
            by_hand[o, f] = fitted.beta
        beta = np.array([by_hand[o, f] for f in fold])
        expected = np.stack([(features(LOG, np.full(LOG.n, a)) * beta).sum(1) for a in range(GRID.k)], 1)
        np.testing.assert_allclose(model.block(o, slice(0, LOG.n)), expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(model.block(o, np.array([7, 3])), expected[[7, 3]], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(model.logged(o), expected[np.arange(LOG.n), LOG.action], rtol=1e-9, atol=1e-9)


def test_blocks_change_nothing(monkeypatch):
    one = evaluate(LOG, table(3, actions=GRID, uniform=0.5), reward_model=Ridge(), estimators=("dm", "dr"))
    monkeypatch.setattr(sides, "ROW_BLOCK", 37)
    other = evaluate(LOG, table(3, actions=GRID, uniform=0.5), reward_model=Ridge(), estimators=("dm", "dr"))
    for a, b in zip(one.estimates, other.estimates, strict=True):
        assert (a.value, a.se or 0) == pytest.approx((b.value, b.se or 0), rel=1e-9, abs=1e-12)


def test_a_user_s_own_rewards_do_not_reach_its_regressor():
    fold = folds(LOG)
    mine = fold == 2
    m = LOG.outcomes["spend"]
    changed = replace(LOG, outcomes={**LOG.outcomes, "spend": replace(m, value=np.where(mine, 1e3, m.value))})
    before, after = (fit_reward_model(log, fold, Ridge()).logged(1) for log in (LOG, changed))
    np.testing.assert_array_equal(before[mine], after[mine])
    assert not np.allclose(before[~mine], after[~mine])


def test_copies_are_fresh_down_to_what_is_inside():
    inner = Ridge(3.0)
    outer = unfitted_copy(Ridge(2.0, inner=[("step", inner)]))
    assert outer.strength == 2.0
    assert outer.inner[0][0] == "step"
    assert outer.inner[0][1].strength == 3.0
    assert outer.inner[0][1] is not inner
    assert unfitted_copy(Ridge).strength == 1.0
    assert unfitted_copy(lambda: Ridge(5.0)).strength == 5.0


def test_what_is_no_model_is_refused():
    class Bare:
        def fit(self, x, y): ...
        def predict(self, x): ...

    for bad, words in ((Bare(), "Bare has no get_params"), (7, "int is no reward model")):
        with pytest.raises(SpecError, match=words):
            evaluate(LOG, "uniform", reward_model=bad)
    assert evaluate(LOG, "uniform", reward_model=Ridge)["target", "spend", "dr"].value is not None


def test_an_outcome_that_nobody_knows_is_expected_to_be_nothing():
    m = LOG.outcomes["spend"]
    log = replace(
        LOG, outcomes={**LOG.outcomes, "spend": replace(m, value=np.full(LOG.n, np.nan), mature=m.mature & False)}
    )
    assert not fit_reward_model(log, folds(log), Ridge()).logged(1).any()


def test_tactful_s_own_models_are_fits_on_the_others():
    fold = folds(LOG)
    for model in (Conjugate(dispersion=False), Hierarchical(tuned=False)):
        found = fit_reward_model(LOG, fold, model)
        fit = model.fit(LOG.take(fold != 3))
        rows = np.flatnonzero(fold == 3)
        np.testing.assert_allclose(found.block(1, rows), fit.mean("spend")[LOG.segment[rows]], rtol=1e-6)
    assert fit_reward_model(LOG, fold, found) is found


class Sloped:
    """A contextual posterior whose coefficients are the number of rows it saw."""

    features = Features(("age",), (1.0,), (2.0,))

    def fit(self, log):
        made = Sloped()
        made.n, made.shape = log.n, (len(log.segments), log.actions.k)
        return made

    def link(self, outcome):
        return {"engaged": "logistic", "spend": "identity"}[outcome]

    def scale(self, outcome):
        return np.full(self.shape, 1.5) + np.arange(self.shape[1])

    def coefficients(self, outcome):
        s, a = np.indices(self.shape)
        return np.stack([0.001 * self.n + s, 0.1 * a], 2)


def test_a_contextual_posterior_is_its_link_of_the_design():
    fold = folds(LOG)
    model = fit_reward_model(LOG, fold, Sloped())
    n = [np.count_nonzero(fold != f) for f in range(FOLDS)]
    for o, link in ((0, expit), (1, float)):
        z = (LOG.context[:, 1] - 1) / 2
        base = [0.001 * n[fold[i]] + LOG.segment[i] for i in range(LOG.n)]
        expected = [[(1.5 + a) * link(base[i] + 0.1 * a * z[i]) for a in range(GRID.k)] for i in range(LOG.n)]
        np.testing.assert_allclose(model.block(o, slice(None)), expected, rtol=1e-12)
        np.testing.assert_allclose(model.logged(o), np.array(expected)[np.arange(LOG.n), LOG.action], rtol=1e-12)


def test_features_of_actions_without_geometry_are_indicators():
    assert action_features(random_log(1).actions).shape == (3, 3)
    assert segment_features(LOG.segments).shape == (4, 3)
    assert action_features(GRID).shape == (5, 9)
