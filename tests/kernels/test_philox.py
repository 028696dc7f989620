"""Philox4x32-10 gives the words of the Random123 distribution (its file kat_vectors), and uniforms inside (0, 1)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tactful.kernels import philox
from tactful.kernels.jit import OUT_U64_1, U64_0, kernel

# counter words, key words, output words
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


@kernel(U64_0, U64_0, U64_0, OUT_U64_1)
def block_of(seed, row, lane, out):
    out[0], out[1] = philox.block(seed, row, lane)


def words(text):
    return [int(w, 16) for w in text.split()]


def joined(low, high):
    return np.uint64(low | high << 32)


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN, ids=["zeros", "ones", "pi"])
def test_known_answers(counter, key, expected):
    c, k = words(counter), words(key)
    out = np.empty(2, np.uint64)
    block_of(joined(*k), joined(*c[:2]), joined(*c[2:]), out)
    assert [int(w) >> s & 0xFFFFFFFF for w in out for s in (0, 32)] == words(expected)


def uniforms(seed, rows, lane):
    out = np.empty(rows.size)
    philox.uniforms(np.uint64(seed), rows, np.uint64(lane), out)
    return out


def test_uniforms_depend_on_seed_row_and_lane_alone():
    rows = np.arange(50, dtype=np.uint64)
    whole = uniforms(7, rows, 3)
    np.testing.assert_array_equal(
        np.concatenate([uniforms(7, rows[30:], 3), uniforms(7, rows[:30], 3)]), np.roll(whole, 20)
    )
    assert not (whole == uniforms(8, rows, 3)).any()
    assert not (whole == uniforms(7, rows, 4)).any()


def test_uniforms_are_uniform():
    """Kolmogorov–Smirnov; a right generator fails once in 10⁶."""
    u = uniforms(1, np.arange(20_000, dtype=np.uint64), 0)
    assert ((u > 0) & (u < 1)).all()
    assert stats.kstest(u, "uniform").pvalue > 1e-6
