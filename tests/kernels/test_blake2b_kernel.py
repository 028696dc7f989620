"""BLAKE2b in batch is hashlib's, keyed or not."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.draw import number, user_word
from tactful.core.draw import draw_key, uniform, user_key
from tactful.kernels import blake2b as kernels

I64 = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-(2**63), -1, 0, 1, 2**63 - 1])
U64 = st.integers(0, 2**64 - 1) | st.sampled_from([0, 2**64 - 1])
LENGTHS = [0, 1, 7, 8, 9, 127, 128, 129, 255, 256, 257, 1000]  # of texts: a block holds 128 bytes


def keys(texts):
    out = np.empty(len(texts), np.uint64)
    ends = np.cumsum([len(t) for t in texts], dtype=np.int64)
    kernels.keys(np.frombuffer(b"".join(texts), np.uint8), ends, out)
    return out.tolist()


def uniforms(users, periods, key):
    out = np.empty(len(users), np.uint32)
    words = np.frombuffer(key, "<u8").astype(np.uint64)
    kernels.uniforms(np.array(users, np.uint64), np.array(periods, np.int64), words, out)
    return out.tolist()


def little(digest):
    return int.from_bytes(digest, "little")


@given(st.lists(st.binary(max_size=300) | st.sampled_from(LENGTHS).map(bytes), max_size=6))
def test_keys_of_texts_one_after_the_other(texts):
    assert keys(texts) == [little(blake2b(t, digest_size=8).digest()) for t in texts]


@pytest.mark.parametrize("length", LENGTHS)
def test_keys_of_texts_at_the_ends_of_blocks(length):
    text = bytes(i % 251 for i in range(length))
    assert keys([text, b"", text]) == [little(blake2b(t, digest_size=8).digest()) for t in (text, b"", text)]


@given(st.lists(st.tuples(U64, I64), max_size=5), st.binary(min_size=32, max_size=32))
def test_every_row_is_the_upper_half_of_hashlibs_digest(rows, key):
    texts = [u.to_bytes(8, "little") + p.to_bytes(8, "little", signed=True) for u, p in rows]
    expected = [little(blake2b(t, key=key, digest_size=8).digest()) >> 32 for t in texts]
    assert uniforms([u for u, _ in rows], [p for _, p in rows], key) == expected
    assert [uniform(u, p, key) for u, p in rows] == expected


@given(st.text(), I64, st.text(), st.text())
def test_the_draw_of_a_decision_is_the_references(user, period, salt, scope):
    expected = number(user_word(user), period, salt, scope)
    assert uniform(user_key(user), period, draw_key(salt, scope)) == expected
    assert uniforms([user_key(user)], [period], draw_key(salt, scope)) == [expected]


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
