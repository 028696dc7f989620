"""Table policies: what is no pmf is refused, and the version is the hash of behaviour alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logs import GRID, PLAIN, on_terms, table
from tactful.core.draw import ONE
from tactful.core.lineage import Lineage
from tactful.core.outcomes import Limits, Objective
from tactful.core.segments import Segments
from tactful.errors import PolicyError, SpecError
from tactful.policies.arms import Arms
from tactful.policies.table import Table, always, uniform
from tactful.policies.terms import Terms

POLICY = table(1)
HALF = ONE // 2


@pytest.mark.parametrize(
    "shares",
    [
        [[ONE, 0]],
        [[ONE, 0, 0], [ONE, 0, 0]],
        [[ONE - 1, 0, 0]],
        [[HALF, HALF, 1]],
        [[0, 0, 0]],
        [[2**64 - 1, 1, ONE]],  # sums to 2**32 modulo 2**64
    ],
)
def test_a_table_that_is_no_pmf_is_refused(shares):
    with pytest.raises(PolicyError, match="shares"):
        Table(PLAIN, Segments(("",)), np.array(shares, np.uint64))


@pytest.mark.parametrize("share", [-1e-9, 1.0001, float("nan"), float("inf")])
def test_a_uniform_share_that_is_no_share_is_refused(share):
    with pytest.raises(PolicyError, match="uniform share"):
        Table.of(PLAIN, Segments(("",)), np.ones((1, 3)), Terms(uniform=share))


@given(st.integers(0, 2**32), st.floats(0.1, 10))
def test_rows_are_normalised_and_rounded(seed, scale):
    pmf = np.random.default_rng(seed).dirichlet(np.ones(3), 4)
    policy = Table.of(PLAIN, Segments.of(["a", "b", "a/c"]), pmf * scale)
    assert (policy.shares.sum(1) == ONE).all()
    np.testing.assert_allclose(policy.shares / ONE, pmf, rtol=0, atol=2 / ONE)
    nodes = np.array([3, 0, 0])
    np.testing.assert_array_equal(policy.pmf(nodes), (policy.shares / ONE)[nodes])


def test_what_does_not_change_behaviour_does_not_change_the_version():
    same = [
        on_terms(POLICY, objective=Objective({"engaged": 1.0})),
        on_terms(POLICY, limits=Limits({"opted_out": 0.1})),
        on_terms(POLICY, expected={"engaged": 0.2}),
        on_terms(POLICY, lineage=Lineage(log="abc", model="conjugate")),
        replace(POLICY, shares=POLICY.shares.copy()),
        on_terms(POLICY, uniform=0, arms=Arms(0, 0)),
    ]
    assert {p.version for p in same} == {POLICY.version}


def test_what_changes_behaviour_changes_the_version():
    moved = POLICY.shares.copy()
    moved[0, 0] -= np.uint64(1)
    moved[0, 1] += np.uint64(1)
    other = [
        POLICY,
        replace(POLICY, shares=moved),
        on_terms(POLICY, uniform=0.03),
        on_terms(POLICY, salt="other"),
        on_terms(POLICY, scope="push"),
        on_terms(POLICY, arms=Arms(0.1)),
        on_terms(POLICY, arms=Arms(0.0, 0.1)),
        on_terms(POLICY, arms=Arms(salt="other")),
        on_terms(POLICY, from_period=1),
        on_terms(POLICY, valid_until=1),
        replace(POLICY, actions=replace(PLAIN, names=("none", "evening", "morning"))),
        replace(POLICY, actions=replace(PLAIN, period_us=1)),
        replace(POLICY, segments=Segments.of(["ios", "ios/old", "web"])),
    ]
    versions = {p.version for p in other}
    assert len(versions) == len(other)
    assert all(len(v) == 16 and int(v, 16) >= 0 for v in versions)


def test_uniform_and_always():
    assert uniform(GRID).shares.tolist() == [[858993460, 858993459, 858993459, 858993459, 858993459]]
    assert always(GRID, "3x@19:30").shares.tolist() == [[0, 0, 0, 0, ONE]]
    assert uniform(GRID).uniform == always(GRID, "none").uniform == 0
    with pytest.raises(SpecError, match="unknown action '4x@19:30'"):
        always(GRID, "4x@19:30")


@pytest.mark.parametrize(
    ("bounds", "fine", "refused"),
    [
        ((None, None), [(-(10**9), 10**9)], []),
        ((5, None), [(5, 5), (5, 99)], [(4, 4), (4, 9)]),
        ((None, 8), [(-3, 8)], [(8, 9), (9, 9)]),
        ((5, 8), [(5, 8)], [(4, 8), (5, 9), (0, 99)]),
    ],
)
def test_periods_outside_the_bounds_are_refused(bounds, fine, refused):
    policy = on_terms(POLICY, from_period=bounds[0], valid_until=bounds[1])
    for first, last in fine:
        policy.check_period(first, last)
    for first, last in refused:
        with pytest.raises(PolicyError, match="publish a newer policy"):
            policy.check_period(first, last)
