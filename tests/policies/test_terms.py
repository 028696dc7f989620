"""Terms: what decides and what reports are told apart, and a policy reads its terms as its own attributes."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from contexts import linear
from logs import table
from tactful.core.lineage import Lineage
from tactful.core.outcomes import Limits, Objective
from tactful.errors import PolicyError
from tactful.policies.arms import Arms
from tactful.policies.terms import Terms

TERMS = {
    "uniform": 0.03,
    "salt": "s",
    "scope": "push",
    "arms": Arms(0.1, 0.05, "a"),
    "from_period": 3,
    "valid_until": 9,
    "objective": Objective({"engaged": 1.0}),
    "limits": Limits({"opted_out": 0.1}, 2.0),
    "prices": {"opted_out": 3.0},
    "expected": {"engaged": 0.2},
    "lineage": Lineage(log="abc"),
}


def test_every_term_stands_in_one_plain_form():
    terms = Terms(**TERMS)
    assert {f.name for f in fields(Terms)} == set(TERMS) == {*terms.behaviour(), *terms.report()}
    assert not set(terms.behaviour()) & set(terms.report())
    assert list(terms.behaviour()) == ["uniform", "salt", "scope", "arms", "from_period", "valid_until"]
    assert list(terms.report()) == ["objective", "limits", "prices", "expected", "lineage"]


def test_the_plain_form_of_an_unlearnt_policy_is_empty():
    assert Terms().report() == {"objective": None, "limits": {}, "prices": {}, "expected": {}, "lineage": None}
    assert Terms().behaviour()["arms"] == {"control": 0.0, "uniform": 0.0, "salt": "arms"}


@pytest.mark.parametrize("make", [lambda **terms: table(1, **terms), linear])
def test_a_policy_reads_its_terms_as_its_own(make):
    policy = make(**TERMS)
    assert {name: getattr(policy, name) for name in TERMS} == TERMS
    with pytest.raises((FrozenInstanceError, AttributeError)):
        policy.uniform = 0.5
    policy.check_period(3, 9)
    with pytest.raises(PolicyError, match="decides periods 3 to 9"):
        policy.check_period(3, 10)


def test_terms_are_given_by_name():
    with pytest.raises(TypeError):
        Terms(0.03)
