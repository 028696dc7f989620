"""What is compiled gives the numbers of the plain function, takes the arrays that it names, and refuses others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from logs import JIT
from tactful.kernels import jit
from tactful.kernels.jit import F64_0, F64_1, OUT_F64_1, OUT_U64_1, U64_0, U64_1, helper, inlined, kernel, summing

compiled = pytest.mark.skipif(not JIT, reason="of compiled kernels")


def square(x):
    """x²."""
    return x * x


def total(x):
    value = 0.0
    for i in range(x.size):
        value += x[i]
    return value


jitted_square, inlined_square, jitted_total = helper(square), inlined(square), summing(total)


@kernel(F64_1, F64_0, OUT_F64_1)
def polynomial(x, shift, out):
    """x² + x² + Σ x + shift."""
    for i in range(x.size):
        out[i] = jitted_square(x[i]) + inlined_square(x[i]) + jitted_total(x) + shift


@kernel(U64_1, U64_0, OUT_U64_1)
def wrapped(x, factor, out):
    """Products modulo 2**64."""
    for i in range(x.size):
        out[i] = x[i] * factor


@kernel(F64_1, F64_1, OUT_F64_1)
def quotients(x, y, out):
    """x / y, as IEEE 754 has it where y is 0."""
    for i in range(x.size):
        out[i] = x[i] / y[i]


def read_only(array):
    array.setflags(write=False)
    return array


def test_a_kernel_and_its_helpers_are_the_plain_functions():
    x, out = read_only(np.array([1.5, -2.0, 0.0])), np.empty(3)
    polynomial(x, 0.25, out)
    assert out.tolist() == [square(v) + square(v) + total(x) + 0.25 for v in x.tolist()]
    polynomial(x[:0], 0.0, out[:0])
    assert (polynomial.__name__, polynomial.__doc__) == ("polynomial", "x² + x² + Σ x + shift.")


def test_sums_in_any_order_are_the_sum():
    x = np.random.default_rng(1).normal(size=1000)
    assert jitted_total(x) == pytest.approx(sum(x.tolist()), rel=1e-12)


def test_unsigned_products_wrap_without_a_warning():
    x, out = np.array([2**64 - 1, 3], np.uint64), np.empty(2, np.uint64)
    wrapped(x, np.uint64(2**63 + 5), out)
    assert out.tolist() == [v * (2**63 + 5) % 2**64 for v in x.tolist()]


@compiled
def test_divisions_by_zero_are_those_of_the_standard():
    out = np.empty(3)
    quotients(np.array([1.0, -1.0, 0.0]), np.zeros(3), out)
    assert out[:2].tolist() == [np.inf, -np.inf]
    assert np.isnan(out[2])


@compiled
@pytest.mark.parametrize(
    "x", [np.ones(3, np.float32), np.ones(6)[::2], np.ones(3, np.int64), np.ones((3, 1)), [1.0, 2.0, 3.0]]
)
def test_other_arrays_are_refused(x):
    with pytest.raises(TypeError):
        polynomial(x, 0.0, np.empty(3))


@compiled
def test_what_is_read_only_is_not_written():
    with pytest.raises(TypeError):
        polynomial(np.ones(3), 0.0, read_only(np.empty(3)))


@compiled
def test_the_cache_is_named_by_the_sources(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = Path(jit._cache_folder())
    assert folder.is_dir()
    assert folder.parent == tmp_path / "tactful"
    source = tmp_path / "sources" / "jit.py"
    source.parent.mkdir()
    source.write_text("# another version")
    monkeypatch.setattr(jit, "__file__", str(source))
    assert jit._cache_folder() not in (None, str(folder))


def test_no_cache_where_none_can_be_written(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    (tmp_path / "tactful").write_text("a file where a folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert jit._cache_folder() is None


def homeless(monkeypatch, **variables):
    """The cache's folder of a user without an entry in the list of users, with these variables alone."""
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr("os.getuid", lambda: 12345)
    folder = jit._cache_folder()
    return None if folder is None else Path(folder)


def test_nobody_needs_a_home(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert homeless(monkeypatch) is None
    assert homeless(monkeypatch, HOME="") is None
    assert homeless(monkeypatch, HOME="/dev/null") is None
    assert list(tmp_path.iterdir()) == []
    assert homeless(monkeypatch, HOME=tmp_path).parent == tmp_path / ".cache" / "tactful"


def test_the_folder_that_numba_is_told_comes_first(monkeypatch, tmp_path):
    folder = homeless(monkeypatch, NUMBA_CACHE_DIR=tmp_path / "numba", XDG_CACHE_HOME=tmp_path, HOME="/dev/null")
    assert folder.parent == tmp_path / "numba"
    assert folder.name.startswith("tactful-")
    assert homeless(monkeypatch, NUMBA_CACHE_DIR=tmp_path, HOME="/dev/null").parent == tmp_path
    monkeypatch.chdir(tmp_path)
    assert homeless(monkeypatch, NUMBA_CACHE_DIR="relative").parent == tmp_path / "relative"
    elsewhere = homeless(monkeypatch, NUMBA_CACHE_DIR="/dev/null/x", XDG_CACHE_HOME=tmp_path)
    assert elsewhere.parent == tmp_path / "tactful"


@compiled
def test_a_cache_that_is_full_is_done_without(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(jit, "_CACHE", str(tmp_path))
    doubled = kernel(F64_1, OUT_F64_1)(double)
    monkeypatch.setattr("numba.core.caching.FunctionCache.save_overload", full)
    out = np.empty(2)
    doubled(np.array([1.0, 2.0]), out)
    assert out.tolist() == [2.0, 4.0]


def double(x, out):
    """2 x."""
    for i in range(x.size):
        out[i] = 2 * x[i]
