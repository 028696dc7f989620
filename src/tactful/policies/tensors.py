"""Arrays as safetensors, in numpy alone: sizes, names, types and places are checked before an array is made.

The format is 8 bytes with the length of a JSON header, the header, and the arrays one after the other. Only what
``pack`` writes is read: its names in order, no gaps, nothing after the last array.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tactful.errors import PolicyFormatError

MAX_BYTES = 1 << 30
MAX_HEADER = 1 << 16
_TYPES = {"F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "I64": np.dtype("<i8")}
_NAMES = {v: k for k, v in _TYPES.items()}

Arrays = Mapping[str, NDArray[Any]]


def pack(arrays: Arrays) -> bytes:
    """The bytes of a safetensors file; the same for equal arrays."""
    return b"".join((_header(arrays), *(np.ascontiguousarray(arrays[name]).tobytes() for name in sorted(arrays))))


def digest(arrays: Arrays) -> str:
    """The sha256 of the bytes that :func:`pack` gives, without making them."""
    sha = sha256(_header(arrays))
    for name in sorted(arrays):
        sha.update(np.ascontiguousarray(arrays[name]).data)
    return sha.hexdigest()


def _header(arrays: Arrays) -> bytes:
    entries: dict[str, Any] = {}
    offset = 0
    for name in sorted(arrays):
        array = arrays[name]
        entries[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    raw = json.dumps(entries, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)
    return len(raw).to_bytes(8, "little") + raw


def unpack(raw: bytes, expected: Mapping[str, tuple[str, int]], where: str) -> dict[str, Any]:
    """The arrays in a file of :func:`pack`, read-only views of its bytes.

    Parameters
    ----------
    raw
        The whole file.
    expected
        The type (``F64``, ``F32``, ``I64``) and the number of axes of every array.
    where
        Of the file, for errors.

    Raises
    ------
    PolicyFormatError
        Anything else than these arrays, whole and finite.
    """
    try:
        length = int.from_bytes(raw[:8], "little")
        if len(raw) < 8 or not 2 <= length <= min(MAX_HEADER, len(raw) - 8):
            raise ValueError("its header has an impossible length")
        entries: dict[str, Any] = json.loads(raw[8 : 8 + length])
        if list(entries) != sorted(expected):
            raise ValueError(f"its arrays are not {', '.join(sorted(expected))}")
        return _views(raw, 8 + length, entries, expected)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PolicyFormatError(f"not the arrays of a policy ({detail})", where, "save it again") from None


def _views(
    raw: bytes, start: int, entries: Mapping[str, Any], expected: Mapping[str, tuple[str, int]]
) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    offset = 0
    for name, entry in entries.items():
        kind, axes = expected[name]
        shape: list[Any] = entry["shape"]
        if set(entry) != {"dtype", "shape", "data_offsets"} or entry["dtype"] != kind:
            raise ValueError(f"{name} is not of type {kind}")
        if type(shape) is not list or len(shape) != axes or any(type(x) is not int or x < 1 for x in shape):
            raise ValueError(f"{name} has not {axes} axes")
        size = prod(shape)
        end = offset + size * _TYPES[kind].itemsize
        if entry["data_offsets"] != [offset, end] or start + end > len(raw):
            raise ValueError(f"{name} does not lie where it should")
        array = np.frombuffer(raw, _TYPES[kind], size, start + offset).reshape(shape)
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds values that are not finite")
        arrays[name], offset = array, end
    if start + offset != len(raw):
        raise ValueError("there are bytes after the last array")
    return arrays
