"""The log: splits by user that stick, rows that are taken, and a fingerprint of what matters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from logs import ABSORBING, BINARY, PLAIN, log_of, measured, random_log
from reference.draw import WHOLE, number, user_word
from tactful.core.log import Coded
from tactful.core.outcomes import Objective
from tactful.errors import LogError

LOG = random_log(3, users=60, periods=4, outcomes=("engaged", "opens"))


def names(log):
    return set(log.user_ids[log.user])


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_a_split_gives_whole_users_to_one_side(share):
    fit, held = LOG.split(share, "s")
    assert names(fit) | names(held) == names(LOG)
    assert not names(fit) & names(held)
    assert fit.n + held.n == LOG.n
    assert (fit.part.held_out, held.part.held_out, held.part.share, fit.part.salt) == (False, True, share, "s")


def test_the_split_is_the_keyed_number_of_the_user():
    held = names(LOG.split(0.3, "salt")[1])
    expected = {u for u in names(LOG) if number(user_word(u), 0, "split:salt", "sticky") < round(0.3 * WHOLE)}
    assert held == expected


def test_the_same_salt_gives_the_same_users_in_any_log():
    held = names(LOG.split(0.3, "a")[1])
    rows = np.random.default_rng(0).permutation(LOG.n)[: LOG.n // 2]
    part = LOG.take(rows)
    assert names(part.split(0.3, "a")[1]) == held & names(part)
    other = log_of(
        users=["u1", "u59", "new"], period=[0, 0, 0], action=[0, 1, 2], outcomes=[measured(BINARY, [0, 0, 1])]
    )
    assert names(other.split(0.3, "a")[1]) - {"new"} == held & {"u1", "u59"}
    assert held != names(LOG.split(0.3, "b")[1])
    assert held < names(LOG.split(0.6, "a")[1])


def test_the_share_of_users_is_binomial():
    """20,000 users; a right split fails once in 10⁶."""
    n = 20_000
    log = log_of(users=np.arange(n), period=np.zeros(n), action=np.zeros(n), outcomes=[measured(BINARY, np.zeros(n))])
    assert stats.binomtest(log.split(0.3)[1].users, n, 0.3).pvalue > 1e-6


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_that_is_no_share_is_refused(share):
    with pytest.raises(LogError, match="share"):
        LOG.split(share)


def test_a_part_is_not_split_again():
    for part in LOG.split(0.3):
        with pytest.raises(LogError, match="already"):
            part.split(0.3)


def full(log):
    n, k = log.n, log.actions.k
    return replace(
        log,
        propensities=np.full((n, k), 1 / k),
        eligible=np.ones((n, k), bool),
        context=np.arange(2.0 * n).reshape(n, 2),
        fallback=Coded(np.arange(n) % 2, ("", "why")),
    )


def test_taking_rows_takes_them_everywhere():
    log = full(LOG)
    rows = np.array([5, 2, 100])
    part = log.take(rows)
    assert part.n == 3
    for column in (
        "user",
        "period",
        "segment",
        "action",
        "decided_at",
        "propensity",
        "propensities",
        "eligible",
        "context",
    ):
        np.testing.assert_array_equal(getattr(part, column), getattr(log, column)[rows])
    for column in ("arm", "policy", "scope", "fallback"):
        np.testing.assert_array_equal(getattr(part, column).code, getattr(log, column).code[rows])
    for o, m in part.outcomes.items():
        np.testing.assert_array_equal(m.value, log.outcomes[o].value[rows])
        np.testing.assert_array_equal(m.mature, log.outcomes[o].mature[rows])
    np.testing.assert_array_equal(part.outcomes["opens"].trials, log.outcomes["opens"].trials[rows])
    assert part.user_ids is log.user_ids
    mask = np.isin(np.arange(log.n), rows)
    assert log.take(mask).fingerprint() == log.take(np.flatnonzero(mask)).fingerprint()
    assert log.take(np.zeros(0, np.int64)).users == 0


def test_the_number_of_users_counts_those_with_a_row():
    assert LOG.users == 60
    assert LOG.take(LOG.user < 7).users == 7


def test_known_and_missing_look_at_every_outcome():
    nan = np.nan
    log = log_of(
        users="abcd",
        period=[0] * 4,
        action=[0] * 4,
        outcomes=[measured(BINARY, [1, nan, 0, nan], mature=[True] * 4), measured(ABSORBING, [0, 0, nan, nan])],
        objective=Objective({"engaged": 1.0, "opted_out": -15.0}),
    )
    assert log.known(("engaged",)).tolist() == [True, False, True, False]
    assert log.known(("engaged", "opted_out")).tolist() == [True, False, False, False]
    assert log.missing(("engaged", "opted_out")).tolist() == [False, True, False, True]
    assert log.missing(("opted_out",)).tolist() == [False] * 4
    np.testing.assert_array_equal(log.reward(log.objective), [1, nan, nan, nan])


@given(
    st.integers(0, 239), st.sampled_from(["period", "action", "segment", "propensity", "decided_at", "engaged", "user"])
)
def test_the_fingerprint_sees_a_change_of_any_value(row, column):
    if column == "engaged":
        value = LOG.outcomes["engaged"].value.copy()
        value[row] = 1 - value[row]
        changed = replace(LOG, outcomes={**LOG.outcomes, "engaged": replace(LOG.outcomes["engaged"], value=value)})
    else:
        values = getattr(LOG, column).copy()
        values[row] = (
            values[row] / 2 if column == "propensity" else (values[row] + 1) % (60 if column == "user" else 10**18)
        )
        changed = replace(LOG, **{column: values})
    assert changed.fingerprint() != LOG.fingerprint()


def test_the_fingerprint_sees_the_order_of_rows_and_not_how_users_are_coded():
    rows = np.roll(np.arange(LOG.n), 1)
    assert LOG.take(rows).fingerprint() != LOG.fingerprint()
    back = np.arange(60)[::-1]
    recoded = replace(LOG, user=back[LOG.user], user_ids=LOG.user_ids[back], user_key=LOG.user_key[back])
    assert (
        recoded.fingerprint()
        == LOG.fingerprint()
        == random_log(3, users=60, outcomes=("engaged", "opens")).fingerprint()
    )


def test_coded_names_that_do_not_occur():
    coded = Coded.constant("policy", 3)
    assert coded.equals("policy").all()
    assert not coded.equals("control").any()
    assert PLAIN.k == 3
