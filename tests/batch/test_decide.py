"""Decisions of many users: however they are asked for, the same; and what must not be decided is refused."""

from __future__ import annotations

import numpy as np
import pytest

from contexts import bank, linear, people
from logs import GRID, table
from tactful.batch import decide as batch
from tactful.core.draw import ONE, user_keys
from tactful.errors import PolicyError
from tactful.policies.arms import Arms

ARMS = Arms(0.2, 0.2)
POLICIES = [
    table(1, actions=GRID, uniform=0.1, arms=ARMS),
    linear(uniform=0.1, arms=ARMS),
    bank(uniform=0.1, arms=ARMS),
]
N = 300
KEYS, PERIOD = user_keys(range(N)), np.arange(N) % 7
NODES, CONTEXT = people(N)


def decided(policy, rows=slice(None), **options):
    context = CONTEXT[rows] if policy.features.names else None
    nodes = NODES[rows] % len(policy.segments)
    return batch.decide(policy, KEYS[rows], PERIOD[rows], nodes, context=context, **options)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_mask_of_all_and_kept_vectors_change_no_decision(policy):
    free = decided(policy)
    for drawn in (decided(policy, vectors=True), decided(policy, eligible=np.ones((N, GRID.k), bool))):
        assert drawn.arm.tolist() == free.arm.tolist()
        assert drawn.action.tolist() == free.action.tolist()
        assert drawn.propensity.tolist() == free.propensity.tolist()
    kept = decided(policy, vectors=True).shares
    assert (kept.sum(1) == ONE).all()
    np.testing.assert_array_equal(kept[np.arange(N), free.action] / ONE, free.propensity)
    assert free.shares is None
    assert set(free.arm) == {"policy", "control", "uniform"}


@pytest.mark.parametrize("policy", POLICIES)
def test_blocks_and_order_do_not_matter(policy, monkeypatch):
    whole, order = decided(policy, vectors=True), np.random.default_rng(1).permutation(N)
    monkeypatch.setattr(batch, "ROW_BLOCK", 7)
    shuffled = decided(policy, order, vectors=True)
    assert shuffled.action.tolist() == whole.action[order].tolist()
    if policy is not POLICIES[1]:  # an integral may differ in its last bits where a block is too small for a kernel
        np.testing.assert_array_equal(shuffled.shares, whole.shares[order])


def test_nobody_is_decided_too():
    drawn = decided(POLICIES[0], slice(0, 0), vectors=True)
    assert (drawn.action.size, drawn.propensity.size, drawn.shares) == (0, 0, None)


def test_periods_outside_the_bounds_are_refused():
    with pytest.raises(PolicyError, match="decides periods 1 to …"):
        decided(table(1, actions=GRID, from_period=1))
