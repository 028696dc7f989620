"""The plain and the Markov world: their logs agree with the values that algebra gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pytest
from scipy import stats

from tactful.core.actions import ActionSpace
from tactful.core.segments import Segments
from tactful.errors import SpecError
from tactful.policies.table import Table, uniform
from tactful.policies.terms import Terms
from tactful.simulate.markov_world import MarkovWorld
from tactful.simulate.plain_world import PlainWorld
from tactful.simulate.trial import Coin

PLAIN, MARKOV = PlainWorld(), MarkovWorld()


@dataclass(frozen=True)
class ByLevel:
    """Sends with a probability a level."""

    p: tuple[float, ...] = (0.9, 0.5, 0.3, 0.1)
    segments: Segments = field(default_factory=lambda: Segments(("",)))
    uniform: float = 0.0
    version: str = "by level"

    def table(self):
        return np.stack([1 - np.array(self.p), np.array(self.p)], 1)

    def pmf(self, nodes, context=None):
        return self.table()[context[:, 0].astype(int)]


def test_a_plain_log_has_the_exact_means():
    """Residuals by leaf and action: χ² of sums, false-alarm rate 1e-3 an outcome; users are independent of weeks."""
    made = PLAIN.simulate(2500, 4, uniform(PLAIN.actions), seed=3)
    log, truth = made.log, PLAIN.truth()
    paths = np.array(log.segments.paths)[log.segment]
    for o in ("engaged", "opted_out"):
        for j, leaf in enumerate(PLAIN.leaves):
            rows = paths == leaf
            np.testing.assert_array_equal(made.truth[o][rows], np.tile(truth[o][j], (rows.sum(), 1)))
        gap = log.outcomes[o].value - made.truth[o][np.arange(log.n), log.action]
        assert abs(gap.mean()) < stats.norm.isf(5e-4) * gap.std() / np.sqrt(log.n)
    assert log.n == 10_000


def test_the_plain_surface_is_smooth_and_every_leaf_wants_something_else():
    engaged = PLAIN.truth()["engaged"]
    names = [PLAIN.actions.names[a] for a in (engaged - 40 * PLAIN.truth()["opted_out"]).argmax(1)]
    assert len({n.split("@")[1] for n in names}) >= 3
    assert (engaged[:, 0] == 0).all()


def test_the_value_of_a_policy_in_the_plain_world_is_the_mean_of_what_it_serves():
    tree = PLAIN.segments
    pmf = np.random.default_rng(1).dirichlet(np.ones(PLAIN.actions.k), len(tree))
    policy = Table.of(PLAIN.actions, tree, pmf, Terms(uniform=0.1))
    served = 0.9 * pmf + 0.1 / PLAIN.actions.k
    rows = [tree.index(leaf) for leaf in PLAIN.leaves]
    for o, mean in PLAIN.truth().items():
        assert PLAIN.value(policy)[o] == pytest.approx((served[rows] * mean).sum(1).mean(), abs=1e-8)
    logged = PLAIN.simulate(4000, 2, policy, seed=9)
    own = logged.value(logged.log.propensities, "engaged")
    leaf_share_error = 4 / np.sqrt(4000)
    assert own.mean() == pytest.approx(PLAIN.value(policy)["engaged"], abs=leaf_share_error * own.std() + 1e-3)


def test_the_chain_is_a_chain():
    moves = MARKOV.transitions()
    np.testing.assert_allclose(moves.sum(2), 1, rtol=1e-14)
    assert (moves >= 0).all()
    assert (moves[:, -1, -1] == 1).all()


def test_values_are_those_of_every_path():
    """All paths of three days through a chain of two levels, enumerated."""
    small, pmf = MarkovWorld(levels=2), np.array([[0.3, 0.7], [0.8, 0.2]])
    moves, rewards = small.transitions(), small.rewards()
    weights = np.vstack([pmf, [1.0, 0.0]])
    means = np.zeros(3)
    for path in product(range(3), repeat=3):
        for acts in product(range(2), repeat=3):
            p = 1.0 if path[0] == 0 else 0.0
            for t in range(3):
                p *= weights[path[t], acts[t]] * (moves[acts[t], path[t], path[t + 1]] if t < 2 else 1.0)
            means += p * np.array([rewards[path[t], acts[t]] for t in range(3)])
    np.testing.assert_allclose(small.value(pmf, 3), means, atol=1e-14)
    far = small.value(pmf, 4000) @ 0.9 ** np.arange(4000)
    assert small.discounted(pmf, 0.9)[0] == pytest.approx(far, rel=1e-12)


def test_a_markov_log_follows_the_exact_occupancy():
    """Users by state and day, and engagement by day: z tests, false-alarm rate 1e-3 in all."""
    policy, users, days = ByLevel(), 4000, 12
    made = MARKOV.simulate(users, days, policy, seed=5)
    log = made.log
    day = log.period - log.period.min()
    exact = MARKOV.occupancy(policy.table(), days)
    counts = np.zeros((days, 4))
    np.add.at(counts, (day, log.context[:, 0].astype(int)), 1)
    sd = np.sqrt(users * exact[:, :4] * (1 - exact[:, :4]))
    assert (np.abs(counts - users * exact[:, :4]) <= stats.norm.isf(1e-3 / 100) * sd + 1e-9).all()
    gap = log.outcomes["engaged"].value - made.truth["engaged"][np.arange(log.n), log.action]
    assert abs(gap.mean()) < stats.norm.isf(5e-4) * gap.std() / np.sqrt(log.n)
    gone = log.outcomes["opted_out"].value == 1
    last = np.append(log.user[1:] != log.user[:-1], True)
    assert last[gone].all()
    assert log.context_names == ("level",)


def test_one_step_and_long_run_rank_two_policies_differently():
    """The world is there to show it: sending to everybody wins the first day and loses the month."""
    rare, often = (np.tile([1 - p, p], (4, 1)) for p in (0.3, 1.0))
    assert MARKOV.value(often, 1)[0] > MARKOV.value(rare, 1)[0]
    assert MARKOV.value(often, 60).sum() < MARKOV.value(rare, 60).sum()


def test_what_makes_no_world_is_refused():
    bad = [
        ("at least one", lambda: PLAIN.simulate(0, 1, seed=1)),
        ("at least one", lambda: MARKOV.simulate(1, 0, Coin(0.5), seed=1)),
        ("needs cadences", lambda: PlainWorld(actions=ActionSpace.named(["a", "b"]))),
        ("differ in number", lambda: PlainWorld(ideal=(1.0,))),
        ("no chain", lambda: MarkovWorld(quit=0.9)),
    ]
    for message, make in bad:
        with pytest.raises(SpecError, match=message):
            make()
