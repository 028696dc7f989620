"""The only module that imports numba: every kernel takes its options from here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import wraps
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

import numba
import numpy as np
from numba import types

_numba: Any = numba

# Inputs are C-contiguous and read-only, so that one compiled variant serves writable arrays and the
# read-only ones that polars hands out, and refuses float32 or strided arrays instead of recompiling.
_types: Any = types
F64_0, I64_0, U64_0 = _types.float64, _types.int64, _types.uint64


def _array(element: Any, ndim: int, *, out: bool) -> Any:
    return _types.Array(element, ndim, "C", readonly=not out)


F64_1, F64_2, F64_3 = (_array(_types.float64, d, out=False) for d in (1, 2, 3))
I64_1, I64_2 = (_array(_types.int64, d, out=False) for d in (1, 2))
U64_1, U64_2 = (_array(_types.uint64, d, out=False) for d in (1, 2))
U32_1 = _array(_types.uint32, 1, out=False)
U8_1 = _array(_types.uint8, 1, out=False)
BOOL_1, BOOL_2 = (_array(_types.boolean, d, out=False) for d in (1, 2))
OUT_F64_1, OUT_F64_2, OUT_F64_3 = (_array(_types.float64, d, out=True) for d in (1, 2, 3))
OUT_I64_1, OUT_I64_2 = (_array(_types.int64, d, out=True) for d in (1, 2))
OUT_U64_1, OUT_U64_2 = (_array(_types.uint64, d, out=True) for d in (1, 2))
OUT_U32_1 = _array(_types.uint32, 1, out=True)


def _cache_folder() -> str | None:
    """A folder for compiled code named by the kernels' sources, so that an edit can never meet stale code."""
    digest = sha256(_numba.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    for folder in _cache_places(digest.hexdigest()[:16]):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return str(folder)
    return None


def _cache_places(digest: str) -> Iterator[Path]:
    """Where compiled code may be kept: as numba is told, else as users are, else in their home if they have one."""
    if numba_folder := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(numba_folder).absolute() / f"tactful-{digest}"
    if user_folder := os.environ.get("XDG_CACHE_HOME"):
        yield Path(user_folder) / "tactful" / f"kernels-{digest}"
        return
    if os.environ.get("HOME") == "":  # the root folder is nobody's home
        return
    try:
        home = Path.home()
    except RuntimeError:  # neither HOME nor an entry in the list of users, as in containers
        return
    yield home / ".cache" / "tactful" / f"kernels-{digest}"


_COMPILING = Lock()
_CACHE = None if _numba.config.DISABLE_JIT else _cache_folder()


def _compiled(function: Callable[..., Any]) -> Any:
    # The default error model checks every division, which stops vectorisation.
    if _CACHE is None:
        return _numba.njit(error_model="numpy", nogil=True)(function)
    before = _numba.config.CACHE_DIR
    _numba.config.CACHE_DIR = _CACHE
    try:
        return _numba.njit(error_model="numpy", nogil=True, cache=True)(function)
    finally:
        _numba.config.CACHE_DIR = before


def _compile(compiled: Any, signature: Any) -> Any:
    """Compile a kernel; where the cache turns out to be full, or gone, without one."""
    try:
        compiled.compile(signature)
    except OSError:
        compiled = _numba.njit(error_model="numpy", nogil=True)(compiled.py_func)
        compiled.compile(signature)
    compiled.disable_compile()
    return compiled


def kernel(*arguments: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Compile for exactly these argument types, at the first call; the kernel fills its ``out`` arrays."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        if _numba.config.DISABLE_JIT:
            return _wrapping(function)
        compiled = _compiled(function)

        @wraps(function)
        def call(*values: Any) -> None:
            nonlocal compiled
            if not compiled.signatures:
                with _COMPILING:  # threads may meet at the first call
                    if not compiled.signatures:
                        compiled = _compile(compiled, _types.void(*arguments))
            compiled(*values)

        return call

    return decorate


def helper(function: Callable[..., Any]) -> Any:
    """A function that kernels call: compiled and inlined with them."""
    return function if _numba.config.DISABLE_JIT else _numba.njit(error_model="numpy", nogil=True)(function)


def summing(function: Callable[..., Any]) -> Any:
    """A helper whose sums may be taken in any order, and so in vectors: their last bits depend on the processor."""
    if _numba.config.DISABLE_JIT:
        return function
    return _numba.njit(error_model="numpy", nogil=True, fastmath={"reassoc"})(function)


def inlined(function: Callable[..., Any]) -> Any:
    """A helper that becomes a part of its caller before any loop is looked at, so that the loop can vectorise."""
    if _numba.config.DISABLE_JIT:
        return function
    return _numba.njit(error_model="numpy", nogil=True, inline="always")(function)


def _wrapping(function: Callable[..., None]) -> Callable[..., None]:
    """Without the JIT, unsigned arithmetic of NumPy scalars must wrap silently, as it does when compiled."""

    @wraps(function)
    def call(*values: Any) -> None:
        with np.errstate(over="ignore"):
            function(*values)

    return call
