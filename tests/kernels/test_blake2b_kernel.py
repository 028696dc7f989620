"""The kernel's keyed BLAKE2b is hashlib's."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reference.draw import number, user_word
from tactful.batch import keys
from tactful.batch.keys import text_keys
from tactful.core import parallel
from tactful.core.draw import draw_key, uniform, user_key, user_keys
from tactful.kernels.blake2b import uniforms
from tactful.policies.arms import Arms

I64 = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-(2**63), -1, 0, 1, 2**63 - 1])
U64 = st.integers(0, 2**64 - 1) | st.sampled_from([0, 2**64 - 1])


def batch(users, periods, key):
    out = np.empty(len(users), np.uint32)
    words = np.frombuffer(key, "<u8").astype(np.uint64)
    uniforms(np.array(users, np.uint64), np.array(periods, np.int64), words, out)
    return out.tolist()


@given(st.lists(st.tuples(U64, I64), min_size=1, max_size=5), st.binary(min_size=32, max_size=32))
def test_every_row_is_the_upper_half_of_hashlibs_digest(rows, key):
    users, periods = zip(*rows, strict=True)
    expected = [
        int.from_bytes(
            blake2b(u.to_bytes(8, "little") + p.to_bytes(8, "little", signed=True), key=key, digest_size=8).digest()[
                4:
            ],
            "little",
        )
        for u, p in rows
    ]
    assert batch(users, periods, key) == expected
    assert [uniform(u, p, key) for u, p in rows] == expected


@given(st.text(), I64, st.text(), st.text())
def test_the_draw_of_a_decision_is_the_references(user, period, salt, scope):
    expected = number(user_word(user), period, salt, scope)
    assert uniform(user_key(user), period, draw_key(salt, scope)) == expected
    assert batch([user_key(user)], [period], draw_key(salt, scope)) == [expected]


def test_a_number_and_its_text_are_one_user():
    assert user_key(42) == user_key("42")
    assert user_keys([42, "x"]).tolist() == [user_key("42"), user_key("x")]


def test_salt_scope_user_and_period_each_change_the_draw():
    draws = {
        number(user_word(u), p, salt, scope)
        for u in ("a", "b")
        for p in (0, 1)
        for salt in ("s", "t")
        for scope in ("", "c")
    }
    assert len(draws) == 16
    assert draw_key("a", "b") != draw_key("ab", "")


def test_threads_do_not_matter(monkeypatch):
    ids = [f"u{i}" * (i % 60) for i in range(100)]
    raw = [i.encode() for i in ids]
    text, lengths = b"".join(raw), np.array([len(r) for r in raw], np.int64)
    monkeypatch.setattr(keys, "LEAST", 4)
    monkeypatch.setattr(parallel, "THREADS", 3)
    assert keys.text_keys(text, lengths).tolist() == [user_key(i) for i in ids]
    arms = Arms(0.3, 0.3)
    assert keys.arms_of(arms, user_keys(ids)).tolist() == arms.assign(user_keys(ids)).tolist()


@given(st.lists(st.text() | st.sampled_from(["", "x" * 127, "x" * 128, "x" * 129, "é" * 128, "y" * 300])))
def test_the_keys_of_texts_are_hashlibs(ids):
    raw = [i.encode() for i in ids]
    assert text_keys(b"".join(raw), np.array([len(r) for r in raw], np.int64)).tolist() == [user_key(i) for i in ids]
