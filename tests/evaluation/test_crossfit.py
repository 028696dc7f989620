"""Reward models and propensities of a row come from other users alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from logs import log_of, measured, random_log
from reference.draw import WHOLE, number, user_word
from tactful.evaluation.crossfit import FOLDS, estimated_propensities, folds
from tactful.evaluation.reward_models import fit_reward_model
from tactful.models.conjugate.posterior import Conjugate

LOG = random_log(2, users=80, outcomes=("engaged", "opens", "spend"), masks=True)


def test_folds_are_keyed_by_user():
    fold = folds(LOG)
    expected = [number(user_word(LOG.user_ids[u]), 0, "crossfit", "sticky") * FOLDS // WHOLE for u in LOG.user]
    assert fold.tolist() == expected
    assert set(expected) == set(range(FOLDS))
    rows = np.random.default_rng(0).permutation(LOG.n)[:30]
    np.testing.assert_array_equal(folds(LOG.take(rows)), fold[rows])


def test_folds_are_equal_in_expectation():
    """χ² over 20,000 users; right folds fail once in 10⁶."""
    n = 20_000
    log = log_of(
        users=np.arange(n),
        period=np.zeros(n),
        action=np.zeros(n),
        outcomes=[measured(LOG.outcomes["engaged"].spec, np.zeros(n))],
    )
    assert stats.chisquare(np.bincount(folds(log), minlength=FOLDS)).pvalue > 1e-6


@pytest.mark.parametrize("users", [80, 4])
def test_the_reward_model_of_a_fold_is_a_fit_on_the_others(users):
    """With 4 users some folds are empty."""
    log = LOG.take(LOG.user < users)
    fold = folds(log)
    q = fit_reward_model(log, fold).q
    assert q.shape == (3, FOLDS, len(log.segments), 3)
    for f in range(FOLDS):
        fit = Conjugate().fit(log.take(fold != f))
        for o, name in enumerate(log.outcomes):
            np.testing.assert_allclose(q[o, f], fit.mean(name), rtol=1e-9, atol=1e-12)


def test_a_users_own_rewards_do_not_reach_its_reward_model():
    fold = folds(LOG)
    mine = fold == 2
    m = LOG.outcomes["spend"]
    changed = replace(LOG, outcomes={**LOG.outcomes, "spend": replace(m, value=np.where(mine, 1e3, m.value))})
    before, after = fit_reward_model(LOG, fold).q, fit_reward_model(changed, fold).q
    np.testing.assert_array_equal(before[:, 2], after[:, 2])
    assert not np.allclose(before[2, 1], after[2, 1])


@pytest.mark.parametrize("masks", [True, False])
def test_estimated_propensities_by_plain_loops(masks):
    log = LOG if masks else replace(LOG, eligible=None)
    fold, k = folds(log), 3
    expected = []
    for i in range(log.n):
        others = [j for j in range(log.n) if fold[j] != fold[i]]
        here = [j for j in others if log.segment[j] == log.segment[i]]
        share = []
        for a in range(k):
            overall = (sum(log.action[j] == a for j in others) + 1) / (len(others) + k)
            share.append((sum(log.action[j] == a for j in here) + k * overall) / (len(here) + k))
        among = sum(p for a, p in enumerate(share) if not masks or log.eligible[i, a])
        expected.append(share[log.action[i]] / among)
    np.testing.assert_allclose(estimated_propensities(log, fold), expected, rtol=1e-12)
