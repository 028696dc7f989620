"""Keys, uniforms and sticky arms of many users at once, equal to those of ``core.draw``; on all cores."""

from __future__ import annotations

import numpy as np

from tactful.core.arrays import I64, U32, U64, Text
from tactful.core.draw import draw_key
from tactful.core.parallel import in_threads
from tactful.kernels import blake2b
from tactful.policies.arms import POLICY, Arms

MIN_THREAD_ROWS = 1 << 14  # rows that are worth a thread


def text_keys(text: bytes, lengths: I64) -> U64:
    """(n,) the keys of users whose ids stand one after the other in ``text`` (UTF-8), ``lengths`` (n,) in bytes.

    >>> from tactful.core.draw import user_keys
    >>> bool((text_keys(b"u-1u-42", np.array([3, 4])) == user_keys(["u-1", "u-42"])).all())
    True
    """
    data, ends = np.frombuffer(text, np.uint8), np.cumsum(lengths, dtype=np.int64)
    out = np.empty(ends.size, np.uint64)

    def work(rows: slice) -> None:
        start = int(ends[rows.start - 1]) if rows.start else 0
        blake2b.keys(data[start:], ends[rows] - start, out[rows])

    in_threads(work, ends.size, MIN_THREAD_ROWS)
    return out


def uniforms(user_key: U64, period: I64, key: bytes) -> U32:
    """(n,) the uniforms of decisions, as ``core.draw.uniform``."""
    words = np.frombuffer(key, "<u8").astype(np.uint64)
    out = np.empty(user_key.size, np.uint32)

    def work(rows: slice) -> None:
        blake2b.uniforms(user_key[rows], period[rows], words, out[rows])

    in_threads(work, user_key.size, MIN_THREAD_ROWS)
    return out


def arms_of(arms: Arms, user_key: U64) -> Text:
    """(n,) the sticky arm of each user, as ``Arms.assign``."""
    if arms.bounds[1] == 0:
        return np.full(user_key.size, POLICY, object)
    return arms.split(uniforms(user_key, np.zeros(user_key.size, np.int64), draw_key(arms.key, "sticky")))
