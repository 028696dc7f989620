"""Philox4x32-10 gives the words of the Random123 distribution (its file kat_vectors), and uniforms inside (0, 1)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reference import philox as reference
from tactful.kernels import philox
from tactful.kernels.jit import OUT_F64_1, OUT_U64_1, U64_0, kernel

# Words of the counter, of the key, and of the output.
ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
U64 = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 2**32, 2**64 - 1])


@kernel(U64_0, U64_0, U64_0, OUT_U64_1)
def fill_block(seed, row, lane, out):
    out[0], out[1] = philox.block(seed, row, lane)


@kernel(U64_0, U64_0, U64_0, OUT_F64_1)
def fill_uniforms(seed, row, lane, out):
    out[0] = philox.uniform(seed, row, lane)
    out[1], out[2] = philox.two_uniforms(seed, row, lane)


def block_words(*key):
    out = np.empty(2, np.uint64)
    fill_block(*map(np.uint64, key), out)
    return [int(w) >> shift & 0xFFFFFFFF for w in out for shift in (0, 32)]


def numbers(text):
    return [int(w, 16) for w in text.split()]


def joined(low, high):
    return low | high << 32


@pytest.mark.parametrize(("counter", "key", "expected"), ANSWERS, ids=["zeros", "ones", "pi"])
def test_the_published_answers(counter, key, expected):
    c, k = numbers(counter), numbers(key)
    words = joined(*k), joined(*c[:2]), joined(*c[2:])
    assert block_words(*words) == reference.words(*words) == numbers(expected)


@given(U64, U64, U64)
def test_a_block_is_the_plain_one(seed, row, lane):
    assert block_words(seed, row, lane) == reference.words(seed, row, lane)


@given(U64, U64, U64)
def test_uniforms_are_the_plain_ones(seed, row, lane):
    out = np.empty(3)
    fill_uniforms(*map(np.uint64, (seed, row, lane)), out)
    first, second = reference.uniforms(seed, row, lane)
    assert out.tolist() == [first, first, second]
    assert uniforms(seed, np.array([row], np.uint64), lane).tolist() == [first]


def uniforms(seed, rows, lane):
    out = np.empty(rows.size)
    philox.uniforms(np.uint64(seed), rows, np.uint64(lane), out)
    return out


def test_no_rows_give_no_uniforms():
    assert uniforms(1, np.empty(0, np.uint64), 0).size == 0


def test_uniforms_depend_on_seed_row_and_lane_alone():
    rows = np.arange(50, dtype=np.uint64)
    together = uniforms(7, rows, 3)
    np.testing.assert_array_equal(
        np.concatenate([uniforms(7, rows[30:], 3), uniforms(7, rows[:30], 3)]), np.roll(together, 20)
    )
    assert not (together == uniforms(8, rows, 3)).any()
    assert not (together == uniforms(7, rows, 4)).any()


def test_uniforms_are_uniform():
    """Kolmogorov–Smirnov; a right generator fails once in 10⁶."""
    u = uniforms(1, np.arange(20_000, dtype=np.uint64), 0)
    assert ((u > 0) & (u < 1)).all()
    assert stats.kstest(u, "uniform").pvalue > 1e-6
