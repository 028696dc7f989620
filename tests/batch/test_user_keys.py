"""Keys of users and sticky arms in batch are those of one user at a time, whatever the threads."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tactful.batch import keys
from tactful.core import parallel
from tactful.core.draw import user_key, user_keys
from tactful.policies.arms import Arms


def text_keys(ids):
    encoded = [i.encode() for i in ids]
    return keys.text_keys(b"".join(encoded), np.array([len(e) for e in encoded], np.int64)).tolist()


@given(st.lists(st.text() | st.sampled_from(["", "x" * 127, "x" * 128, "x" * 129, "é" * 128, "y" * 300])))
def test_the_keys_of_texts_are_hashlibs(ids):
    assert text_keys(ids) == [user_key(i) for i in ids]


def test_a_number_and_its_text_are_one_user():
    assert user_key(42) == user_key("42")
    assert user_keys([42, "x"]).tolist() == [user_key("42"), user_key("x")]


def test_threads_do_not_matter(monkeypatch):
    ids = [f"u{i}" * (i % 60) for i in range(100)]
    monkeypatch.setattr(keys, "MIN_THREAD_ROWS", 4)
    monkeypatch.setattr(parallel, "THREADS", 3)
    assert text_keys(ids) == [user_key(i) for i in ids]
    arms = Arms(0.3, 0.3)
    assert keys.arms_of(arms, user_keys(ids)).tolist() == arms.assign(user_keys(ids)).tolist()
