"""What the model promises in a plain world: honest intervals, and more utility sooner than separate cells."""

from __future__ import annotations

import numpy as np
import pytest

from logs import BINARY, log_of, measured
from tactful.core.actions import ActionSpace
from tactful.core.outcomes import Objective
from tactful.core.segments import Segments
from tactful.models.conjugate.posterior import Conjugate
from tactful.models.hierarchical.posterior import Hierarchical
from tactful.optimisation.explorers import Thompson

SPACE = ActionSpace.grid(["07:00", "10:00", "13:00", "16:00", "19:00", "22:00"], [1, 2, 3, 5])
LEAVES = tuple(f"{p}/{life}" for p in ("ios", "android", "web") for life in ("new", "core", "old", "idle"))
NAMES, TREE = np.array(LEAVES, object), Segments.of(LEAVES)
ROWS = np.array([TREE.index(path) for path in LEAVES])


def surfaces(rng):
    """(12, k) rates: a peak hour and an ideal frequency in each leaf, near those of its platform."""
    f = np.array([float(x or 1) for x in SPACE.frequencies])
    hour = np.array([0.0 if x is None else int(x[:2]) for x in SPACE.slots])
    n = len(LEAVES)
    platform = np.repeat(np.arange(3), 4)
    peak = rng.uniform(0, 24, 3)[platform] + rng.normal(0, 3, n)
    ideal, amplitude = rng.normal(1, 0.7, n), rng.uniform(0.3, 0.9, n)
    level = -1.2 + rng.normal(0, 0.4, 3)[platform] + rng.normal(0, 0.3, n)
    wave = np.cos(2 * np.pi * (hour - peak[:, None]) / 24)
    logit = level[:, None] + amplitude[:, None] * wave - 0.2 * (np.log2(f) - ideal[:, None]) ** 2
    logit[:, 0] = level - 1
    return 1 / (1 + np.exp(-logit))


def coverage(icc, sticky, logs, users=60, weeks=12):
    """Share of (log, leaf, action) cells inside the 90 % interval of 400 draws; users of a leaf repeat for 12 weeks.

    With probability √icc a decision uses the user's own uniform, so that the decisions of a user have intraclass
    correlation icc; ``sticky`` users keep one action.
    """
    covered = []
    for seed in range(logs):
        rng = np.random.default_rng(seed)
        truth = surfaces(rng)
        leaf = np.repeat(np.arange(len(LEAVES)), users)
        who = np.repeat(np.arange(leaf.size), weeks)
        action = rng.integers(SPACE.k, size=leaf.size)[who] if sticky else rng.integers(SPACE.k, size=who.size)
        own = rng.random(leaf.size)[who]
        u = np.where(rng.random(who.size) < np.sqrt(icc), own, rng.random(who.size))
        log = log_of(
            users=who,
            period=np.tile(np.arange(weeks), leaf.size),
            action=action,
            actions=SPACE,
            segment=NAMES[leaf[who]],
            outcomes=[measured(BINARY, u < truth[leaf[who], action])],
        )
        bank = Hierarchical().fit(log).draws("engaged", 400, seed)[:, ROWS]
        low, high = np.quantile(bank, (0.05, 0.95), axis=0)
        covered.append(np.mean((low <= truth) & (truth <= high)))
    return float(np.mean(covered))


@pytest.mark.slow
@pytest.mark.parametrize(("icc", "sticky"), [(0.0, False), (0.0, True), (0.1, True), (0.1, False)])
def test_credible_intervals_cover(icc, sticky):
    """Seeds 0 to 59: 60 logs of 300 cells; cells of a log hang together, the standard error is about .004."""
    found = coverage(icc, sticky, logs=60)
    print(f"coverage of 90 % intervals, icc {icc}, sticky {sticky}: {found:.3f}")
    assert 0.86 <= found <= 0.94


def utility(model, seed, weeks=8, decisions=720):
    """(weeks,) share of the oracle's utility by week: each week's decisions follow the posterior of those before."""
    rng = np.random.default_rng(seed)
    truth, posterior, shares = surfaces(rng), None, []
    pmf = np.full(truth.shape, 1 / SPACE.k)
    for week in range(weeks):
        shares.append(float(np.mean((pmf * truth).sum(1) / truth.max(1))))
        leaf = np.arange(decisions) % len(LEAVES)
        action = (pmf.cumsum(1)[leaf] > rng.random((decisions, 1)) * (1 - 1e-12)).argmax(1)
        log = log_of(
            users=np.arange(decisions) + week * decisions,
            period=np.full(decisions, week),
            action=action,
            actions=SPACE,
            segment=NAMES[leaf],
            outcomes=[measured(BINARY, rng.random(decisions) < truth[leaf, action])],
            decided_at=None,
        )
        posterior = model.fit(log) if posterior is None else posterior.update(log)
        won = Thompson(draws=256).pmf(posterior, Objective({"engaged": 1.0}), seed)
        pmf = 0.97 * won[ROWS] + 0.03 / SPACE.k
    return np.array(shares)


@pytest.mark.slow
def test_it_earns_more_and_sooner_than_separate_cells():
    """Seeds 1 to 8, weeks 3 to 8: ahead in every world, and by .05 of the oracle's utility on average."""
    ours, theirs = (np.array([utility(model, s) for s in range(1, 9)]) for model in (Hierarchical(), Conjugate()))
    print("hierarchical", ours.mean(0).round(3), "conjugate", theirs.mean(0).round(3))
    ahead = (ours - theirs)[:, 2:].mean(1)
    assert (ahead > 0).all()
    assert ahead.mean() > 0.05
